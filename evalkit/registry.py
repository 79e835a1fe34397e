"""A name and options to a plugin: found by file name or entry point, its fields checked against the options."""

import dataclasses
import difflib
import importlib
import json
import pkgutil
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from pydantic import TypeAdapter, ValidationError

from evalkit.bound_model import UnboundModel
from evalkit.errors import ConfigError
from evalkit.protocols import Model
from evalkit.records import Json

__all__ = ["OptionError", "Registry", "nearest"]


class OptionError(ConfigError):
    """An option of a plugin is unknown, missing or of the wrong type; `key` is its path below the plugin's name."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Registry:
    """The plugins of one package: its modules by file name, then the entry-point group of the same name."""

    package: str

    def names(self) -> tuple[str, ...]:
        """Return every plugin's name, sorted; nothing is imported but the package itself."""
        return tuple(sorted({*_modules(self.package), *_entry_points(self.package)}))

    def plugin(self, name: str) -> type:
        """Return the plugin class called `name`, or the class at `package.module:Class`.

        Raises:
            ConfigError: no plugin has that name; the message names the nearest ones.
        """
        if ":" in name:
            return _class_at(name)
        if name in _modules(self.package):
            return _only_class(f"{self.package}.{name}")
        if name in _entry_points(self.package):
            return _class_at(_entry_points(self.package)[name])
        raise ConfigError(f"no {self.noun} is called {name!r}{nearest(name, self.names())}")

    @property
    def noun(self) -> str:
        """What one plugin is called in a message: scorer, provider, source."""
        return self.package.rsplit(".", 1)[-1].removesuffix("s")

    def build(self, name: str, options: Mapping[str, Json]) -> object:
        """Return the plugin with `options` as its fields.

        Raises:
            ConfigError: the name is unknown.
            OptionError: an option is unknown, missing or of the wrong type.
        """
        plugin = self.plugin(name)
        known = tuple(field.name for field in dataclasses.fields(plugin) if field.init)
        for key in options:
            if key not in known:
                raise OptionError(f"{self.noun} {name!r} has no option {key!r}{nearest(key, known)}", key)
        try:
            return _as_itself(_adapter(plugin).validate_json(json.dumps(dict(options)), strict=True), plugin)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise OptionError(f"{self.noun} {name!r}, option {key!r}: {first['msg']}", key) from None


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the closest of `known`, else "; known: a, b, c"."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


@cache
def _modules(package: str) -> frozenset[str]:
    path = importlib.import_module(package).__path__
    return frozenset(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))


@cache
def _entry_points(group: str) -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=group)}


@cache
def _adapter(plugin: type) -> TypeAdapter[object]:
    """Return what reads a plugin's options; a field annotated `Model` is read as the label of a model."""
    hints = typing.get_type_hints(plugin)
    models = [field for field in dataclasses.fields(plugin) if hints.get(field.name) is Model]
    if not models:
        return TypeAdapter(plugin)
    labels = [(field.name, UnboundModel, dataclasses.field(kw_only=field.kw_only)) for field in models]
    return TypeAdapter(dataclasses.make_dataclass(plugin.__name__, labels, bases=(plugin,), frozen=True))


def _as_itself(made: typing.Any, plugin: type) -> object:
    """Return a plugin that was read by a form of its own as what it is."""
    if type(made) is plugin:
        return made
    return plugin(**{field.name: getattr(made, field.name) for field in dataclasses.fields(plugin) if field.init})


def _only_class(module_name: str) -> type:
    module = importlib.import_module(module_name)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module_name and not value.__name__.startswith("_")
    ]
    if len(found) != 1 or not dataclasses.is_dataclass(found[0]):
        raise ConfigError(
            f"{module_name} must hold exactly one public class, a frozen dataclass; it holds {len(found)}"
        )
    return found[0]


def _class_at(address: str) -> type:
    module_name, _, class_name = address.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"cannot import {address!r}: {error}; write package.module:Class of an installed package"
        ) from None
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise ConfigError(
            f"{address!r} is not a dataclass; a plugin is a frozen dataclass whose fields are its options"
        )
    return found
