"""Rank intervals from Holm-adjusted paired tests, and the bands of those that cannot be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.stats.multiple import holm

__all__ = ["MOST_FOR_ALL_PAIRS", "PairTest", "Ranking", "pairs_to_test", "rank_intervals"]

MOST_FOR_ALL_PAIRS = 60
"""Above this many each is compared with the best only."""


@dataclass(frozen=True, slots=True)
class PairTest:
    """A test of two places: `advantage` is positive when the first is better; p is None where nothing paired."""

    first: int
    second: int
    advantage: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rank intervals by place (1 is best), bands (1: not distinguishable from the best), adjusted p by test."""

    intervals: tuple[tuple[int, int], ...]
    bands: tuple[int, ...]
    adjusted: tuple[float, ...]


def pairs_to_test(advantages: Sequence[float]) -> list[tuple[int, int]]:
    """Return the pairs of places to test: all of them up to 60, above that the best with every other."""
    count = len(advantages)
    if count <= MOST_FOR_ALL_PAIRS:
        return [(first, second) for first in range(count) for second in range(first + 1, count)]
    best = max(range(count), key=lambda place: advantages[place])
    return [(best, other) for other in range(count) if other != best]


def rank_intervals(count: int, tests: Sequence[PairTest], *, alpha: float) -> Ranking:
    """Return [1 + those significantly better, count - those significantly worse] for each place, by Holm at `alpha`.

    A test without a p-value stays in the family and claims nothing.
    """
    adjusted = holm([1.0 if test.p is None else test.p for test in tests])
    better: list[set[int]] = [set() for _ in range(count)]
    worse: list[set[int]] = [set() for _ in range(count)]
    for test, p in zip(tests, adjusted, strict=True):
        if p < alpha and test.advantage:
            winner, loser = (test.first, test.second) if test.advantage > 0 else (test.second, test.first)
            better[loser].add(winner)
            worse[winner].add(loser)
    intervals = tuple((1 + len(better[place]), count - len(worse[place])) for place in range(count))
    return Ranking(intervals, _bands(better), tuple(adjusted))


def _bands(better: Sequence[set[int]]) -> tuple[int, ...]:
    """Number the bands: whom none of the rest beats, then the same among those who are left."""
    bands = [0] * len(better)
    rest, band = set(range(len(better))), 0
    while rest:
        band += 1
        # per-pair missing data can make a circle of wins; then nobody left is unbeaten, and all share a band
        unbeaten = {place for place in rest if not better[place] & rest} or set(rest)
        for place in unbeaten:
            bands[place] = band
        rest -= unbeaten
    return tuple(bands)
