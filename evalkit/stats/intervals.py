"""Intervals for a mean: Wilson at the effective n to display, Korn-Graubard to hold a threshold against, t."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import beta_quantile, normal_quantile, t_quantile
from evalkit.stats.effective import EffectiveSample
from evalkit.stats.means import ClusteredMean, Interval, clustered_mean

__all__ = [
    "FEW_CLUSTERS",
    "Interval",
    "Scores",
    "ThresholdBounds",
    "clopper_pearson",
    "score_interval",
    "t_interval",
    "threshold_interval",
    "wilson",
    "wilson_bounds",
]

FEW_CLUSTERS = 5
"""With fewer clusters than this a mean stands without an interval."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores in [0, 1], one for each item, and how they hang together.

    `is_binary` is what the scorer declares, never inferred. `clusters` names each item's group. `rows` is the number
    of trials when the values are means over trials: then the items are the clusters, unless groups are given.

    Raises:
        ValueError: a value is outside [0, 1] or not a number.
    """

    values: Sequence[float]
    is_binary: bool
    clusters: Sequence[Hashable] | None = None
    weights: Sequence[float] | None = None
    rows: int | None = None

    def __post_init__(self) -> None:
        values = self.values
        if values and not (min(values) >= 0.0 and max(values) <= 1.0 and not math.isnan(math.fsum(values))):
            raise ValueError("scores must lie in [0, 1]; rescale them, and leave out what could not be scored")

    @property
    def successes(self) -> int | None:
        """The number of right ones among independent, equally weighted right-or-wrong values, else None."""
        is_plain = self.is_binary and self.clusters is None and self.weights is None and self.rows is None
        return int(math.fsum(self.values)) if is_plain and set(self.values) <= {0, 1} else None

    def estimate(self) -> ClusteredMean | None:
        """Return the mean with its standard error; None without values."""
        return clustered_mean(self.values, clusters=self.clusters, weights=self.weights)

    def can_bound(self, estimate: ClusteredMean) -> bool:
        """Tell whether there are enough independent units for an interval."""
        is_clustered = self.clusters is not None or self.rows is not None
        return estimate.clusters >= (FEW_CLUSTERS if is_clustered else 2)

    def effective_n(self, estimate: ClusteredMean) -> float:
        """Return the effective n; that of binary values is at most their number."""
        return estimate.effective_n(self.count(estimate) if self.is_binary else math.inf)

    def count(self, estimate: ClusteredMean) -> int:
        """Return the number of rows behind the mean: trials, or else values."""
        return estimate.n if self.rows is None else self.rows


def score_interval(scores: Scores, *, confidence: float) -> Interval:
    """Return the interval to display for a mean of scores.

    Independent right-or-wrong values get the plain Wilson interval; all else Wilson at the effective n with a
    t quantile of G - 1 degrees of freedom. Fewer than 5 clusters: no bounds.
    """
    successes = scores.successes
    if successes is not None:
        return wilson(successes, len(scores.values), confidence=confidence)
    estimate = scores.estimate()
    if estimate is None:
        return _nothing(confidence)
    if not scores.can_bound(estimate):
        return estimate.interval(None, confidence, "none")
    n_eff = scores.effective_n(estimate)
    bounds = wilson_bounds(estimate.mean, n_eff, t_quantile((1 + confidence) / 2, estimate.clusters - 1))
    return estimate.interval(bounds, confidence, "wilson_n_eff", n_eff)


def threshold_interval(scores: Scores, *, tail: float) -> Interval:
    """Return the bounds to hold against an absolute threshold; each is wrong with probability `tail` at most.

    Independent right-or-wrong values get Clopper-Pearson, all else Korn-Graubard: Clopper-Pearson at
    n* = n_eff (t_{N-1} / t_{G-1})^2. The interval's confidence is 1 - 2 tail.
    """
    return ThresholdBounds.of(scores).at(tail)


@dataclass(frozen=True, slots=True)
class ThresholdBounds:
    """`threshold_interval` of some scores as a function of the tail: their values are read once.

    `sample` is what they are worth; None where they are too few to bound.
    """

    estimate: ClusteredMean | None
    sample: EffectiveSample | None

    @classmethod
    def of(cls, scores: Scores) -> "ThresholdBounds":
        """Read the scores."""
        successes, n = scores.successes, len(scores.values)
        if successes is not None:
            estimate = _proportion(successes, n)
            return cls(estimate, None if estimate is None else EffectiveSample(n, n, n, is_counted=True))
        estimate = scores.estimate()
        if estimate is None or not scores.can_bound(estimate):
            return cls(estimate, None)
        rows, effective = scores.count(estimate), scores.effective_n(estimate)
        return cls(estimate, EffectiveSample(effective, rows, estimate.clusters, is_counted=False))

    def at(self, tail: float) -> Interval:
        """Return the bounds that are each wrong with probability `tail` at most."""
        estimate, sample, confidence = self.estimate, self.sample, 1 - 2 * tail
        if estimate is None:
            return _nothing(confidence)
        if sample is None:
            return estimate.interval(None, confidence, "none")
        n = sample.tested(tail)
        method = "clopper_pearson" if sample.is_counted else "korn_graubard"
        return estimate.interval(_beta_bounds(estimate.mean, n, tail), confidence, method, float(n))


def wilson(successes: int, n: int, *, confidence: float) -> Interval:
    """Return the plain Wilson interval of independent right-or-wrong values, with the normal quantile.

    Raises:
        ValueError: successes is not within 0 and n.
    """
    estimate = _proportion(successes, n)
    if estimate is None:
        return _nothing(confidence)
    bounds = wilson_bounds(estimate.mean, n, normal_quantile((1 + confidence) / 2))
    return estimate.interval(bounds, confidence, "wilson", float(n))


def wilson_bounds(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Return the Wilson score bounds of a proportion `p` seen on `n` (effective) values; they always enclose p."""
    square = quantile * quantile / n
    centre = (p + square / 2) / (1 + square)
    half = math.sqrt(square * (p * (1 - p) + square / 4)) / (1 + square)
    lower = 0.0 if p <= 0.0 else max(0.0, min(p, centre - half))
    upper = 1.0 if p >= 1.0 else min(1.0, max(p, centre + half))
    return lower, upper


