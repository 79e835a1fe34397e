"""Paired differences of two sides scored on the same items: estimate, interval and p-value."""

import math
from collections.abc import Hashable
from dataclasses import dataclass

from evalkit.stats.distributions import t_quantile, t_upper_tail
from evalkit.stats.exact import flip_units, mcnemar, sign_flip
from evalkit.stats.intervals import FEW_CLUSTERS
from evalkit.stats.means import clustered_mean
from evalkit.stats.pairing import Pairing

__all__ = [
    "DifferenceEstimate",
    "PairedDifference",
    "augmented_estimate",
    "paired_difference",
    "plain_estimate",
]

_FEW_NONZERO = 15
_FEWEST_UNITS = 6


@dataclass(frozen=True, slots=True)
class DifferenceEstimate:
    """A mean difference with its standard error and degrees of freedom: what bounds and one-sided tests are made of."""

    mean: float
    standard_error: float
    df: int

    def bounds(self, tail: float) -> tuple[float, float]:
        """Return the two bounds that leave `tail` outside on either side."""
        half = t_quantile(1 - tail, self.df) * self.standard_error
        return self.mean - half, self.mean + half

    def p_below(self, null: float) -> float:
        """Return the p-value against "the difference is at least `null`"."""
        return t_upper_tail(_ratio(null - self.mean, self.standard_error), self.df)

    def p_above(self, null: float) -> float:
        """Return the p-value against "the difference is at most `null`"."""
        return t_upper_tail(_ratio(self.mean - null, self.standard_error), self.df)

    def p_two_sided(self) -> float:
        """Return the p-value against "no difference"."""
        return min(1.0, 2 * t_upper_tail(_ratio(abs(self.mean), self.standard_error), self.df))


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A paired difference as it is printed: first minus second, its interval, and the p-value of "no difference".

    Bounds and p are None where the pairs are too few. `wins` and `losses` count items above and below zero.
    """

    difference: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    p: float | None
    p_method: str
    n: int
    clusters: int
    standard_error: float | None
    wins: int
    losses: int


def paired_difference(pairing: Pairing, *, confidence: float) -> PairedDifference:
    """Return the difference with the interval to display: augmented with weight 1/trials when binary, else paired t."""
    d, nonzero = pairing.differences, pairing.nonzero
    mean = math.fsum(nonzero) / len(d) if d else None
    estimate = displayed_estimate(pairing)
    lower = upper = None
    if estimate is not None and mean is not None:
        low, high = estimate.bounds((1 - confidence) / 2)
        lower, upper = min(low, mean), max(high, mean)
    p, p_method = _p_value(pairing)
    method = "none" if estimate is None else "augmented_t" if pairing.is_binary else "paired_t"
    return PairedDifference(
        difference=mean,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method=method,
        p=p,
        p_method=p_method,
        n=len(d),
        clusters=len(d) if pairing.clusters is None else len(set(pairing.clusters)),
        standard_error=None if estimate is None else estimate.standard_error,
        wins=sum(1 for value in nonzero if value > 0),
        losses=sum(1 for value in nonzero if value < 0),
    )


def displayed_estimate(pairing: Pairing) -> DifferenceEstimate | None:
    """Return the estimate behind the displayed interval; None when the pairs are too few."""
    if pairing.is_binary:
        return augmented_estimate(pairing, weight=1 / pairing.trials)
    return _t_estimate(pairing)


def plain_estimate(pairing: Pairing) -> DifferenceEstimate | None:
    """Return the paired t estimate, cluster-robust (CR1) with groups; None with fewer than 2 items or 5 groups."""
    estimate = clustered_mean(pairing.differences, clusters=pairing.clusters)
    if estimate is None or estimate.standard_error is None or not _is_enough(pairing):
        return None
    return DifferenceEstimate(estimate.mean, estimate.standard_error, estimate.clusters - 1)


def augmented_estimate(pairing: Pairing, *, weight: float) -> DifferenceEstimate | None:
    """Return the estimate with two pseudo-items, +1 and -1, each of `weight`: never a standard error of 0.

    n' = n + 2w, m' = sum(d)/n', SE'^2 = ((sum(d^2) + 2w)/n' - m'^2)/n', df n - 1: Bonett and Price (2012) for
    single trials and w = 1, with a t quantile. With groups the items' part is CR1 and each pseudo-item a cluster.
    """
    if not _is_enough(pairing):
        return None
    total = len(pairing.differences) + 2 * weight
    mean = math.fsum(pairing.nonzero) / total
    pseudo = weight * ((1 - mean) ** 2 + (1 + mean) ** 2)
    squares, df = _squares(pairing, mean)
    return DifferenceEstimate(mean, math.sqrt((squares + pseudo) / total**2), df)


def _t_estimate(pairing: Pairing) -> DifferenceEstimate | None:
    """Return the plain estimate, or the augmented one where no spread was seen: an error of 0 would prove anything."""
    estimate = plain_estimate(pairing)
    if estimate is not None and estimate.standard_error == 0.0:
        return augmented_estimate(pairing, weight=1.0)
    return estimate


def _p_value(pairing: Pairing) -> tuple[float | None, str]:
    d, nonzero = pairing.differences, pairing.nonzero
    if not d:
        return None, "none"
    is_matched = pairing.is_binary and pairing.trials == 1 and pairing.clusters is None
    if is_matched and all(value in {-1, 1} for value in nonzero):
        return mcnemar(nonzero.count(-1), nonzero.count(1)).exact, "mcnemar_exact"
    units = len(d) if pairing.clusters is None else len(set(pairing.clusters))
    if units >= _FEWEST_UNITS and len(flip_units(d, pairing.clusters)) < _FEW_NONZERO:
        return sign_flip(d, clusters=pairing.clusters).two_sided, "sign_flip_exact"
    estimate = _t_estimate(pairing)
    return (None, "none") if estimate is None else (estimate.p_two_sided(), "t")


def _is_enough(pairing: Pairing) -> bool:
    if pairing.clusters is None:
        return len(pairing.differences) > 1
    return len(set(pairing.clusters)) >= FEW_CLUSTERS


def _squares(pairing: Pairing, centre: float) -> tuple[float, int]:
    """Return the sum of squared errors and its degrees of freedom; by clusters with the factor G/(G-1)."""
    d, clusters = pairing.differences, pairing.clusters
    if clusters is None or len(set(clusters)) == len(d):
        nonzero = pairing.nonzero
        squares = math.fsum((value - centre) ** 2 for value in nonzero)
        return squares + (len(d) - len(nonzero)) * centre**2, len(d) - 1
    members: dict[Hashable, list[float]] = {}
    for cluster, value in zip(clusters, d, strict=True):
        members.setdefault(cluster, []).append(value - centre)
    count = len(members)
    return count / (count - 1) * math.fsum(math.fsum(member) ** 2 for member in members.values()), count - 1


def _ratio(difference: float, error: float) -> float:
    if error > 0.0:
        return difference / error
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)
