"""Files to layers: the config, what it includes, its profiles."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit.config.interpolate import interpolate
from evalkit.config.merge import merge_maps, spell_out_models
from evalkit.config.nodes import Entry, KeyPath, ListNode, MapNode, Node, Place, Scalar, below, place_of
from evalkit.config.problems import ConfigErrors, Problem, Problems, describe
from evalkit.config.yaml_nodes import decode_yaml, parse_yaml
from evalkit.registry import nearest

__all__ = ["Layers", "read_layers"]

_NOT_IN_A_PROFILE = ("include", "profiles", "version")


@dataclass(slots=True)
class Layers:
    """The file over its includes, and each profile apart."""

    tree: MapNode
    profiles: dict[str, MapNode] = field(default_factory=dict[str, MapNode])

    def profile(self, name: str) -> MapNode:
        """Return the profile called `name`.

        Raises:
            ConfigErrors: there is none; the message names the nearest.
        """
        if name not in self.profiles:
            place = place_of(self.tree, ("profiles",), of_key=True)
            raise ConfigErrors(
                [Problem(place, ("profiles",), f"no profile is called {name!r}{nearest(name, self.profiles)}")]
            )
        return self.profiles[name]


def read_layers(path: Path, env: Mapping[str, str], problems: Problems) -> Layers:
    """Read a config and everything it includes; fragments come first, in their order.

    Raises:
        ConfigErrors: the file itself cannot be read as one mapping. What is wrong with a fragment is noted.
    """
    tree = _Reader(env, problems).read(path, "file", (path.resolve(),))
    layers = Layers(tree)
    written = tree.get("profiles")
    if isinstance(written, MapNode):
        for name, entry in written.entries.items():
            if not name.startswith("x-"):
                layers.profiles[name] = _check_profile(_in_layer(entry.node, f"profile {name}"), problems)
    return layers


def _check_profile(node: Node, problems: Problems) -> MapNode:
    if not isinstance(node, MapNode):
        problems.add(node.place, (), f"must be a mapping, not {describe(node)}")
        return MapNode({}, node.place)
    for key in _NOT_IN_A_PROFILE:
        if key in node.entries:
            problems.add(node.entries[key].key_place, (key,), "cannot stand in a profile; write it outside")
    entries = {key: entry for key, entry in node.entries.items() if key not in _NOT_IN_A_PROFILE}
    return spell_out_models(MapNode(entries, node.place))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads files that include files."""

    env: Mapping[str, str]
    problems: Problems

    def read(self, path: Path, layer: str, chain: tuple[Path, ...]) -> MapNode:
        """Return the file over its includes; `chain` is the way of includes that led here, this file last."""
        tree = _parse_file(path, layer)
        under = MapNode({}, tree.place)
        include = tree.get("include")
        if include is not None and not isinstance(include, ListNode):
            self.problems.add(include.place, ("include",), f"must be a list, not {describe(include)}")
        for where, node in below(tree, "include"):
            under = merge_maps(under, self._fragment(path, where, node, chain))
        return merge_maps(under, spell_out_models(tree))

    def _fragment(self, path: Path, where: KeyPath, node: Node, chain: tuple[Path, ...]) -> MapNode:
        nothing = MapNode({}, node.place)
        filled = interpolate(node, self.env, str)
        if not (isinstance(filled.node, Scalar) and isinstance(filled.node.value, str)):
            is_seen_by_the_schema = len(chain) == 1
            if not is_seen_by_the_schema:
                self.problems.add(node.place, where, f"must be text, not {describe(node)}")
            return nothing
        if filled.problems:
            self.problems.extend(replace(problem, path=where) for problem in filled.problems)
            return nothing
        fragment = Path(os.path.normpath(path.parent / filled.node.value))
        target = fragment.resolve()
        if target in chain:
            names = " -> ".join(each.name for each in (*chain[chain.index(target) :], target))
            self.problems.add(node.place, where, f"the files include each other: {names}")
            return nothing
        if not target.is_file():
            self.problems.add(node.place, where, f"there is no file {fragment}; paths start at the including file")
            return nothing
        try:
            return self.read(fragment, "include", (*chain, target))
        except ConfigErrors as error:
            self.problems.extend(error.problems)
            return nothing


def _parse_file(path: Path, layer: str) -> MapNode:
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read ({error.strerror}); check the path"
        raise ConfigErrors([Problem(Place(str(path), layer=layer), (), message)]) from None
    node = parse_yaml(decode_yaml(data, str(path), layer), str(path), layer)
    if isinstance(node, MapNode):
        return node
    message = "is empty" if node is None else f"is not a mapping of keys, but {describe(node)}"
    place = Place(str(path), 1, 1, layer) if node is None else node.place
    raise ConfigErrors([Problem(place, (), f"{message}; `evalkit init` writes a config to start from")])


def _in_layer(node: Node, layer: str) -> Node:
    place = replace(node.place, layer=layer)
    if isinstance(node, ListNode):
        return ListNode(tuple(_in_layer(item, layer) for item in node.items), place)
    if isinstance(node, MapNode):
        return MapNode(
            {
                key: Entry(replace(e.key_place, layer=layer), _in_layer(e.node, layer))
                for key, e in node.entries.items()
            },
            place,
        )
    return replace(node, place=place)
