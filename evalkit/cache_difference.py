"""What differs between a call that was answered and one that is asked, in words short enough for a line."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from evalkit.digest import canonical_json
from evalkit.records import Json, Message

__all__ = ["compare_messages", "compare_params"]

_BEFORE, _AFTER = 24, 36
_LONGEST_VALUE = 60


def compare_params(before: Mapping[str, Json], after: Mapping[str, Json], path: str = "params") -> Iterator[str]:
    """Yield each parameter that was changed, added or removed, a value within a mapping by its dotted path."""
    for name in sorted({*before, *after}):
        place = f"{path}.{name}"
        if name not in before:
            yield f"{place} {_value(after[name])} added"
        elif name not in after:
            yield f"{place} {_value(before[name])} removed"
        elif isinstance(before[name], Mapping) and isinstance(after[name], Mapping):
            yield from compare_params(before[name], after[name], place)
        elif canonical_json(before[name]) != canonical_json(after[name]):
            yield f"{place} {_value(before[name])} -> {_value(after[name])}"


def compare_messages(before: Sequence[Message], after: Sequence[Message]) -> tuple[str, str]:
    """Return which message is the first to differ, and the texts from a little before where they do."""
    old_roles, new_roles = [m.role for m in before], [m.role for m in after]
    if old_roles != new_roles:
        return "other messages are sent", f"{_list(old_roles)} -> {_list(new_roles)}"
    for number, (old, new) in enumerate(zip(before, after, strict=True), 1):
        texts = _text(old.content), _text(new.content)
        if texts[0] != texts[1]:
            place = f"message {number} ({new.role})" if new_roles.count(new.role) > 1 else f"the {new.role} text"
            return f"{place} differs", _first_difference(*texts)
    return "the messages differ", "in how they are written down"


def _first_difference(before: str, after: str) -> str:
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    return f"at character {same + 1}: {_around(before, same)} -> {_around(after, same)}"


def _around(text: str, place: int) -> str:
    start, end = max(0, place - _BEFORE), place + _AFTER
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    return f'"{head}{" ".join(text[start:end].split(chr(10)))}{tail}"'


def _text(content: Json) -> str:
    return content if isinstance(content, str) else canonical_json(content)


def _value(value: Json) -> str:
    text = canonical_json(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _list(roles: Sequence[str]) -> str:
    return ", ".join(roles) or "none"
