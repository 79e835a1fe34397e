"""What a change of two means owes to who is in them: items that only one of two samples of items holds."""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from evalkit.stats.paired import DifferenceEstimate

__all__ = ["Members", "composition_change", "composition_estimate"]


@dataclass(frozen=True, slots=True)
class Members:
    """One side's values, NaN where there is none: of the items that both sides hold, in one order, and of the others.

    `groups` and `other_groups` name the items' clusters; left out, each item is its own, the shared ones across sides.
    """

    shared: Sequence[float]
    others: Sequence[float] = ()
    groups: Sequence[Hashable] | None = field(default=None, repr=False)
    other_groups: Sequence[Hashable] | None = field(default=None, repr=False)

    @property
    def everything(self) -> list[float]:
        """All values that are there."""
        return [value for values in (self.shared, self.others) for value in values if not math.isnan(value)]

    @property
    def kept(self) -> list[float]:
        """The values of shared items that are there."""
        return [value for value in self.shared if not math.isnan(value)]


def composition_change(before: Members, after: Members) -> float | None:
    """Return [mean(after) - mean(after, shared)] - [mean(before) - mean(before, shared)].

    Where a side has no shared value the whole change of the means is the composition's. None where a side has no value.
    """
    if not before.everything or not after.everything:
        return None
    total = _mean(after.everything) - _mean(before.everything)
    if not before.kept or not after.kept:
        return total
    return total - (_mean(after.kept) - _mean(before.kept))


def composition_estimate(before: Members, after: Members) -> DifferenceEstimate | None:
    """Return the composition's part with its standard error, by linearisation over independent items or clusters.

    An item's influence is its share in each of the four means; those of a cluster are summed, SE^2 = G/(G-1) sum of
    their squares. The degrees of freedom are the clusters of unshared items less one: few newcomers prove little.
    None with fewer than two of those, or where nothing varies.
    """
    change = composition_change(before, after)
    newcomers = {key for _, side, sign in _sides(before, after) for key, _ in _others(side, sign)}
    if change is None or len(newcomers) < 2:  # noqa: PLR2004  one has no spread
        return None
    totals: dict[Hashable, float] = {}
    is_among = bool(before.kept and after.kept)
    for factor, side, sign in _sides(before, after):
        for key, influence in _influences(side, sign, is_among=is_among):
            totals[key] = totals.get(key, 0.0) + factor * influence
    count = len(totals)
    variance = count / (count - 1) * math.fsum(value * value for value in totals.values())
    return DifferenceEstimate(change, math.sqrt(variance), len(newcomers) - 1) if variance > 0.0 else None


def _sides(before: Members, after: Members) -> tuple[tuple[float, Members, str], ...]:
    return (1.0, after, "after"), (-1.0, before, "before")


def _influences(side: Members, name: str, *, is_among: bool) -> Iterable[tuple[Hashable, float]]:
    """Yield each item's cluster and its influence on mean(side), less that on mean(side, shared) if `is_among`."""
    everything, kept = side.everything, side.kept
    mean, size = _mean(everything), len(everything)
    for key, value in _others(side, name):
        yield key, (value - mean) / size
    keys = [("item", place) for place in range(len(side.shared))] if side.groups is None else side.groups
    among = _mean(kept) if is_among else 0.0
    for key, value in zip(keys, side.shared, strict=True):
        if not math.isnan(value):
            yield key, (value - mean) / size - ((value - among) / len(kept) if is_among else 0.0)


def _others(side: Members, name: str) -> list[tuple[Hashable, float]]:
    keys: Sequence[Hashable] = (
        [(name, place) for place in range(len(side.others))] if side.other_groups is None else side.other_groups
    )
    return [(key, value) for key, value in zip(keys, side.others, strict=True) if not math.isnan(value)]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
