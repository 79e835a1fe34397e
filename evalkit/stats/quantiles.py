"""Quantiles of latencies and token counts, with order-statistic intervals that say when nothing bounds them."""

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import binomial_terms

__all__ = ["QuantileInterval", "quantile", "quantile_interval"]


@dataclass(frozen=True, slots=True)
class QuantileInterval:
    """A quantile between two order statistics; a bound is None where no value of this many can bound it.

    `ranks` are the two order statistics, from 1; `coverage` is the exact chance that they enclose the quantile.
    """

    estimate: float
    lower: float | None
    upper: float | None
    ranks: tuple[int | None, int | None]
    coverage: float
    n: int


def quantile(ordered: Sequence[float], p: float) -> float:
    """Return the quantile of ascending values, linear between neighbours (Hyndman and Fan's type 7).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values have no quantile")
    place = (len(ordered) - 1) * p
    below = min(int(place), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def quantile_interval(ordered: Sequence[float], p: float, *, confidence: float) -> QuantileInterval:
    """Return the quantile of ascending, independent values with its exact two-sided interval.

    The bounds are order statistics by the binomial distribution; the upper bound of p95 at 95% needs 72 values.

    Raises:
        ValueError: there are no values.
    """
    estimate, n, tail = quantile(ordered, p), len(ordered), (1 - confidence) / 2
    first, terms = binomial_terms(n, p)
    low, below = _rank_reaching(tail, first, terms)
    high, above = _rank_reaching(tail, n - first - len(terms) + 1, terms[::-1])
    lower = low or None
    upper = n + 1 - high if high else None
    coverage = 1.0 - (below if lower else 0.0) - (above if upper else 0.0)
    return QuantileInterval(
        estimate=estimate,
        lower=None if lower is None else ordered[lower - 1],
        upper=None if upper is None else ordered[upper - 1],
        ranks=(lower, upper),
        coverage=coverage,
        n=n,
    )


def _rank_reaching(tail: float, first: int, terms: list[float]) -> tuple[int, float]:
    """Return the smallest k with P(X <= k) >= tail, and P(X < k): the chance that the k-th value lies beyond."""
    total = 0.0
    for count, term in enumerate(terms, start=first):
        if total + term >= tail:
            return count, total
        total += term
    return first + len(terms), total
