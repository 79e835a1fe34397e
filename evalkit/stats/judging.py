"""A judge's mean score, corrected by human labels: prediction-powered inference for a mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import normal_quantile

__all__ = ["FEWEST_LABELS", "CorrectedMean", "correct_judge"]

FEWEST_LABELS = 30
"""With fewer human labels than this there is no correction."""


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """The judge's mean as it is and corrected, with the corrected one's interval."""

    raw: float
    corrected: float
    lower: float
    upper: float
    confidence: float
    labels: int
    unlabelled: int


def correct_judge(
    human: Sequence[float], judge: Sequence[float], unlabelled: Sequence[float], *, confidence: float
) -> CorrectedMean:
    """Return mean(judge, unlabelled) + mean(human - judge, labelled): unbiased whatever the judge.

    `human` and `judge` score the same labelled items, a random sample of all; `unlabelled` is the judge on the rest.
    SE^2 = var(judge)/N + var(human - judge)/m with divisor n (Angelopoulos et al. 2023, lambda = 1); normal quantile.

    Raises:
        ValueError: fewer than 30 labels, labels that do not match, or no unlabelled item.
    """
    if len(human) != len(judge):
        raise ValueError(f"{len(human)} human labels for {len(judge)} judgements of the same items")
    if len(human) < FEWEST_LABELS:
        raise ValueError(f"{len(human)} human labels are too few to correct a judge; {FEWEST_LABELS} are needed")
    if not unlabelled:
        raise ValueError("there is no unlabelled item to correct")
    rectifier = [truth - said for truth, said in zip(human, judge, strict=True)]
    centre, spread = _moments(unlabelled)
    shift, error = _moments(rectifier)
    half = normal_quantile((1 + confidence) / 2) * math.sqrt(spread / len(unlabelled) + error / len(rectifier))
    raw = math.fsum([*unlabelled, *judge]) / (len(unlabelled) + len(judge))
    point = centre + shift
    return CorrectedMean(raw, point, point - half, point + half, confidence, len(human), len(unlabelled))


def _moments(values: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / len(values)
