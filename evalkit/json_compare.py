"""Two JSON values side by side: are they equal, and how many of their leaves are."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import TypeGuard

from evalkit.normalize import normalize_text
from evalkit.records import Json

__all__ = ["Comparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The rules by which two JSON values are compared."""

    extra_keys: bool = False
    ignore_order: bool = False
    ignore_case: bool = False
    tolerance: float = 0.0

    def is_equal(self, found: Json, target: Json) -> bool:
        """Tell whether the values are equal throughout."""
        if _is_mapping(target):
            return _is_mapping(found) and self._is_same_mapping(found, target)
        if _is_list(target):
            return _is_list(found) and self._is_same_list(found, target)
        return self._is_same_leaf(found, target)

    def count(self, found: Json, target: Json) -> tuple[int, int]:
        """Return how many leaves are equal, of how many in both together; an empty list or object is one leaf."""
        if _is_mapping(target) and target:
            mine: Mapping[str, Json] = found if _is_mapping(found) else {}
            extra = 0 if self.extra_keys else sum(_leaves(value) for key, value in mine.items() if key not in target)
            counts = [
                self.count(mine[key], value) if key in mine else (0, _leaves(value)) for key, value in target.items()
            ]
            return sum(right for right, _ in counts), extra + sum(total for _, total in counts)
        if _is_list(target) and target:
            return self._count_list(found if _is_list(found) else [], target)
        return int(self.is_equal(found, target)), 1

    def _is_same_mapping(self, found: Mapping[str, Json], target: Mapping[str, Json]) -> bool:
        has_keys = found.keys() >= target.keys() if self.extra_keys else found.keys() == target.keys()
        return has_keys and all(self.is_equal(found[key], value) for key, value in target.items())

    def _is_same_list(self, found: list[Json], target: list[Json]) -> bool:
        if len(found) != len(target):
            return False
        if self.ignore_order:
            return len(self._pairs(found, target)) == len(target)
        return all(self.is_equal(mine, yours) for mine, yours in zip(found, target, strict=True))

    def _count_list(self, found: list[Json], target: list[Json]) -> tuple[int, int]:
        if self.ignore_order:
            partner = self._pairs(found, target)
            rest = [item for place, item in enumerate(found) if place not in partner.values()]
            found = [found[partner[place]] if place in partner else _Missing for place in range(len(target))]
            found = self._fill(found, target, rest) + rest
        extra = sum(_leaves(item) for item in found[len(target) :])
        padded = [*found, *[_Missing] * (len(target) - len(found))]
        counts = [self.count(mine, yours) for mine, yours in zip(padded, target, strict=False)]
        return sum(right for right, _ in counts), extra + sum(total for _, total in counts)

    def _fill(self, found: list[Json], target: list[Json], rest: list[Json]) -> list[Json]:
        """Give each target without an equal partner the most similar item left over; takes it out of `rest`."""
        filled = list(found)
        for place, value in enumerate(target):
            if filled[place] is _Missing and rest:
                best = max(range(len(rest)), key=lambda index: self.count(rest[index], value)[0])
                filled[place] = rest.pop(best)
        return filled

    def _pairs(self, found: list[Json], target: list[Json]) -> dict[int, int]:
        """Return a largest pairing of equal items, target's place to found's."""
        equal = [[place for place, item in enumerate(found) if self.is_equal(item, value)] for value in target]
        owner: dict[int, int] = {}
        for place in range(len(target)):
            _augment(place, equal, owner, set())
        return {mine: place for place, mine in owner.items()}

    def _is_same_leaf(self, found: Json, target: Json) -> bool:
        if _is_number(found) and _is_number(target):
            return found == target or self._is_close(found, target)
        if isinstance(found, str) and isinstance(target, str):
            return normalize_text(found, case=self.ignore_case) == normalize_text(target, case=self.ignore_case)
        return type(found) is type(target) and bool(found == target)

    def _is_close(self, found: float, target: float) -> bool:
        if not self.tolerance or not (isfinite(found) and isfinite(target)):
            return False
        return abs(Decimal(repr(found)) - Decimal(repr(target))) <= Decimal(repr(self.tolerance))


def _augment(mine: int, equal: list[list[int]], owner: dict[int, int], tried: set[int]) -> bool:
    """Find a place for `mine`, moving earlier ones on where they have another (augmenting paths)."""
    for place in equal[mine]:
        if place not in tried:
            tried.add(place)
            if place not in owner or _augment(owner[place], equal, owner, tried):
                owner[place] = mine
                return True
    return False


class _Missing:
    """Stands where an item is missing; equal to nothing."""


def _leaves(value: Json) -> int:
    if _is_mapping(value) and value:
        return sum(_leaves(item) for item in value.values())
    if _is_list(value) and value:
        return sum(_leaves(item) for item in value)
    return 1


def _is_mapping(value: Json) -> TypeGuard[Mapping[str, Json]]:
    return isinstance(value, Mapping)


def _is_list(value: Json) -> TypeGuard[list[Json]]:
    return isinstance(value, (list, tuple))


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
