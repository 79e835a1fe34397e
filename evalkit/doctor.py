"""A check-up of one provider: key, project, list of models, a tiny call of each, and how many at once it takes."""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from evalkit.catalog import CATALOG, is_wandb_inference
from evalkit.config.schema import ModelSpec, ThrottleSpec
from evalkit.doctor_calls import about_call, about_load, access_check, ask_little
from evalkit.doctor_findings import Finding, Status
from evalkit.doctor_load import measure_load
from evalkit.errors import AccessError, ExitCode, ProviderError
from evalkit.lease_book import count_others
from evalkit.lease_names import lease_of
from evalkit.listed_models import ListedModel
from evalkit.preflight import fetch_models, find_missing, name_missing
from evalkit.protocols import Model, Provider, ProviderContext
from evalkit.records import FailureKind

__all__ = ["Patient", "examine"]

_LOAD_DEADLINE_S = 30.0
_PROJECT = re.compile(r"[^/\s]+/[^/\s]+")
_KEY_FORMS = {
    "WANDB_API_KEY": re.compile(r"(?:local-)?[0-9a-f]{40}|wandb_v\d_\w{20,}"),
    "OPENAI_API_KEY": re.compile(r"sk-[\w-]{16,}"),
}
_AFTER_SILENCE = 2
"""Calls without any reply after which the others are not waited for."""
_ENDS_ALL = {FailureKind.ACCESS, FailureKind.QUOTA}


@dataclass(frozen=True, slots=True)
class Patient:
    """One provider to look at, with the models a config asks of it; `most` calls at once are tried, none for 0.

    `deadline_s` bounds each question.
    """

    name: str
    provider: Provider
    models: Sequence[ModelSpec]
    project: str | None
    throttle: ThrottleSpec
    most: int
    leases: Path
    deadline_s: float = 10.0


async def examine(patient: Patient) -> AsyncGenerator[Finding]:
    """Yield what is found as it is found; a check that fails hides none that can still be made.

    The provider calls an OpenAI-compatible endpoint. Every check has a deadline of its own.
    """
    before = [*_about_key(patient), *_about_project(patient), *_about_others(patient)]
    for finding in before:
        yield finding
    if any(finding.status is Status.FAIL for finding in before):
        yield Finding(patient.name, "endpoint", Status.SKIP, "not asked: the key and the project come first")
        return
    try:
        async with patient.provider.open(ProviderContext(patient.project)) as model:
            async for finding in _ask_endpoint(patient, model, has_company=before[-1].status is Status.WARN):
                yield finding
    except (AccessError, ProviderError) as error:
        yield Finding(patient.name, "endpoint", Status.FAIL, str(error), error.exit_code)


def _about_key(patient: Patient) -> Iterator[Finding]:
    variable = getattr(patient.provider, "key_variable", None)
    say = partial(Finding, patient.name, "key")
    if variable is None:
        yield say(Status.OK, f"none is sent to {patient.provider.url}")
        return
    key = os.environ.get(variable, "").strip()
    where = " (https://wandb.ai/authorize shows it)" if variable == "WANDB_API_KEY" else ""
    form = _KEY_FORMS.get(variable)
    if not key:
        yield say(Status.FAIL, f"the variable {variable} is not set: export it{where}", ExitCode.ACCESS)
    elif not key.isascii() or not key.isprintable() or " " in key:
        yield say(Status.FAIL, f"{variable} holds spaces or special characters: copy the key again", ExitCode.ACCESS)
    elif form is not None and _has_known_keys(patient.provider.url) and not form.fullmatch(key):
        yield say(Status.WARN, f"{variable} does not look like a key of this endpoint: copy it again if it is refused")
    else:
        yield say(Status.OK, f"{variable} is set")


def _has_known_keys(url: str) -> bool:
    """Tell whether the form of an endpoint's keys is known."""
    return is_wandb_inference(url) or url.startswith("https://api.openai.com/")


def _about_project(patient: Patient) -> Iterator[Finding]:
    project, say = (patient.project or "").strip(), partial(Finding, patient.name, "project")
    if not getattr(patient.provider, "project_header", False):
        return
    if not project or project.startswith("local/"):
        advice = "set weave.project (or give --project) to your-team/your-project, which pays for the calls"
        yield say(Status.FAIL, f"none is given: {advice}", ExitCode.ACCESS)
    elif not _PROJECT.fullmatch(project) or not project.isascii():
        yield say(Status.FAIL, f"{project!r} is not of the form team/project: write it so", ExitCode.ACCESS)
    else:
        yield say(Status.OK, f"{project} pays for the calls and bounds them")