def clopper_pearson(successes: int, n: int, *, tail: float) -> Interval:
    """Return the exact interval of independent right-or-wrong values, `tail` outside each bound.

    Raises:
        ValueError: successes is not within 0 and n.
    """
    estimate = _proportion(successes, n)
    if estimate is None:
        return _nothing(1 - 2 * tail)
    return estimate.interval(_beta_bounds(estimate.mean, n, tail), 1 - 2 * tail, "clopper_pearson", float(n))


def t_interval(
    values: Sequence[float],
    *,
    confidence: float,
    clusters: Sequence[Hashable] | None = None,
    weights: Sequence[float] | None = None,
) -> Interval:
    """Return the t interval for a mean of unbounded values: tokens, cost, seconds."""
    estimate = clustered_mean(values, clusters=clusters, weights=weights)
    if estimate is None:
        return _nothing(confidence)
    if estimate.standard_error is None or estimate.clusters < (2 if clusters is None else FEW_CLUSTERS):
        return estimate.interval(None, confidence, "none")
    half = t_quantile((1 + confidence) / 2, estimate.clusters - 1) * estimate.standard_error
    return estimate.interval((estimate.mean - half, estimate.mean + half), confidence, "t")


def _proportion(successes: int, n: int) -> ClusteredMean | None:
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a proportion")
    if n == 0:
        return None
    mean = successes / n
    return ClusteredMean(mean, math.sqrt(mean * (1 - mean) / (n - 1)) if n > 1 else None, n, n, float(n))


def _beta_bounds(mean: float, n: float, tail: float) -> tuple[float, float]:
    right = mean * n
    lower = 0.0 if mean <= 0.0 else min(mean, beta_quantile(tail, right, n - right + 1))
    upper = 1.0 if mean >= 1.0 else max(mean, beta_quantile(1 - tail, right + 1, n - right))
    return lower, upper


def _nothing(confidence: float) -> Interval:
    return Interval(None, None, None, confidence, "none", 0, 0)
