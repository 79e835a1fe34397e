"""Layers to one tree: maps merge deeply, lists and scalars replace; --set puts one value at one path."""

from dataclasses import replace

from evalkit.config.nodes import Entry, KeyPath, ListNode, MapNode, Node, Place, Scalar, dotted
from evalkit.config.problems import ConfigErrors, Problem
from evalkit.config.yaml_nodes import parse_yaml

__all__ = ["Override", "merge_maps", "parse_override", "set_value", "spell_out_models"]

_READ_BEFORE = ("include", "profiles")
Override = tuple[KeyPath, Node]
"""One --set: where, and the value."""


def merge_maps(under: MapNode, over: MapNode) -> MapNode:
    """Return `over` laid on `under`: maps under one key are merged deeply, anything else of `over` wins."""
    entries = dict(under.entries)
    for key, entry in over.entries.items():
        below = under.get(key)
        if isinstance(below, MapNode) and isinstance(entry.node, MapNode):
            entry = Entry(entry.key_place, merge_maps(below, entry.node))  # noqa: PLW2901  the entry, merged
        entries[key] = entry
    return MapNode(entries, under.place)


def spell_out_models(tree: MapNode) -> MapNode:
    """Return the tree with each model that is written as a string spelled out as a mapping with that id."""
    models = tree.get("models")
    if not isinstance(models, ListNode):
        return tree
    items = tuple(
        MapNode({"id": Entry(item.place, item)}, item.place)
        if isinstance(item, Scalar) and isinstance(item.value, str)
        else item
        for item in models.items
    )
    entry = replace(tree.entries["models"], node=ListNode(items, models.place))
    return MapNode({**tree.entries, "models": entry}, tree.place)


def parse_override(text: str) -> Override:
    """Read one `a.b=c` of the command line; the value is YAML, an index stands for a list's entry.

    Raises:
        ConfigErrors: there is no `=`, a part of the path is empty, or the value is not YAML.
    """
    place = Place(f"--set {text.partition('=')[0]}", layer="--set")
    path_text, equals, value_text = text.partition("=")
    parts = path_text.strip().split(".")
    if not equals or not all(parts):
        raise ConfigErrors([Problem(place, (), "is not KEY=VALUE; write it as in throttle.max_concurrency=4")])
    if parts[0] in _READ_BEFORE:
        raise ConfigErrors([Problem(place, (), f"comes too late for {parts[0]}; set the key itself, or use --profile")])
    path: KeyPath = tuple(int(part) if part.isdecimal() else part for part in parts)
    try:
        node = parse_yaml(value_text, place.source, "--set")
    except ConfigErrors as error:
        raise ConfigErrors(Problem(place, path, problem.message) for problem in error.problems) from None
    return path, Scalar(None, place, is_plain=True) if node is None else _moved(node, place)


def set_value(tree: MapNode, override: Override) -> MapNode:
    """Return the tree with the override's value at its path; missing mappings on the way are made.

    Raises:
        ConfigErrors: the path leads through a scalar, or to an entry that the list does not have.
    """
    path, value = override
    key, place = str(path[0]), value.place
    entry = Entry(place, _put(tree.get(key), path, 1, value))
    return MapNode({**tree.entries, key: entry}, tree.place)


def _put(node: Node | None, path: KeyPath, depth: int, value: Node) -> Node:
    if depth == len(path):
        return value
    part, place = path[depth], value.place
    if node is None or (isinstance(node, Scalar) and node.value is None):
        node = MapNode({}, place)
    if isinstance(node, MapNode):
        key = str(part)
        below = _put(node.get(key), path, depth + 1, value)
        return MapNode({**node.entries, key: Entry(place, below)}, node.place)
    where = dotted(path[:depth])
    if isinstance(node, Scalar):
        raise ConfigErrors([Problem(place, path, f"{where} is not a mapping, so there is no {str(part)!r} in it")])
    if not isinstance(part, int) or part >= len(node.items):
        last = len(node.items) - 1
        known = f"use an index from 0 to {last}" if node.items else "it is empty"
        raise ConfigErrors([Problem(place, path, f"{where} is a list and has no entry {str(part)!r}; {known}")])
    items = list(node.items)
    items[part] = _put(items[part], path, depth + 1, value)
    return ListNode(tuple(items), node.place)


def _moved(node: Node, place: Place) -> Node:
    if isinstance(node, ListNode):
        return ListNode(tuple(_moved(item, place) for item in node.items), place)
    if isinstance(node, MapNode):
        entries = {key: Entry(place, _moved(entry.node, place)) for key, entry in node.entries.items()}
        return MapNode(entries, place)
    return Scalar(node.value, place, node.is_plain)