def _about_others(patient: Patient) -> Iterator[Finding]:
    name, say = lease_of(patient.provider, patient.project), partial(Finding, patient.name, "others")
    try:
        count = 0 if name is None else count_others(name=name, folder=patient.leases)
    except Exception as error:  # noqa: BLE001  a book that cannot be read hinders nobody; that is all there is to say
        yield say(Status.WARN, f"limits are not shared between processes here: {patient.leases}: {error}")
        return
    if count:
        said = "another evalkit process calls" if count == 1 else f"{count} other evalkit processes call"
        yield say(
            Status.WARN, f"{said} this endpoint now: runs share its limit and take longer", data={"others": count}
        )
    else:
        yield say(Status.OK, "no other evalkit process of yours calls this endpoint now", data={"others": 0})


async def _ask_endpoint(patient: Patient, model: Model, *, has_company: bool) -> AsyncGenerator[Finding]:
    listed: tuple[ListedModel, ...] | None = None
    try:
        listed = await fetch_models(model, deadline_s=patient.deadline_s)
    except AccessError as error:
        yield Finding(patient.name, access_check(str(error)), Status.FAIL, str(error), error.exit_code)
        yield Finding(patient.name, "call", Status.SKIP, "no model is asked: the endpoint refuses access")
        return
    except ProviderError as error:
        yield Finding(patient.name, "models", Status.FAIL, f"{error}: check base_url and the network", error.exit_code)
    else:
        yield _about_list(patient, listed)
    answering: list[ModelSpec] = []
    async for finding in _call_each(patient, model, _to_call(patient, listed), answering):
        yield finding
    if answering:
        who = patient.project if getattr(patient.provider, "project_header", False) else "this key"
        yield Finding(patient.name, "access", Status.OK, f"{who} may call: key, account and region are accepted")
    if patient.most:
        yield await _about_limit(patient, model, answering, has_company=has_company)


def _about_list(patient: Patient, listed: Sequence[ListedModel] | None) -> Finding:
    say = partial(Finding, patient.name, "models")
    if not listed:
        return say(Status.OK, "the endpoint keeps no list of models: the calls below tell", data={"listed": None})
    missing = find_missing([spec.id for spec in patient.models], listed)
    data = {"listed": len(listed), "missing": list(missing)}
    if missing:
        told = " ".join(name_missing(missing, listed).split())
        return say(Status.FAIL, f"{len(listed)} listed, but not {told}", ExitCode.ACCESS, data)
    all_there = "; every model of the config is among them" if patient.models else ""
    return say(Status.OK, f"{len(listed)} listed{all_there}", data=data)


def _to_call(patient: Patient, listed: Sequence[ListedModel] | None) -> list[ModelSpec]:
    """Return the models to call, each id with its first parameters; without a config, the smallest that is known."""
    missing = set(find_missing([spec.id for spec in patient.models], listed)) if listed else set[str]()
    wanted = {spec.id: spec for spec in reversed(patient.models) if spec.id not in missing}
    if patient.models:
        return list(reversed(wanted.values()))
    served = {row.id for row in listed or ()}
    known = sorted((info.total_parameters, info.id) for info in CATALOG.models if info.id in served or not listed)
    ids = (
        [name for _, name in known] if known and (listed or is_wandb_inference(patient.provider.url)) else list(served)
    )
    return [ModelSpec(id=name, provider=patient.name, label=name) for name in ids[:1]]


async def _call_each(
    patient: Patient, model: Model, specs: Sequence[ModelSpec], answering: list[ModelSpec]
) -> AsyncGenerator[Finding]:
    """Ask each model once, one after the other; one that answers is added to `answering`."""
    silent = 0
    for place, spec in enumerate(specs):
        began = time.perf_counter()
        answer = await ask_little(model, spec, patient.deadline_s)
        yield about_call(patient.name, spec.id, answer, time.perf_counter() - began)
        if answer.failure is None:
            answering.append(spec)
        failure = answer.failure
        silent = silent + 1 if failure is not None and failure.status is None else 0
        is_all = failure is not None and failure.kind in _ENDS_ALL and failure.status != 404  # noqa: PLR2004  one model
        left = len(specs) - place - 1
        if left and (is_all or silent >= _AFTER_SILENCE):
            yield Finding(patient.name, "call", Status.SKIP, f"{left} more not asked: they would fare the same")
            return


async def _about_limit(patient: Patient, model: Model, answering: Sequence[ModelSpec], *, has_company: bool) -> Finding:
    if not answering or has_company:
        why = "other processes use the endpoint" if answering else "no model answers"
        return Finding(patient.name, "limit", Status.SKIP, f"not measured: {why}")
    try:
        async with asyncio.timeout(_LOAD_DEADLINE_S):
            load = await measure_load(partial(ask_little, model, answering[0], patient.deadline_s), patient.most)
    except TimeoutError:
        return Finding(
            patient.name, "limit", Status.WARN, f"not measured within {_LOAD_DEADLINE_S:g} s: answers are slow"
        )
    return about_load(patient.name, load, patient.throttle)
