"""`evalkit models`: what an endpoint serves beside what is known of it, and whether a config's models are there."""

import asyncio
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from evalkit.cli.model_table import print_models
from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.load import load_config
from evalkit.config.schema import Config, ProviderSpec
from evalkit.errors import AccessError, ConfigError, ExitCode, ProviderError
from evalkit.listed_models import ListedModel
from evalkit.offerings import Offerings, compare_list
from evalkit.preflight import fetch_models, name_missing
from evalkit.protocols import Provider, ProviderContext
from evalkit.records import Json
from evalkit.registry import Registry, nearest
from evalkit.report.terminal import clean_text

__all__ = ["command"]

_DEFAULT = "wandb"
_WITHOUT_KEY = "`evalkit models --offline` shows the catalogue without a key"


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """One provider to ask; `wanted` maps the config's model ids to their labels."""

    name: str
    spec: ProviderSpec
    wanted: Mapping[str, Sequence[str]]

    def build(self) -> Provider | None:
        """Return the provider when its kind keeps a list of models at all."""
        registry = Registry("evalkit.providers")
        options = {field.name for field in dataclasses.fields(registry.plugin(self.spec.use))}
        if "check_models" not in options:
            return None
        built = registry.build(self.spec.use, self.spec.options)
        return built if isinstance(built, Provider) else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer:
    """What came back from one provider; `found` is None where there is nothing to compare."""

    place: _Place
    url: str
    listed: tuple[ListedModel, ...] | None = None
    found: Offerings | None = None
    note: str = ""
    error: AccessError | ProviderError | None = None

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        found = self.found
        return {
            "provider": self.place.name,
            "url": self.url,
            "lists_models": self.listed is not None,
            "note": self.note or None,
            "error": None if self.error is None else str(self.error),
            "missing": [] if found is None else list(found.missing),
            "models": [] if found is None else [model.describe() for model in found.models],
        }


@click.command("models", help="Show what an endpoint serves beside what is known of it.")
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--provider", metavar="NAME", help="Only this provider, of the config or built in.")
@click.option("--base-url", metavar="URL", help="Ask this address, without a config.")
@click.option("--api-key-env", metavar="VAR", help="The variable that holds the key for --base-url.")
@click.option("--project", metavar="TEAM/PROJECT", help="Whose limits and credits the question counts for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option("--offline", is_flag=True, help="Ask nobody: show the catalogue.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    config: Path | None,
    *,
    profile: str | None,
    overrides: tuple[str, ...],
    provider: str | None,
    base_url: str | None,
    api_key_env: str | None,
    project: str | None,
    as_json: bool,
    offline: bool,
) -> ExitCode:
    """List the models of W&B Inference, of a config's providers, or of any OpenAI-compatible address.

    With CONFIG, its models are marked, and one that its provider does not list ends the command with code 6.
    """
    if base_url is None and api_key_env is not None:
        raise click.UsageError("--api-key-env goes with --base-url; a config names its key's variable itself")
    if base_url is not None and (config is not None or provider is not None):
        raise click.UsageError("--base-url is asked instead of a config or a provider: give one of them")
    loaded = None if config is None else load_config(config, profile=profile, overrides=overrides, env=os.environ)
    checked = None if loaded is None else loaded.config
    if base_url is not None:
        places = [_at_address(base_url, api_key_env, is_billed=project is not None)]
    else:
        places = list(_places(checked, provider))
    project = project or (None if checked is None else checked.weave.project)
    answers = asyncio.run(_ask_all(places, project, offline=offline))
    _print(answers, as_json=as_json)
    _raise_first(answers)
    return ExitCode.DONE


def _places(config: Config | None, only: str | None) -> Iterator[_Place]:
    """Yield the providers that a config's models name, or the one that is asked for, or W&B Inference."""
    known = {**BUILTIN_PROVIDERS, **({} if config is None else config.providers)}
    named = sorted({model.provider for model in config.models}) if config is not None else [_DEFAULT]
    if only is not None and only not in known:
        raise ConfigError(f"--provider {only!r} is no provider of the config or built in{nearest(only, known)}")
    for name in named if only is None else [only]:
        wanted: dict[str, list[str]] = {}
        for model in () if config is None else config.models:
            if model.provider == name:
                wanted.setdefault(model.id, []).append(model.label)
        yield _Place(name, known[name], wanted)


def _at_address(base_url: str, api_key_env: str | None, *, is_billed: bool) -> _Place:
    options: dict[str, Json] = {"use": "openai", "base_url": base_url, "project_header": is_billed}
    if api_key_env is not None:
        options["api_key_env"] = api_key_env
    return _Place("--base-url", ProviderSpec.model_validate(options), {})


async def _ask_all(places: Sequence[_Place], project: str | None, *, offline: bool) -> list[_Answer]:
    return await asyncio.gather(*(_ask(place, project, offline=offline) for place in places))


async def _ask(place: _Place, project: str | None, *, offline: bool) -> _Answer:
    provider = place.build()
    if provider is None:
        return _Answer(place, "", note=f"provider {place.name} ({place.spec.use}) keeps no list of models")
    answer = _Answer(place, provider.url)
    if offline:
        return dataclasses.replace(answer, found=compare_list(None, url=provider.url, wanted=place.wanted))
    try:
        async with provider.open(ProviderContext(project)) as model:
            listed = await fetch_models(model)
    except (AccessError, ProviderError) as error:
        return dataclasses.replace(answer, error=error)
    found = compare_list(listed, url=provider.url, wanted=place.wanted)
    note = "" if listed else f"{provider.url} {'keeps no list' if listed is None else 'lists no model'}: not checked"
    return dataclasses.replace(answer, listed=listed, found=found, note=note)


def _print(answers: Sequence[_Answer], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"providers": [answer.describe() for answer in answers]}, indent=1))
    for answer in answers:
        if answer.note:
            click.echo(answer.note, err=True)
        if answer.found is not None and not as_json:
            print_models(f"{answer.place.name}: {answer.url}", answer.found)
            for source in sorted({model.price.source for model in answer.found.models if model.price is not None}):
                click.echo(clean_text(f"prices of {answer.place.name}: {source}"), err=True)


def _raise_first(answers: Sequence[_Answer]) -> None:
    """Raise what matters most: a refused key or project, then models that are not there, then no answer."""
    refused = [answer.error for answer in answers if isinstance(answer.error, AccessError)]
    if refused:
        raise AccessError("\n".join((*map(str, refused), _WITHOUT_KEY)))
    absent = [
        f"{answer.place.name}: {answer.url} does not list {name_missing(answer.found.missing, answer.listed)}"
        for answer in answers
        if answer.found is not None and answer.listed and answer.found.missing
    ]
    if absent:
        raise AccessError("\n".join(absent))
    failed = [str(answer.error) for answer in answers if answer.error is not None]
    if failed:
        raise ProviderError("\n".join(failed))
