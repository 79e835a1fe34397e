"""What a comparison could have noticed, and how many items or trials would do: normal approximation, one-sided."""

import math
from dataclasses import dataclass

from evalkit.stats.distributions import normal_quantile

__all__ = ["MOST_TRIALS", "Spread", "items_needed", "smallest_detectable", "trials_needed"]


def smallest_detectable(standard_error: float, *, alpha: float, power: float, margin: float = 0.0) -> float:
    """Return the true drop that is proven to exceed `margin` with probability `power`.

    margin + (z_{1-alpha} + z_{power}) SE, with the standard error of the mean difference; one-sided at `alpha`.
    """
    return margin + _z(alpha, power) * standard_error


def items_needed(drop: float, deviation: float, *, alpha: float, power: float, margin: float = 0.0) -> float:
    """Return how many items notice a true drop of `drop` with probability `power`; infinite when drop <= margin.

    ((z_{1-alpha} + z_{power}) s / (drop - margin))^2, with the standard deviation s of the items' differences; round
    up. To pass at no true difference, give drop = margin and margin = 0.
    """
    if drop <= margin:
        return math.inf
    return (_z(alpha, power) * deviation / (drop - margin)) ** 2


MOST_TRIALS = 100
"""More trials of an item than this are no advice."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the variance of an item's difference comes from: items that differ, and trials of one item that differ.

    `within` is vA + vB, the mean variance of single trials of an item, summed over the two sides. The mean
    difference of n items with T trials each has variance (between + within / T) / n (Miller 2024, arXiv 2411.00640).
    """

    between: float
    within: float

    @classmethod
    def split(cls, variance: float, within: float, trials: int) -> "Spread":
        """Split the variance of item differences seen with `trials` trials; the part between items is at least 0."""
        return cls(max(0.0, variance - within / trials), within)

    def standard_error(self, items: float, trials: int) -> float:
        """Return the standard error of the mean difference over `items` items with `trials` trials each."""
        return math.sqrt((self.between + self.within / trials) / items)

    def deviation(self, trials: int) -> float:
        """Return the standard deviation of an item's difference with `trials` trials."""
        return math.sqrt(self.between + self.within / trials)


def trials_needed(
    drop: float, spread: Spread, items: float, *, alpha: float, power: float, margin: float = 0.0
) -> float:
    """Return how many trials of each item, on every side, notice a true drop of `drop` with probability `power`.

    within / (n ((drop - margin) / (z_{1-alpha} + z_{power}))^2 - between); round up, to at least one. Infinite where
    the items themselves differ so much that no number of trials does, and when drop <= margin.
    """
    if drop <= margin:
        return math.inf
    room = items * ((drop - margin) / _z(alpha, power)) ** 2 - spread.between
    return spread.within / room if room > 0.0 else math.inf


def _z(alpha: float, power: float) -> float:
    return normal_quantile(1 - alpha) + normal_quantile(power)
