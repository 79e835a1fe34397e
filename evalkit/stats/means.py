"""The mean of weighted, clustered values with its standard error, and the interval that is built on it.

Sums are `math.fsum`: exactly rounded, so no result depends on the order of the values.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["ClusteredMean", "Interval", "clustered_mean"]

_ZERO_VARIANCE = 1e-18
"""A squared standard error below this is rounding, not spread."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its bounds; None where the data cannot give one.

    `n` counts the values in the mean, `clusters` the independent units among them.
    """

    mean: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    n: int
    clusters: int
    standard_error: float | None = None
    effective_n: float | None = None


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A weighted mean and its CR1 standard error, None with a single cluster; `kish_n` is (sum w)^2 / sum w^2."""

    mean: float
    standard_error: float | None
    n: int
    clusters: int
    kish_n: float

    def effective_n(self, cap: float = math.inf) -> float:
        """Return how many independent binary values would give this standard error, within [1, cap].

        A mean of 0 or 1 and a spread of nothing say no more than the number of clusters.
        """
        if not self.standard_error or self.mean <= 0.0 or self.mean >= 1.0:
            return float(self.clusters)
        return max(1.0, min(cap, self.mean * (1.0 - self.mean) / self.standard_error**2))

    def interval(
        self, bounds: tuple[float, float] | None, confidence: float, method: str, effective_n: float | None = None
    ) -> Interval:
        """Return this mean within `bounds`; without them the method is "none"."""
        lower, upper = bounds or (None, None)
        name = "none" if bounds is None else method
        error = self.standard_error
        return Interval(self.mean, lower, upper, confidence, name, self.n, self.clusters, error, effective_n)


def clustered_mean(
    values: Sequence[float], *, clusters: Sequence[Hashable] | None = None, weights: Sequence[float] | None = None
) -> ClusteredMean | None:
    """Return the mean sum(w y) / sum(w) with SE^2 = G/(G-1) sum_g e_g^2 / (sum w)^2, e_g = sum_{i in g} w_i (y_i - m).

    Values without weight say nothing and are left out. None when nothing is left.

    Raises:
        ValueError: a value is not finite, a weight is negative, or the lengths differ.
    """
    if weights is not None:
        values, clusters, weights = _weighted(values, clusters, weights)
    if not values:
        return None
    total = float(len(values)) if weights is None else math.fsum(weights)
    mean = math.fsum(values if weights is None else map(_product, weights, values)) / total
    if not math.isfinite(mean):
        raise ValueError("a mean needs finite values; leave out what could not be scored")
    errors: Iterable[float] = (value - mean for value in values)
    if weights is not None:
        errors = map(_product, weights, errors)
    if clusters is not None:
        errors = _totals(errors, clusters)
    squares = [error * error for error in errors]
    count = len(squares)
    kish = total if weights is None else total**2 / math.fsum(weight * weight for weight in weights)
    return ClusteredMean(mean, _standard_error(squares, total), len(values), count, kish)


def _standard_error(squares: list[float], total: float) -> float | None:
    count = len(squares)
    if count <= 1:
        return None
    variance = count / (count - 1) * math.fsum(squares) / total**2
    return 0.0 if variance < _ZERO_VARIANCE else math.sqrt(variance)


def _weighted(
    values: Sequence[float], clusters: Sequence[Hashable] | None, weights: Sequence[float]
) -> tuple[list[float], list[Hashable] | None, list[float]]:
    kept = [i for i, (weight, _) in enumerate(zip(weights, values, strict=True)) if weight != 0]
    chosen = [weights[i] for i in kept]
    if not all(0.0 < weight < math.inf for weight in chosen):
        raise ValueError("weights must be finite and not negative")
    return [values[i] for i in kept], None if clusters is None else [clusters[i] for i in kept], chosen


def _totals(errors: Iterable[float], clusters: Sequence[Hashable]) -> list[float]:
    members: dict[Hashable, list[float]] = {}
    for cluster, error in zip(clusters, errors, strict=True):
        members.setdefault(cluster, []).append(error)
    return [math.fsum(member) for member in members.values()]


def _product(weight: float, value: float) -> float:
    return weight * value
