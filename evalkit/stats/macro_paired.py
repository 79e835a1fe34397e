"""Two models on several metrics at once: the paired difference of their macro averages."""

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from evalkit.stats.exact import sign_flip
from evalkit.stats.macro import item_units
from evalkit.stats.paired import DifferenceEstimate, PairedDifference, displayed_estimate, paired_difference
from evalkit.stats.pairing import ItemScores, Pairing, pair_items

__all__ = ["macro_difference"]

_FEW_NONZERO = 15
_FEWEST_UNITS = 6


@dataclass(frozen=True, slots=True)
class _Part:
    """One metric of both models: its pairs, what each pair moves with, and the set of items that it is on."""

    pairing: Pairing
    units: Sequence[Hashable]
    items: Hashable
    estimate: DifferenceEstimate | None

    def errors(self) -> dict[Hashable, float]:
        """Return each unit's share of the mean's error."""
        d, found = self.pairing.differences, dict[Hashable, float]()
        mean = math.fsum(d) / len(d)
        for unit, value in zip(self.units, d, strict=True):
            found[unit] = found.get(unit, 0.0) + (value - mean) / len(d)
        return found


def macro_difference(
    first: Sequence[ItemScores], second: Sequence[ItemScores], *, items: Sequence[Hashable], confidence: float
) -> PairedDifference:
    """Return mean_k (first_k - second_k), each metric on the items that both models scored, metrics weighing the same.

    Metrics whose `items` are equal are on the same items, joined by id. SE^2 = sum_kl a_k a_l C_kl, C_kk the squared
    error of the metric's own displayed difference, C_kl the covariance of two metrics on the same items by clusters.
    t with Welch and Satterthwaite's degrees of freedom over the sets of items. p is the exact sign-flip test over whole
    items where fewer than 15 of them differ, else that t. A single metric gives its own paired difference.
    """
    if len(first) == 1:
        return paired_difference(pair_items(first[0], second[0]), confidence=confidence)
    parts = [_part(*sides) for sides in zip(first, second, items, strict=True)]
    share, means = 1 / len(parts), [_mean(part) for part in parts]
    known = [mean for mean in means if mean is not None]
    mean = math.fsum(known) * share if len(known) == len(parts) else None
    estimate = None if mean is None else _estimate(parts)
    lower = upper = None
    if estimate is not None and mean is not None:
        low, high = estimate.bounds((1 - confidence) / 2)
        lower, upper = min(low, mean), max(high, mean)
    p, p_method = (None, "none") if mean is None else _p_value(parts, estimate)
    nonzero = [value for part in parts for value in part.pairing.nonzero]
    return PairedDifference(
        difference=mean,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="none" if estimate is None else "macro_t",
        p=p,
        p_method=p_method,
        n=sum(len(part.units) for part in parts),
        clusters=_count_units(parts),
        standard_error=None if estimate is None else estimate.standard_error,
        wins=sum(1 for value in nonzero if value > 0),
        losses=sum(1 for value in nonzero if value < 0),
    )


def _part(first: ItemScores, second: ItemScores, items: Hashable) -> _Part:
    pairing = pair_items(first, second)
    units = pair_items(replace(first, clusters=item_units(first.ids, first.clusters)), second).clusters or ()
    return _Part(pairing, units, items, displayed_estimate(pairing) if pairing.differences else None)


def _mean(part: _Part) -> float | None:
    d = part.pairing.differences
    return math.fsum(d) / len(d) if d else None


def _estimate(parts: Sequence[_Part]) -> DifferenceEstimate | None:
    """Return the estimate behind interval and t-test; None where a metric has none."""
    share = 1 / len(parts)
    by_items: dict[Hashable, list[_Part]] = {}
    for part in parts:
        by_items.setdefault(part.items, []).append(part)
    variances: list[tuple[float, int]] = []
    means: list[float] = []
    for members in by_items.values():
        estimates = [part.estimate for part in members if part.estimate is not None]
        if len(estimates) < len(members):
            return None
        means += [estimate.mean for estimate in estimates]
        own = math.fsum(estimate.standard_error**2 for estimate in estimates)
        variance = share**2 * max(0.0, own + 2 * _covariances(members))
        variances.append((variance, min(estimate.df for estimate in estimates)))
    whole = math.fsum(variance for variance, _ in variances)
    if whole <= 0.0:
        return None
    df = whole**2 / math.fsum(variance**2 / df for variance, df in variances)
    return DifferenceEstimate(share * math.fsum(means), math.sqrt(whole), max(1, math.floor(df + 1e-9)))


def _covariances(members: Sequence[_Part]) -> float:
    """Return the sum over pairs of metrics of sum_g e_g f_g, with CR1's factor of the more numerous clusters."""
    if len(members) == 1:
        return 0.0
    found: list[float] = []
    for left, right in itertools.combinations([part.errors() for part in members], 2):
        count = max(len(left), len(right))
        both = math.fsum(error * right[unit] for unit, error in left.items() if unit in right)
        found.append(both * count / (count - 1) if count > 1 else 0.0)
    return math.fsum(found)


def _p_value(parts: Sequence[_Part], estimate: DifferenceEstimate | None) -> tuple[float | None, str]:
    sums: dict[tuple[Hashable, Hashable], float] = {}
    for part in parts:
        for unit, value in zip(part.units, part.pairing.differences, strict=True):
            if value:
                key = (part.items, unit)
                sums[key] = sums.get(key, 0.0) + value / len(part.units)
    if len(sums) < _FEW_NONZERO and _count_units(parts) >= _FEWEST_UNITS:
        scale = max(map(abs, sums.values()), default=1.0)
        return sign_flip([value / scale for value in sums.values()]).two_sided, "sign_flip_exact"
    return (None, "none") if estimate is None else (estimate.p_two_sided(), "t")


def _count_units(parts: Sequence[_Part]) -> int:
    return len({(part.items, unit) for part in parts for unit in part.units})
