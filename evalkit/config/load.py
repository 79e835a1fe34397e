"""File to Config: read, merge, fill in, check, expand; every problem is reported at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.config.expand import expand_config
from evalkit.config.gate_rules import find_gate_doubts, find_gate_problems
from evalkit.config.interpolate import interpolate
from evalkit.config.layers import Layers, read_layers
from evalkit.config.loaded import LoadedConfig
from evalkit.config.merge import merge_maps, parse_override, set_value, spell_out_models
from evalkit.config.nodes import MapNode, plain
from evalkit.config.not_yet import find_not_yet
from evalkit.config.plugins import find_plugin_problems
from evalkit.config.problems import ConfigErrors, Problems
from evalkit.config.references import find_dangling_names
from evalkit.config.rules import find_broken_rules
from evalkit.config.schema import Config
from evalkit.config.schema_problems import find_schema_problems
from evalkit.config.shape import drop_ignored_keys
from evalkit.config.unused import find_unused

__all__ = ["load_config"]

_CHECKS = (find_schema_problems, find_not_yet, find_dangling_names, find_broken_rules, find_gate_problems)
_READ_ALREADY = ("include", "profiles")
"""Their variables are filled in elsewhere: an include's when it is read, a profile's when it is chosen."""


def load_config(
    path: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> LoadedConfig:
    """Return the checked config in a YAML file.

    Args:
        path: the file.
        profile: the name under `profiles` of the partial config to lay over the file.
        overrides: `a.b=c` strings, as of --set; the last word is theirs.
        env: where `${NAME}` is looked up.

    Raises:
        ConfigErrors: a line for everything that is wrong; nothing was asked and nothing was spent.
    """
    problems, path = Problems(), Path(path)
    layers = read_layers(path, env, problems)
    tree = _fill_in(_merge(layers, profile, overrides, problems), env, problems)
    for find_problems in _CHECKS:
        find_problems(tree, problems)
    find_plugin_problems(tree, problems, path.parent)
    for name, partial in layers.profiles.items():
        if name != profile:
            find_schema_problems(_fill_in(merge_maps(layers.tree, partial), env, Problems()), problems)
    problems.raise_if_any()
    config = Config.model_validate(expand_config(plain(tree)))
    doubts = Problems()
    find_unused(tree, doubts)
    find_gate_doubts(tree, doubts)
    warnings = tuple(replace(problem, is_warning=True) for problem in doubts.sorted())
    return LoadedConfig(config, path, tree, profile, warnings)


def _merge(layers: Layers, profile: str | None, overrides: Sequence[str], problems: Problems) -> MapNode:
    tree = layers.tree
    try:
        tree = tree if profile is None else merge_maps(tree, layers.profile(profile))
    except ConfigErrors as error:
        problems.extend(error.problems)
    for text in overrides:
        try:
            tree = spell_out_models(set_value(tree, parse_override(text)))
        except ConfigErrors as error:
            problems.extend(error.problems)
    return tree


def _fill_in(tree: MapNode, env: Mapping[str, str], problems: Problems) -> MapNode:
    kept = {key: entry for key, entry in tree.entries.items() if key in _READ_ALREADY}
    rest = {key: entry for key, entry in tree.entries.items() if key not in _READ_ALREADY}
    filled = interpolate(drop_ignored_keys(MapNode(rest, tree.place), Config), env, Config)
    problems.extend(filled.problems)
    assert isinstance(filled.node, MapNode)
    return MapNode({**filled.node.entries, **kept}, tree.place)
