"""Whether data prove a regression, prove its absence, or prove neither: one claim at a time."""

import math
from dataclasses import dataclass
from enum import StrEnum

from evalkit.stats.effective import EffectiveSample
from evalkit.stats.intervals import Scores, ThresholdBounds
from evalkit.stats.paired import DifferenceEstimate, augmented_estimate, displayed_estimate, plain_estimate
from evalkit.stats.pairing import Pairing

__all__ = ["Claim", "Verdict", "judge_difference", "judge_level"]

_STEPS = 60
_MOST_TAIL = 0.499


class Verdict(StrEnum):
    """What data say of a rule; INCONCLUSIVE is not a weak PASS."""

    PASS = "pass"  # noqa: S105  a verdict, not a secret
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Claim:
    """One rule held against data: the estimate, one-sided bounds at `alpha`, and the p-value of "the rule holds".

    `lower` is what PASS is read from, `upper` what FAIL is read from; all are None where there is too little to judge.
    `standard_error` is that of the estimate; `sample` what the scores of a level are worth.
    """

    verdict: Verdict
    estimate: float | None
    lower: float | None
    upper: float | None
    p: float | None
    n: int
    clusters: int
    method: str
    standard_error: float | None = None
    sample: EffectiveSample | None = None


def judge_difference(pairing: Pairing, *, margin: float, alpha: float) -> Claim:
    """Hold candidate minus baseline against a tolerated drop of `margin`.

    FAIL: the upper bound is below -margin; PASS: the lower bound is above -margin; both one-sided at `alpha`.
    Right-or-wrong scores take the augmented estimate, with weight 1/trials for FAIL and weight 1 for PASS: without a
    discordant item a plain t would prove anything.
    """
    d = pairing.differences
    clusters = len(d) if pairing.clusters is None else len(set(pairing.clusters))
    mean = math.fsum(pairing.nonzero) / len(d) if d else None
    method = "augmented_t" if pairing.is_binary else "paired_t"
    held, failed = _estimates(pairing)
    if held is None or failed is None:
        return Claim(Verdict.INCONCLUSIVE, mean, None, None, None, len(d), clusters, "none")
    lower, upper = held.bounds(alpha)[0], failed.bounds(alpha)[1]
    verdict = Verdict.FAIL if upper < -margin else Verdict.PASS if lower > -margin else Verdict.INCONCLUSIVE
    p = failed.p_below(-margin)
    return Claim(verdict, mean, lower, upper, p, len(d), clusters, method, failed.standard_error)


def judge_level(scores: Scores, *, threshold: float, alpha: float) -> Claim:
    """Hold a mean against a least value: FAIL when its upper bound is below, PASS when its lower bound reaches it.

    The bounds are Clopper-Pearson's or Korn and Graubard's, one-sided at `alpha`; p is the level at which the upper
    bound meets the threshold.
    """
    bounds = ThresholdBounds.of(scores)
    found = bounds.at(alpha)
    verdict, p = Verdict.INCONCLUSIVE, None
    if found.lower is not None and found.upper is not None:
        fails, holds = found.upper < threshold, found.lower >= threshold
        verdict = Verdict.FAIL if fails else Verdict.PASS if holds else Verdict.INCONCLUSIVE
        p = _level_p(bounds, threshold)
    return Claim(
        verdict,
        found.mean,
        found.lower,
        found.upper,
        p,
        found.n,
        found.clusters,
        found.method,
        found.standard_error,
        bounds.sample,
    )


def _estimates(pairing: Pairing) -> tuple[DifferenceEstimate | None, DifferenceEstimate | None]:
    """Return the estimates that PASS and FAIL are read from."""
    if pairing.is_binary:
        return augmented_estimate(pairing, weight=1.0), displayed_estimate(pairing)
    plain = plain_estimate(pairing)
    if plain is not None and plain.standard_error == 0.0:
        plain = augmented_estimate(pairing, weight=1.0)
    return plain, plain


def _level_p(bounds: ThresholdBounds, threshold: float) -> float:
    """Return the tail at which the upper bound equals the threshold, by bisection on its logarithm; .5 stands for more.

    It begins just short of .5, where both quantiles of the effective sample size are 0.
    """

    def is_below(tail: float) -> bool:
        upper = bounds.at(tail).upper
        return upper is not None and upper < threshold

    if not is_below(_MOST_TAIL):
        return 0.5
    low, high = math.log(1e-12), math.log(_MOST_TAIL)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_below(math.exp(middle)) else (middle, high)
    return math.exp(high)
