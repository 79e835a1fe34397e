"""The options of scorers and providers, held against the plugins they name."""

import dataclasses

from evalkit.config.nodes import KeyPath, MapNode, below, find, plain, text_at
from evalkit.config.problems import Problems
from evalkit.config.schema import ProviderSpec, ScorerSpec
from evalkit.errors import ConfigError
from evalkit.records import Json
from evalkit.registry import OptionError, Registry, nearest

__all__ = ["find_plugin_problems"]

_OPTION_DEPTH = 3
_GIVEN = ("base_dir",)
"""Fields that evalkit fills in: no options of the config."""


def find_plugin_problems(tree: MapNode, problems: Problems) -> None:
    """Note every scorer and provider that does not exist, and every option its plugin does not take."""
    for section, spec in (("scorers", ScorerSpec), ("providers", ProviderSpec)):
        registry = Registry(f"evalkit.{section}")
        for path, node in below(tree, section):
            use = text_at(tree, *path, "use")
            if use is not None and isinstance(node, MapNode):
                _check(tree, path, _Plugin(registry, use, tuple(spec.model_fields)), problems)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plugin:
    """One plugin by name, and the keys of its section that are not its options."""

    registry: Registry
    use: str
    common: tuple[str, ...]

    def fields(self) -> tuple[str, ...]:
        """Return the names of its options."""
        return tuple(
            field.name
            for field in dataclasses.fields(self.registry.plugin(self.use))
            if field.init and field.name not in _GIVEN
        )


def _check(tree: MapNode, path: KeyPath, plugin: _Plugin, problems: Problems) -> None:
    try:
        fields = plugin.fields()
    except ConfigError as error:
        problems.at(tree, (*path, "use"), str(error))
        return
    options: dict[str, Json] = {}
    for each, node in below(tree, *path):
        key = str(each[-1])
        if key in fields:
            options[key] = plain(node)
        elif key not in plugin.common:
            close = nearest(key, (*fields, *plugin.common))
            problems.at_key(tree, each, f"{plugin.registry.noun} {plugin.use!r} has no such option{close}")
    _check_values(tree, path, plugin, options, problems)


def _check_values(tree: MapNode, path: KeyPath, plugin: _Plugin, options: dict[str, Json], problems: Problems) -> None:
    dropped: set[str] = set()
    while True:
        try:
            plugin.registry.build(plugin.use, options)
        except OptionError as error:
            key = error.key.split(".")[0]
            if key in dropped:
                return
            reason = str(error).split(": ", 1)[-1].removeprefix("Value error, ")
            problems.at(
                tree, _written_path(tree, path, error.key), "is required" if reason == "Field required" else reason
            )
            if options.pop(key, None) is None:
                return
            dropped.add(key)
        else:
            return


def _written_path(tree: MapNode, path: KeyPath, key: str) -> KeyPath:
    """Return the path of an option as far as it is written: pydantic's also names the members of unions."""
    for part in key.split(".") if key else ():
        longer = (*path, int(part) if part.isdecimal() else part)
        if find(tree, longer) is None and len(longer) > _OPTION_DEPTH:
            break
        path = longer
    return path
