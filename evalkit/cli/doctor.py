"""`evalkit doctor`: is everything there that a run needs, and if not, what to do."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import click

from evalkit.cli.doctor_page import DoctorPage
from evalkit.cli.run import resolve_weave
from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.load import load_config
from evalkit.config.schema import Config, ProviderSpec, ThrottleSpec
from evalkit.doctor import Patient, examine
from evalkit.doctor_calls import MOST_TOKENS
from evalkit.doctor_findings import Finding, Status, exit_code_of
from evalkit.doctor_here import about_store, about_wandb, about_weights
from evalkit.doctor_load import most_calls
from evalkit.errors import AccessError, ConfigError, ExitCode
from evalkit.lease_names import lease_folder
from evalkit.opening import build_provider
from evalkit.protocols import Provider
from evalkit.weave_io.client import default_store_path

__all__ = ["command"]

_DEFAULT = "wandb"


@click.command("doctor", help="Check keys, project, models, limits and Weave; say what to do.")
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--project", metavar="TEAM/PROJECT", help="Who pays for the calls, without a config or instead of its.")
@click.option("--most", type=click.IntRange(1, 512), default=16, show_default=True, help="Most calls at once to try.")
@click.option("--no-load", is_flag=True, help="Do not measure how many calls at once are taken.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def command(
    config: Path | None,
    *,
    profile: str | None,
    overrides: tuple[str, ...],
    project: str | None,
    most: int,
    no_load: bool,
    as_json: bool,
) -> ExitCode:
    """Look at CONFIG's providers and at Weave, or at W&B Inference without a config.

    Each model is asked once, for a few tokens. Code 6: key, project, account, region or model; 3: outage or quota.
    """
    loaded = None if config is None else load_config(config, profile=profile, overrides=overrides, env=os.environ)
    checked = None if loaded is None else loaded.config
    base_dir = Path.cwd() if loaded is None else loaded.path.parent
    places = list(_places(checked, base_dir, project, 0 if no_load else most))
    with DoctorPage(as_json=as_json, secrets=_secrets(places)) as page:
        page.announce(_announce(places))
        findings = asyncio.run(_look(places, checked, page))
    code = exit_code_of(findings)
    if as_json:
        listed = [finding.describe() for finding in findings]
        click.echo(page.hide(json.dumps({"exit_code": int(code), "findings": listed}, indent=1)))
    return code


_Place = Patient | tuple[str, Provider] | Finding
"""A provider to call, one that calls nobody, or why there is none."""


def _places(config: Config | None, base_dir: Path, project: str | None, most: int) -> list[_Place]:
    """Return the providers that the config's models name, each as far as it can be built; or W&B Inference."""
    specs = {**BUILTIN_PROVIDERS, **({} if config is None else config.providers)}
    named = [_DEFAULT] if config is None else sorted({model.provider for model in config.models})
    return [_place(config, name, specs[name], base_dir, project=project, most=most) for name in named]


def _place(
    config: Config | None, name: str, spec: ProviderSpec, base_dir: Path, *, project: str | None, most: int
) -> _Place:
    try:
        provider = build_provider(name, spec, base_dir)
    except ConfigError as error:
        return Finding(name, "provider", Status.FAIL, f"{error}: correct the config", error.exit_code)
    if not hasattr(provider, "key_variable"):
        return name, provider
    return Patient(
        name,
        provider,
        models=[model for model in config.models if model.provider == name] if config else [],
        project=project or (config.weave.project if config else None),
        throttle=spec.throttle or (config.throttle if config else ThrottleSpec()),
        most=most,
        leases=lease_folder(),
    )


def _announce(places: Sequence[_Place]) -> str:
    patients = [place for place in places if isinstance(place, Patient)]
    each = sum(max(1, len({model.id for model in patient.models})) for patient in patients)
    load = sum(most_calls(patient.most) for patient in patients if patient.most)
    if not each:
        return "asks no model"
    more = f", and up to {load} to see how many at once are taken (--no-load leaves them out)" if load else ""
    return f"up to {each} tiny call{'s' if each > 1 else ''} of at most {MOST_TOKENS} tokens{more}"


async def _look(places: Sequence[_Place], config: Config | None, page: DoctorPage) -> list[Finding]:
    findings: list[Finding] = []
    for place in places:
        async for finding in _look_at(place):
            findings.append(finding)
            page.add(finding)
    async for finding in _look_at_weave(config):
        findings.append(finding)
        page.add(finding)
    page.conclude(findings)
    return findings


async def _look_at(place: _Place) -> AsyncGenerator[Finding]:
    if isinstance(place, Patient):
        async for finding in examine(place):
            yield finding
    elif isinstance(place, Finding):
        yield place
    elif hasattr(place[1], "gguf"):
        for finding in about_weights(*place):
            yield finding
    else:
        yield Finding(place[0], "provider", Status.OK, "it calls nobody: nothing to look at")


async def _look_at_weave(config: Config | None) -> AsyncGenerator[Finding]:
    if config is None:
        yield await about_wandb(os.environ)
        return
    try:
        target, reason = resolve_weave(config, os.environ, publish=True)
    except AccessError as error:
        yield Finding("weave", "backend", Status.FAIL, str(error), error.exit_code)
        return
    yield Finding("weave", "backend", Status.OK, f"{target.backend}, because {reason}")
    if target.backend in {"local", "both"}:
        yield await about_store(default_store_path(os.environ, Path.cwd()))
    if target.backend in {"wandb", "both"}:
        yield await about_wandb(os.environ)


def _secrets(places: Sequence[_Place]) -> tuple[str, ...]:
    patients = [place for place in places if isinstance(place, Patient)]
    variables = {getattr(patient.provider, "key_variable", None) for patient in patients} | {"WANDB_API_KEY"}
    return tuple(value for name in variables if name and (value := os.environ.get(name, "").strip()))
