"""Options of a chat, or a config, to who is asked: models with their settings, providers, and where it is traced."""

import fnmatch
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from evalkit.cli.chat_session import ChatPlan
from evalkit.cli.weave_choice import WeaveChoice, choose_weave
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.config.schema import ModelSpec, ProviderSpec, WeaveSpec
from evalkit.errors import ConfigError
from evalkit.local_weights import DEFAULT_WEIGHTS
from evalkit.records import Json
from evalkit.weave_io.client import default_store_path

__all__ = ["Asked", "plan_chat", "read_settings"]

_DEFAULT, _LOCAL = "wandb", "local"
_NAME = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is asked, as the command line says it; None and () where it does not."""

    models: tuple[str, ...] = ()
    config: Path | None = None
    profile: str | None = None
    provider: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    project: str | None = None
    no_trace: bool = False


def plan_chat(asked: Asked, params: Mapping[str, Json], system: str | None) -> ChatPlan:
    """Return the plan; `params` and `system` go before what a config says of a model.

    Raises:
        ConfigError: options contradict each other, a model is missing, named twice or not in the config.
        AccessError: the config says wandb, and the key or the project is missing.
    """
    if asked.base_url is not None and (asked.config is not None or asked.provider is not None):
        raise ConfigError("--base-url is asked instead of a config or a provider: give one of them")
    if asked.base_url is None and asked.api_key_env is not None:
        raise ConfigError("--api-key-env goes with --base-url; a config names its key's variable itself")
    if asked.profile is not None and asked.config is None:
        raise ConfigError("--profile goes with --config")
    loaded = None if asked.config is None else load_config(asked.config, profile=asked.profile, env=os.environ)
    providers = _providers(asked, loaded)
    spec = WeaveSpec() if loaded is None else loaded.config.weave
    if asked.project is not None:
        spec = spec.model_copy(update={"project": asked.project})
    name = _NAME if loaded is None else loaded.config.name
    return ChatPlan(
        models=[_with_settings(model, params, system) for model in _models(asked, loaded, providers)],
        providers=providers,
        project=spec.project,
        base_dir=Path() if loaded is None else loaded.path.parent,
        weave=_choose_weave(spec, name, no_trace=asked.no_trace),
        store=default_store_path(os.environ, Path.cwd()),
    )


_NOT_HERE = {
    "model": "-m says which models are asked",
    "messages": "the prompt says it",
    "stream": "answers are streamed in any case",
    "stream_options": "tokens are asked for in any case",
    "n": "ask again for another answer",
}


def read_settings(settings: Mapping[str, Json], extra: Sequence[str]) -> dict[str, Json]:
    """Return the parameters that are given: options by their names, then KEY=VALUE, whose values are JSON or text.

    Raises:
        ConfigError: a pair has no key.
    """
    params = {name: value for name, value in settings.items() if value is not None}
    for pair in extra:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise ConfigError(f"--param {pair!r}: write KEY=VALUE, such as top_k=40")
        if key in _NOT_HERE:
            raise ConfigError(f"--param {key}: {_NOT_HERE[key]}")
        params[key] = _read_value(value)
    return params


def _read_value(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _providers(asked: Asked, loaded: LoadedConfig | None) -> Mapping[str, ProviderSpec]:
    if asked.base_url is None:
        return {} if loaded is None else loaded.config.providers
    options: dict[str, Json] = {"use": "openai", "base_url": asked.base_url}
    options["project_header"] = asked.project is not None
    if asked.api_key_env is not None:
        options["api_key_env"] = asked.api_key_env
    return {urlsplit(asked.base_url).hostname or "--base-url": ProviderSpec.model_validate(options)}


def _models(asked: Asked, loaded: LoadedConfig | None, providers: Mapping[str, ProviderSpec]) -> Sequence[ModelSpec]:
    if loaded is not None and asked.provider is None:
        return _of_config(asked.models, loaded.config.models)
    provider = next(iter(providers)) if asked.base_url is not None else asked.provider or _DEFAULT
    ids = asked.models
    if not ids and provider == _LOCAL and _LOCAL not in providers:
        ids = (DEFAULT_WEIGHTS.model,)
    if not ids:
        raise ConfigError("name the models to ask, each with -m; `evalkit models` lists what an endpoint serves")
    if twice := {name for name in ids if ids.count(name) > 1}:
        raise ConfigError(f"-m names {', '.join(sorted(twice))} twice; to compare settings, use labels of a --config")
    return [ModelSpec(id=name, provider=provider, label=name) for name in ids]


def _of_config(wanted: Sequence[str], models: Sequence[ModelSpec]) -> Sequence[ModelSpec]:
    """Return the models whose labels are wanted, without a wish all."""
    labels = [model.label for model in models]
    for pattern in wanted:
        if not any(fnmatch.fnmatchcase(label, pattern) for label in labels):
            raise ConfigError(f"-m {pattern!r} matches none of: {', '.join(labels)}")
    return [m for m in models if not wanted or any(fnmatch.fnmatchcase(m.label, pattern) for pattern in wanted)]


def _with_settings(model: ModelSpec, params: Mapping[str, Json], system: str | None) -> ModelSpec:
    changes: dict[str, Json] = {"params": {**model.params, **params}}
    return model.model_copy(update=changes if system is None else {**changes, "system": system})


def _choose_weave(spec: WeaveSpec, name: str, *, no_trace: bool) -> WeaveChoice:
    off = "--no-trace" if no_trace else None
    if spec.traces == "none":
        off = off or "weave.traces is none"
    return choose_weave(spec, os.environ, name=name, off=off)
