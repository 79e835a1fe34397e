"""The one list of documented keys and values that are not built yet: refused, never silently ignored."""

from collections.abc import Iterator, Mapping

from evalkit.config.nodes import KeyPath, ListNode, MapNode, Node, find, plain
from evalkit.config.problems import Problems, describe
from evalkit.records import Json

__all__ = ["NOT_YET", "find_not_yet"]

NOT_YET: Mapping[str, tuple[Json, ...]] = {
    "weave.backend": ("auto", "local", "wandb", "off"),
    "models.*.role": ("candidate", "judge"),
    "datasets.*.weave": (),
    "scorers.*.weight": (1, 1.0),
    "report.redact": ([],),
}
"""Path of the key -> the values it takes today, beside null; `*` stands for any name or index."""


def find_not_yet(tree: MapNode, problems: Problems) -> None:
    """Note every documented key, or value of one, that this version cannot honour."""
    for pattern, accepted in NOT_YET.items():
        for path in _matches(tree, tuple(pattern.split("."))):
            node = find(tree, path)
            value = None if node is None else plain(node)
            if value is None or value in accepted:
                continue
            what = f"{describe(node)} is" if accepted else "is"
            problems.at_key(tree, path, f"{what} documented but not yet available; remove it")


def _matches(tree: Node, pattern: KeyPath, path: KeyPath = ()) -> Iterator[KeyPath]:
    if not pattern:
        yield path
        return
    first, *rest = pattern
    if first != "*":
        keys: tuple[str | int, ...] = (first,) if isinstance(tree, MapNode) and str(first) in tree.entries else ()
    elif isinstance(tree, MapNode):
        keys = tuple(tree.entries)
    else:
        keys = tuple(range(len(tree.items))) if isinstance(tree, ListNode) else ()
    for key in keys:
        below = find(tree, (key,))
        if below is not None:
            yield from _matches(below, tuple(rest), (*path, key))
