"""A checked config together with where each of its values was written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.expand import expand_models
from evalkit.config.nodes import KeyPath, MapNode, Place, Scalar, below, dotted, find, place_of, plain, text_at
from evalkit.config.problems import Problem
from evalkit.config.schema import Config
from evalkit.records import Json

__all__ = ["EffectiveValue", "LoadedConfig"]


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One value that a run uses, and who said so."""

    path: KeyPath
    value: Json
    origin: str


@dataclass(frozen=True)
class LoadedConfig:
    """A config ready to be planned. `path` is its file; relative paths in it start at that file's folder."""

    config: Config
    path: Path
    tree: MapNode
    profile: str | None = None
    warnings: tuple[Problem, ...] = ()

    def problem(self, path: KeyPath, message: str, *, is_warning: bool = False) -> Problem:
        """Return a problem of the value at `path` of the config, at the place where it is written."""
        written = self._written(path)
        return Problem(place_of(self.tree, written), written, message, is_warning)

    def evaluation_path(self, name: str) -> KeyPath:
        """Return where the evaluation called `name` stands in the config."""
        for path, _ in below(self.tree, "evaluations"):
            if text_at(self.tree, *path, "name") == name:
                return path
        return ("evaluations", name)

    @cached_property
    def effective(self) -> tuple[EffectiveValue, ...]:
        """Every value of the config, the defaults and the built-in providers in use too."""
        values = self.config.model_dump(mode="json", by_alias=True, exclude={"profiles", "include"})
        named = {model.provider for model in self.config.models} - self.config.providers.keys()
        values["providers"] |= {
            name: BUILTIN_PROVIDERS[name].model_dump(mode="json", exclude_none=True) for name in sorted(named)
        }
        return tuple(EffectiveValue(path, value, self._origin(path, named)) for path, value in _leaves(values))

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """Dotted path of each value -> who said so: file:line:column, a profile, --set, built in, or default."""
        return {dotted(each.path): each.origin for each in self.effective}

    def _origin(self, path: KeyPath, builtin: set[str]) -> str:
        if path[0] == "providers" and path[1] in builtin:
            return "built in"
        place = self._written_place(self._written(path))
        if place is None:
            return "default"
        return f"{place}, {place.layer}" if place.layer.startswith("profile ") else str(place)

    def _written_place(self, path: KeyPath) -> Place | None:
        for length in range(1, len(path) + 1):
            node = find(self.tree, path[:length])
            if node is None:
                return None
            if isinstance(node, Scalar):
                return node.place
        return place_of(self.tree, path)

    def _written(self, path: KeyPath) -> KeyPath:
        """Return where the value at `path` of the expanded config stands in the tree."""
        if path[:1] == ("models",) and len(path) > 1:
            path = ("models", self._model_indices[cast("int", path[1])], *path[2:])
            if len(path) > 3 and path[2] == "params" and find(self.tree, (*path[:2], "matrix", path[3])):  # noqa: PLR2004  models, index, params, name
                return (*path[:2], "matrix", path[3])
        if path[:1] == ("evaluations",) and path[2:3] == ("prompt",):
            name = text_at(self.tree, *path[:3])
            if name in self.config.prompts:
                return ("prompts", str(name), *path[3:])
        return path

    @cached_property
    def _model_indices(self) -> tuple[int, ...]:
        models = find(self.tree, ("models",))
        return tuple(model.index for model in expand_models(plain(models) if models else []))


def _leaves(value: Json, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Json]]:
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, Json]", value).items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(cast("list[Json]", value)):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value
