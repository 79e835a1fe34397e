"""An answer written the way an extraction looks for it: the steps of a chain backwards."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from evalkit.jsontext import parse_path
from evalkit.patterns import node_chars, parse_tree
from evalkit.records import Json

__all__ = ["dress", "extracts"]

_FINDING = frozenset({"regex", "after", "boxed", "number", "choice_letter", "json_path"})


def extracts(steps: Iterable[Json]) -> bool:
    """Tell whether a chain looks for the answer in longer text, not only changes its form."""
    return any(_parts(step)[0] in _FINDING for step in steps)


def dress(steps: Sequence[Json], answer: str) -> str:
    r"""Return a text in which the chain `steps` should find `answer`: `A: 18`, `\boxed{18}`, `{"answer": "18"}`."""
    text = answer
    for step in reversed(steps):
        name, argument = _parts(step)
        if name == "boxed":
            text = f"\\boxed{{{text}}}"
        elif name == "after":
            text = f"{argument} {text}"
        elif name == "json_path":
            text = json.dumps(_nested(parse_path(argument), text), ensure_ascii=False)
        elif name == "regex":
            text = _matching(argument, text)
    return text


def _parts(step: Json) -> tuple[str, Json]:
    return next(iter(cast("dict[str, Json]", step).items())) if isinstance(step, dict) else (str(step), None)


def _nested(steps: tuple[str | int, ...], text: str) -> Json:
    value: Json = text
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [*[None] * max(step, 0), value]
    return value


def _matching(argument: Json, answer: str) -> str:
    """Write a text that the pattern matches, with `answer` in its group; without a group the answer alone."""
    options: dict[str, Json] = {"pattern": argument} if isinstance(argument, str) else argument
    tree = parse_tree(options["pattern"])
    group = options.get("group", 1)
    number = tree.state.groupdict.get(group, group)
    return _written(tree, number, answer) if 0 < number < tree.state.groups else answer


def _written(tree: Any, group: int, answer: str) -> str:
    return "".join(_node(str(operation), argument, group, answer) for operation, argument in tree)


def _node(name: str, argument: Any, group: int, answer: str) -> str:
    match name:
        case "SUBPATTERN":
            return answer if argument[0] == group else _written(argument[-1], group, answer)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            rounds = max(argument[0], int(_holds(argument[-1], group)))
            return _written(argument[-1], group, answer) * rounds
        case "BRANCH":
            branches = argument[1]
            return _written(next((branch for branch in branches if _holds(branch, group)), branches[0]), group, answer)
        case "ATOMIC_GROUP":
            return _written(argument, group, answer)
        case _:
            chars = node_chars(name, argument)
            return min(chars, key=_plainness) if chars else ""


def _holds(tree: Any, group: int) -> bool:
    return any(
        (str(operation) == "SUBPATTERN" and argument[0] == group)
        or (isinstance(argument, (tuple, list)) and any(_holds(child, group) for child in _trees(argument)))
        for operation, argument in tree
    )


def _trees(argument: Any) -> list[Any]:
    parts: list[Any] = [
        part for item in argument for part in (cast("list[Any]", item) if isinstance(item, list) else [item])
    ]
    return [part for part in parts if hasattr(part, "state")]


def _plainness(char: str) -> tuple[bool, bool, str]:
    return (char != " ", not char.isalnum(), char)
