"""Regular expressions from a config: compiled once, refused when a short answer could keep them busy for ever."""

import re
from functools import lru_cache
from re import _parser  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from typing import Any

__all__ = ["MAX_CHARS", "compile_pattern", "node_chars", "parse_tree", "search"]

MAX_CHARS = 100_000
"""Characters that a pattern of a config reads; a longer text is an error of that scorer, never a cut text."""

_ENDLESS = 100
_PROBES = tuple(chr(code) for code in (*range(9, 14), *range(32, 127), 0xA0, 0xE9, 0x3B1, 0x4E2D, 0x661))
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return the compiled pattern; `^` and `$` match at every line.

    Raises:
        ValueError: it is no pattern, or it repeats a repetition without a mark between the rounds, as (a+)+ does:
            the time such a pattern takes doubles with each character that almost matches.
    """
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
    try:
        compiled = re.compile(pattern, flags)
        tree = parse_tree(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if _has_open_loop(tree):
        raise ValueError(
            f"{pattern!r} repeats a repetition that nothing separates; some answers would keep it busy for ever. "
            "Write the inner or outer one possessive (++ or *+), or put a fixed character between the rounds"
        )
    return compiled


def parse_tree(pattern: str, flags: int = 0) -> Any:
    """Return the nodes of a pattern as Python's own parser gives them: pairs of operation and argument."""
    return _parser.parse(pattern, flags)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def search(pattern: re.Pattern[str], text: str, *, last: bool) -> re.Match[str] | None:
    """Return the first or the last match of `pattern` in `text`.

    Raises:
        ValueError: the text is longer than MAX_CHARS.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"an answer of {len(text)} characters is longer than a pattern may read ({MAX_CHARS})")
    if not last:
        return pattern.search(text)
    found = None
    for match in pattern.finditer(text):
        found = match
    return found


def _has_open_loop(tree: Any) -> bool:
    """Tell whether an endless repeat holds another whose characters may also start or end its round."""
    for operation, argument in tree:
        name = str(operation)
        children = _children(name, argument)
        if name in _REPEATS and argument[1] >= _ENDLESS and any(_is_open(body) for body in children):
            return True
        if any(_has_open_loop(child) for child in children):
            return True
    return False


def _children(name: str, argument: Any) -> list[Any]:
    if name == "BRANCH":
        return list(argument[1])
    if name in {*_REPEATS, "SUBPATTERN", "POSSESSIVE_REPEAT", "ASSERT", "ASSERT_NOT"}:
        return [argument[-1]]
    if name == "ATOMIC_GROUP":
        return [argument]
    if name == "GROUPREF_EXISTS":
        return [branch for branch in argument[1:] if branch is not None]
    return []


def _is_open(body: Any) -> bool:
    """Tell whether one round can be cut in several ways: two endless repeats meet, in it or across two rounds."""
    parts = [part for item in body for part in _flat(item)]
    if any(name == "BRANCH" and _alternatives_overlap(argument[1]) for name, argument in parts):
        return True
    loops = [place for place, part in enumerate(parts) if part[0] in _REPEATS and part[1][1] >= _ENDLESS]
    for left in loops:
        for right in loops:
            shared = _chars(parts[left][1][-1]) & _chars(parts[right][1][-1])
            between = parts[left + 1 : right] if left < right else parts[left + 1 :] + parts[:right]
            if shared and not any(_separates(part, shared) for part in between):
                return True
    return False


def _flat(item: Any) -> list[tuple[str, Any]]:
    name, argument = str(item[0]), item[1]
    return [part for child in argument[-1] for part in _flat(child)] if name == "SUBPATTERN" else [(name, argument)]


def _separates(part: tuple[str, Any], inner: frozenset[str]) -> bool:
    """Tell whether `part` must match something, and nothing that `inner` matches."""
    name, argument = part
    if name in {*_REPEATS, "POSSESSIVE_REPEAT"}:
        return argument[0] > 0 and not _chars(argument[-1]) & inner
    chars = node_chars(name, argument)
    return chars is not None and not chars & inner


def _alternatives_overlap(branches: Any) -> bool:
    seen: set[str] = set()
    for branch in branches:
        first = _chars(branch[:1]) if len(branch) else frozenset(_PROBES)
        if first & seen:
            return True
        seen |= first
    return False


def _chars(body: Any) -> frozenset[str]:
    """Return the probe characters that any part of `body` can match; all of them when unsure."""
    found: set[str] = set()
    for item in body:
        for name, argument in _flat(item):
            if name == "AT":
                continue
            if name in {*_REPEATS, "POSSESSIVE_REPEAT"}:
                found |= _chars(argument[-1])
                continue
            single = node_chars(name, argument)
            found |= frozenset(_PROBES) if single is None else single
    return frozenset(found)


def node_chars(name: str, argument: Any) -> frozenset[str] | None:
    """Return which of some typical characters one node matches, None for a node that is not one character."""
    if name == "LITERAL":
        return frozenset({chr(argument)})
    if name == "ANY":
        return frozenset(_PROBES) - {"\n"}
    if name == "NOT_LITERAL":
        return frozenset(_PROBES) - {chr(argument)}
    if name != "IN":
        return None
    return frozenset(char for char in _PROBES if _in_class(argument, char))


def _in_class(items: Any, char: str) -> bool:
    negated = False
    for operation, argument in items:
        name = str(operation)
        if name == "NEGATE":
            negated = True
        elif (
            (name == "LITERAL" and chr(argument) == char)
            or (name == "RANGE" and argument[0] <= ord(char) <= argument[1])
            or (name == "CATEGORY" and _in_category(str(argument), char))
        ):
            return not negated
    return negated


def _in_category(category: str, char: str) -> bool:
    kind = category.removeprefix("CATEGORY_").removeprefix("UNI_")
    tests = {"DIGIT": char.isdigit(), "SPACE": char.isspace(), "WORD": char.isalnum() or char == "_"}
    wanted = tests[kind.removeprefix("NOT_")]
    return not wanted if kind.startswith("NOT_") else wanted
