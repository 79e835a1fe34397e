"""How far beyond its threshold a mean must truly lie for the gate to prove it, by the very test that the gate uses.

A level fails when its upper Clopper-Pearson bound at n* lies below the threshold: when so many are wrong that a true
mean at the threshold has no more than that with a chance below alpha. What is noticed is the true mean at which so
many are wrong with the chance `power`. Both are binomial tails at real n, that is incomplete beta functions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.stats.distributions import beta_quantile, beta_share
from evalkit.stats.effective import EffectiveSample
from evalkit.stats.power import MOST_TRIALS

__all__ = ["LevelTest"]

_STEPS = 60
_MOST_TIMES = 2.0**40
_FEWEST = 5.0


@dataclass(frozen=True, slots=True)
class LevelTest:
    """A mean held to be at least `threshold`, one-sided at `alpha`; what it must notice has the chance `power`."""

    threshold: float
    alpha: float
    power: float

    def smallest_shortfall(self, sample: EffectiveSample) -> float | None:
        """Return the shortfall that is proven with the chance `power`; None where even a mean of 0 proves nothing.

        Exact for counted items. Else the wrong ones are no whole number: what is needed is taken half an item higher,
        as counting does on average, and never below one item.
        """
        needed = self._wrong(sample)
        if needed is None:
            return None
        if sample.is_counted:
            return self._shortfall(sample.effective, needed)
        return self._shortfall(sample.effective, max(1.0, needed + 0.5))

    def samples_needed(self, sample: EffectiveSample, shortfall: float) -> float:
        """Return how many times the samples notice `shortfall`, then and with any more; infinite where none do."""
        fewest = (1.0 if sample.is_counted else _FEWEST) / sample.clusters

        def is_enough(times: float) -> bool:
            found = self._at_most(sample.times(times))
            return found is not None and found <= shortfall

        most = max(1.0, fewest)
        while not is_enough(most):
            most *= 2
            if most > _MOST_TIMES:
                return math.inf
        found = fewest if is_enough(fewest) else _bisect(fewest, most, is_enough)
        return min(1.0, found) if self._notices(sample, shortfall) else found

    def trials_needed(self, sample: EffectiveSample, trials: int, shortfall: float) -> float | None:
        """Return how many trials of these samples notice `shortfall`: infinite where no sensible number does.

        None where the noise between the `trials` that the sample has is not known.
        """
        if sample.noise is None:
            return None
        wanted = range(trials, max(trials, MOST_TRIALS) + 1)
        found = next((each for each in wanted if self._notices(sample.times(1.0, each / trials), shortfall)), None)
        return math.inf if found is None else float(found)

    def _notices(self, sample: EffectiveSample, shortfall: float) -> bool:
        found = self.smallest_shortfall(sample)
        return found is not None and found <= shortfall

    def _at_most(self, sample: EffectiveSample) -> float | None:
        """Return the smallest shortfall, of counted items the most it is at any number of about so many."""
        if not sample.is_counted:
            return self.smallest_shortfall(sample)
        needed = self._crossing(sample.effective)
        return None if needed is None else self._shortfall(sample.effective, needed + 1.0)

    def _wrong(self, sample: EffectiveSample) -> float | None:
        """Return how many of the effective items must be wrong for a FAIL: of counted ones a whole number."""
        tested = sample.tested(self.alpha)
        crossing = self._crossing(tested)
        if crossing is None:
            return None
        if not sample.is_counted:
            return crossing * sample.effective / tested
        whole = max(1.0, math.floor(crossing))
        return whole if self._is_proof(whole, tested) else whole + 1.0

    def _crossing(self, n: float) -> float | None:
        """Return from how many wrong ones of n on a FAIL is proven; None where even all of them prove none."""
        if not self._is_proof(n, n):
            return None
        return _bisect(0.0, n, lambda wrong: self._is_proof(wrong, n))

    def _is_proof(self, wrong: float, n: float) -> bool:
        return beta_share(1.0 - self.threshold, wrong, n - wrong + 1.0) < self.alpha

    def _shortfall(self, n: float, wrong: float) -> float:
        wrong = min(wrong, n)
        return self.threshold - beta_quantile(1.0 - self.power, n - wrong + 1.0, wrong)


def _bisect(low: float, high: float, is_enough: Callable[[float], bool]) -> float:
    """Return the least number from which on it is enough; it is at `high`."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
