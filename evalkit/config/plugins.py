"""The options of scorers, providers and alert channels, held against the plugins they name."""

import dataclasses
from pathlib import Path

from evalkit.bound_model import UnboundModel
from evalkit.config.expand import expand_models
from evalkit.config.nodes import KeyPath, MapNode, Node, below, find, plain, text_at
from evalkit.config.problems import Problems
from evalkit.config.schema import AlertSpec, ProviderSpec, ScorerSpec
from evalkit.errors import ConfigError
from evalkit.extract import Extractor
from evalkit.records import Json
from evalkit.registry import OptionError, Registry, nearest

__all__ = ["find_plugin_problems"]

_SECTIONS = {("scorers",): ScorerSpec, ("providers",): ProviderSpec, ("nightly", "alerts"): AlertSpec}


def find_plugin_problems(tree: MapNode, problems: Problems, base_dir: Path) -> None:
    """Note every plugin that does not exist, and every option or extraction step that does not fit.

    `base_dir` is the config's folder, for plugins that read files beside it.
    """
    for section, spec in _SECTIONS.items():
        registry = Registry(f"evalkit.{section[-1]}")
        for path, node in below(tree, *section):
            use = text_at(tree, *path, "use")
            if use is not None and isinstance(node, MapNode):
                _check(tree, path, _Plugin(registry, use, tuple(spec.model_fields), base_dir), problems)
    for path, _ in below(tree, "scorers"):
        for chain in ("extract", "lenient_extract"):
            for step, node in below(tree, *path, chain):
                _check_step(tree, step, node, problems)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plugin:
    """One plugin by name, and the keys of its section that are not its options."""

    registry: Registry
    use: str
    common: tuple[str, ...]
    base_dir: Path

    def fields(self) -> tuple[str, ...]:
        """Return the names of its fields."""
        return tuple(field.name for field in dataclasses.fields(self.registry.plugin(self.use)) if field.init)


def _check(tree: MapNode, path: KeyPath, plugin: _Plugin, problems: Problems) -> None:
    try:
        fields = plugin.fields()
    except ConfigError as error:
        problems.at(tree, (*path, "use"), str(error))
        return
    takes = [name for name in fields if name != "base_dir"]
    options: dict[str, Json] = {"base_dir": str(plugin.base_dir)} if "base_dir" in fields else {}
    for each, node in below(tree, *path):
        key = str(each[-1])
        if key in takes:
            options[key] = plain(node)
        elif key == "range":
            problems.at_key(tree, each, f"{plugin.use!r} gives values in [0, 1] only; leave it out")
        elif key not in plugin.common:
            close = nearest(key, (*takes, *plugin.common))
            problems.at_key(tree, each, f"{plugin.registry.noun} {plugin.use!r} has no such option{close}")
    _check_values(tree, path, plugin, options, problems)


def _check_values(tree: MapNode, path: KeyPath, plugin: _Plugin, options: dict[str, Json], problems: Problems) -> None:
    """Build the plugin, again without each option that is refused: one build tells of one option.

    What is wrong with a key that sections have in common is the schema's to tell.
    """
    dropped: set[str] = set()
    while True:
        try:
            _check_judges(tree, path, plugin.registry.build(plugin.use, options), problems)
        except OptionError as error:
            key = error.key.split(".")[0]
            if key in dropped or key in plugin.common:
                return
            message = str(error).split(": ", 1)[-1].removeprefix("Value error, ")
            message = "is required" if message == "Field required" else message
            problems.at(tree, _written_path(tree, path, error.key), message)
            if options.pop(key, None) is None:
                return
            dropped.add(key)
        else:
            return


def _check_judges(tree: MapNode, path: KeyPath, built: object, problems: Problems) -> None:
    """Hold the labels of a plugin's models against the judges there are."""
    assert dataclasses.is_dataclass(built)
    labels = {each.name: getattr(built, each.name) for each in dataclasses.fields(built)}
    named = {name: value.label for name, value in labels.items() if isinstance(value, UnboundModel)}
    if not named:
        return
    models = find(tree, ("models",))
    roles = {str(m.spec["label"]): m.spec.get("role") for m in expand_models(plain(models) if models else [])}
    judges = [label for label, role in roles.items() if role == "judge"]
    for name, label in named.items():
        if label in judges:
            continue
        if label in roles:
            what = f"{label!r} is a candidate; give a judge an entry of its own under models, with role: judge"
        else:
            what = f"no model with role: judge has the label {label!r}{nearest(label, judges)}"
        problems.at(tree, (*path, name), what)


def _check_step(tree: MapNode, path: KeyPath, node: Node, problems: Problems) -> None:
    try:
        Extractor.compile([plain(node)])
    except ConfigError as error:
        problems.at(tree, path, str(error).removeprefix("extract: "))


def _written_path(tree: MapNode, path: KeyPath, key: str) -> KeyPath:
    """Return the path of an option as far as it is written: pydantic's also names the members of unions."""
    option = len(path) + 1
    for part in key.split(".") if key else ():
        longer = (*path, int(part) if part.isdecimal() else part)
        if find(tree, longer) is None and len(longer) > option:
            break
        path = longer
    return path
