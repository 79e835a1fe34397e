"""What is wrong with a config: collected, put in order, raised at once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.config.nodes import KeyPath, ListNode, MapNode, Node, Place, Scalar, dotted, find, place_of
from evalkit.errors import ConfigError

__all__ = ["ConfigErrors", "Problem", "Problems", "describe"]

_LONGEST_VALUE = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or (`is_warning`) worth knowing: where, which key, what and what to do."""

    place: Place
    path: KeyPath
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        profile = self.place.layer.removeprefix("profile ")
        path = self.path if profile == self.place.layer else ("profiles", profile, *self.path)
        return ": ".join(part for part in (str(self.place), dotted(path), self.message) if part)


class ConfigErrors(ConfigError):  # noqa: N818  several of them
    """Everything that is wrong with a config; the message has one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple({str(problem): problem for problem in problems}.values())
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """A growing list of problems of one tree."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def add(self, place: Place, path: KeyPath, message: str) -> None:
        """Note that `message` is wrong with the value at `path`."""
        self._found[Problem(place, path, message)] = None

    def at(self, tree: Node, path: KeyPath, message: str) -> None:
        """Note a problem of the value at `path` of `tree`, unless the value waits for an unset variable."""
        node = find(tree, path)
        if not (isinstance(node, Scalar) and node.is_unknown):
            self.add(place_of(tree, path), path, message)

    def at_key(self, tree: Node, path: KeyPath, message: str) -> None:
        """Note a problem of the key at the end of `path`."""
        self.add(place_of(tree, path, of_key=True), path, message)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        self._found.update(dict.fromkeys(problems))

    def sorted(self) -> tuple[Problem, ...]:
        """Return the problems file by file, in the order of the lines."""
        files = list(dict.fromkeys(problem.place.source for problem in self._found))
        return tuple(sorted(self._found, key=lambda p: (files.index(p.place.source), p.place.line, p.place.column)))

    def raise_if_any(self) -> None:
        """Raise all of them, if there are any.

        Raises:
            ConfigErrors: something was noted.
        """
        if self._found:
            raise ConfigErrors(self.sorted())


def describe(node: Node | None) -> str:
    """Return what a message says of a value, in short."""
    if node is None:
        return "nothing"
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping"
    if node.value is None:
        return "empty"
    text = repr(node.value) if isinstance(node.value, str) else json.dumps(node.value)
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}…"
    return text
