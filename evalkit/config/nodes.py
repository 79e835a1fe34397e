"""A YAML value that still knows where each key and scalar stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from evalkit.records import Json

__all__ = [
    "Entry",
    "KeyPath",
    "ListNode",
    "MapNode",
    "Node",
    "Place",
    "Scalar",
    "below",
    "dotted",
    "find",
    "leaves",
    "place_of",
    "plain",
    "text_at",
]

KeyPath = tuple[str | int, ...]
"""The way from the top of a config to a value: keys and list indices."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file with line and column from 1, or another source without them.

    `layer` is which part of the precedence it belongs to: file, include, profile NAME, --set.
    """

    source: str
    line: int = 0
    column: int = 0
    layer: str = "file"

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `is_plain`: written without quotes. `is_unknown`: names a variable that gives no value."""

    value: Json
    place: Place
    is_plain: bool = False
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list of nodes."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one key, and where the key stands."""

    key_place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping; keys are always text."""

    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    place: Place = Place("")

    def get(self, key: str) -> "Node | None":
        """Return the node at `key`, or None."""
        entry = self.entries.get(key)
        return None if entry is None else entry.node


Node = Scalar | ListNode | MapNode


def plain(node: Node) -> Json:
    """Return the node's value as plain JSON."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(entry.node) for key, entry in node.entries.items()}


def find(node: Node, path: KeyPath) -> Node | None:
    """Return the node at `path` below `node`, or None when it is not there."""
    for part in path:
        child = None
        if isinstance(node, MapNode):
            child = node.get(str(part))
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            child = node.items[part]
        if child is None:
            return None
        node = child
    return node


def place_of(node: Node, path: KeyPath, *, of_key: bool = False) -> Place:
    """Return where the value at `path` stands (with `of_key`, its key), or its nearest ancestor that is written."""
    parent = find(node, path[:-1]) if path else None
    if of_key and isinstance(parent, MapNode) and str(path[-1]) in parent.entries:
        return parent.entries[str(path[-1])].key_place
    for length in range(len(path), -1, -1):
        found = find(node, path[:length])
        if found is not None:
            return found.place
    return node.place


def leaves(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    """Yield every scalar, empty list and empty mapping with its path."""
    if isinstance(node, ListNode) and node.items:
        for index, item in enumerate(node.items):
            yield from leaves(item, (*path, index))
    elif isinstance(node, MapNode) and node.entries:
        for key, entry in node.entries.items():
            yield from leaves(entry.node, (*path, key))
    else:
        yield path, node


def dotted(path: KeyPath) -> str:
    """Return the path as people write it: models.0.params.temperature."""
    return ".".join(str(part) for part in path)


def below(tree: Node, *path: str | int) -> Iterator[tuple[KeyPath, Node]]:
    """Yield what stands directly below `path`, each with its own path; nothing below a scalar."""
    node = find(tree, path)
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield (*path, key), entry.node
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield (*path, index), item


def text_at(tree: Node, *path: str | int) -> str | None:
    """Return the text at `path`; None when there is none, or it waits for an unset variable."""
    node = find(tree, path)
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) and not node.is_unknown else None
