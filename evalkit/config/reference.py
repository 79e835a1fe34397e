"""Every key of the config file as one Markdown page, made from the schema."""

import json
import typing
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.not_yet import NOT_YET
from evalkit.config.schema import Config
from evalkit.config.shape import Shape, members, spec_of

__all__ = ["render_reference"]

_SINGLE: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "true, false"}

_INTRODUCTION = """\
<!-- Made by `evalkit schema --markdown`; edit evalkit/config/schema.py instead. -->
# The config file

One YAML file says what is asked, of which models, and how answers are scored. `evalkit init` writes one to start from,
`evalkit validate CONFIG` checks one without asking a model, `evalkit config show CONFIG` prints every effective value
with its origin, `evalkit schema` prints the JSON Schema for editors.

## Rules of the file

* YAML 1.2: `no`, `on`, `yes` and dates are text; `1e-3` is a number. Duplicate keys are refused. Anchors, aliases and
  `<<` work.
* Unknown keys, wrong types and names that nothing defines are errors, each with file, line and column, all at once.
* `${NAME}` and `${NAME:-default}` stand for environment variables in values, not in keys. What comes of it is read as
  what the key wants: `limit: ${N:-8}` is a number; where anything goes (params, rows, options) quotes keep it text. An
  unset or empty variable takes the default; unset without one is an error. `$${` is a plain `${`.
  A variable whose name says that it holds a secret is refused; a provider's `api_key_env` *names* its key's variable.
* Keys that start with `x-` are ignored: a place for notes and for anchors.
* A template in one line needs quotes: `prompt: "{{ input }}"`.
* Precedence: `--set a.b=c` > profile > file > include > default. Mappings merge deeply; lists are replaced whole. In
  `--set` an index stands for an entry of a list: `--set models.0.params.temperature=0`.
* `include` paths start at the including file; every other relative path starts at the config's folder.
* Left out `evaluations` mean one for each dataset, with the prompt `"{{ input }}"` and every scorer.
* A prompt that is one word is a name under `prompts`; anything else is a template.
* Further keys of a scorer or a provider are the options of the plugin that `use` names.
* A duration (`timeout`, `max_elapsed`, `base`, `cap`, `max_time`) is seconds, or a number with `ms`, `s`, `m`, `h`.
* Keys marked *not yet* are documented and refused.
"""


def render_reference() -> str:
    """Return the reference of all keys, section by section, in the order of the schema."""
    parts = [_INTRODUCTION, "## Top level\n", _table(Config, "")]
    for path, spec in _sections():
        parts += [f"## {path}\n", _document(spec), _table(spec, path)]
    return "\n".join([*parts, _builtin_providers()])


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    seen = {spec for info in Config.model_fields.values() for spec, _ in _specs_below(info.annotation)}
    for name, info in Config.model_fields.items():
        for spec, step in _specs_below(info.annotation):
            yield f"{name}{step}", spec
            yield from _inner_sections(spec, f"{name}{step}.", seen)


def _inner_sections(
    spec: type[BaseModel], path: str, seen: set[type[BaseModel]]
) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in spec.model_fields.items():
        for inner, step in _specs_below(info.annotation):
            if inner not in seen:
                seen.add(inner)
                yield f"{path}{name}{step}", inner
                yield from _inner_sections(inner, f"{path}{name}{step}.", seen)


def _specs_below(shape: Shape, step: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    for member in members(shape):
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member, step
        elif origin is list:
            yield from _specs_below(arguments[0], f"{step}[]")
        elif origin is dict:
            yield from _specs_below(arguments[1], f"{step}.NAME")


def _document(spec: type[BaseModel]) -> str:
    return f"{(spec.__doc__ or '').strip()}\n"


def _table(spec: type[BaseModel], path: str) -> str:
    lines = ["| key | value | default | what it says |", "| --- | --- | --- | --- |"]
    for name, info in spec.model_fields.items():
        key = info.alias or name
        note = _not_yet(f"{path}.{key}" if path else key)
        text = " ".join(part for part in (info.description or "", note) if part)
        lines.append(f"| `{key}` | {_kind(info.annotation)} | {_default(info)} | {text} |")
    return "\n".join([*lines, ""])


def _kind(shape: Shape) -> str:
    return " or ".join(dict.fromkeys(_kind_of(member) for member in members(shape)))


def _kind_of(member: Shape) -> str:
    origin, arguments = typing.get_origin(member), typing.get_args(member)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is list:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        inner = "" if arguments[1] is Any else f" to {_kind(arguments[1])}"
        keys = _kind(arguments[0]) if typing.get_origin(arguments[0]) is Literal else "mapping"
        return "sections by name" if spec_of(arguments[1]) else f"{keys}{inner}"
    if isinstance(member, type) and issubclass(member, BaseModel):
        return "section"
    return next((word for kind, word in _SINGLE.items() if member is kind), "anything")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    default = info.default if info.default is not PydanticUndefined else info.get_default(call_default_factory=True)
    if default is None or isinstance(default, BaseModel) or default in ({}, [], ""):
        return ""
    return f"`{json.dumps(default)}`"


def _not_yet(path: str) -> str:
    accepted = NOT_YET.get(path.replace("[]", ".*").replace("NAME", "*"))
    if not accepted:
        return "" if accepted is None else "(*not yet*)"
    today = ", ".join(f"`{json.dumps(value)}`" for value in accepted)
    return f"(*not yet*: other than {today})"


def _builtin_providers() -> str:
    lines = [
        "## Built-in providers\n",
        "They need no entry under `providers`; an entry of the same name replaces one.\n",
    ]
    for name, spec in BUILTIN_PROVIDERS.items():
        keys = spec.model_dump(exclude_none=True)
        written = ", ".join(
            f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in keys.items()
        )
        lines.append(f"* `{name}`: `{{{written}}}`")
    return "\n".join([*lines, ""])
