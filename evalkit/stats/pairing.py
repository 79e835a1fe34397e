"""Two sides scored on the same items, joined by item id."""

import math
import operator
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["ItemScores", "Pairing", "pair_items"]


@dataclass(frozen=True, slots=True)
class ItemScores:
    """One side of a pairing: each item's reduced score, NaN where it could not be scored.

    `trials` is the number averaged into each score; 1 after any reducer but the mean.
    """

    ids: Sequence[str]
    values: Sequence[float]
    is_binary: bool
    trials: int = 1
    clusters: Sequence[Hashable] | None = None


@dataclass(frozen=True, slots=True)
class Pairing:
    """First minus second on the items that both sides scored, in the first side's order.

    `is_binary` when both sides' scores are right or wrong in each trial; `missing` counts the items of either side
    that do not pair.
    """

    differences: Sequence[float]
    is_binary: bool
    trials: int = 1
    clusters: Sequence[Hashable] | None = None
    missing: int = 0

    @property
    def nonzero(self) -> list[float]:
        """The differences that are not zero: of right-or-wrong scores a small part."""
        return list(filter(None, self.differences))


def pair_items(first: ItemScores, second: ItemScores) -> Pairing:
    """Join two sides by item id and keep the items that both have scored.

    Raises:
        ValueError: an id stands twice on one side.
    """
    values, members = second.values, len(first.ids)
    if first.ids is not second.ids and list(first.ids) != list(second.ids):
        values, members = _aligned(first.ids, second), len({*first.ids, *second.ids})
    differences = list(map(operator.sub, first.values, values))
    paired, clusters = differences, first.clusters
    if math.isnan(math.fsum(differences)):
        paired = [value for value in differences if not math.isnan(value)]
    if clusters is not None:
        clusters = [name for name, value in zip(clusters, differences, strict=True) if not math.isnan(value)]
    return Pairing(
        differences=paired,
        is_binary=first.is_binary and second.is_binary,
        trials=min(first.trials, second.trials),
        clusters=clusters,
        missing=members - len(paired),
    )


def _aligned(ids: Sequence[str], side: ItemScores) -> list[float]:
    known = dict(zip(side.ids, side.values, strict=True))
    if len(known) != len(side.ids) or len(set(ids)) != len(ids):
        raise ValueError("items pair by id, and an id stands twice on one side")
    return [known.get(item, math.nan) for item in ids]
