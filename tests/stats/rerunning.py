"""Nights of right-or-wrong answers whose samples differ in difficulty, and the drift rule's view of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.stats.drift import ALARM, Drift, watch_drift
from evalkit.stats.night_table import night_table


@dataclass(frozen=True, kw_only=True)
class Nights:
    """What is simulated: samples, their mean chance of being right, how unlike they are, trials, extra spread.

    `spread` is the nights' standard deviation over what re-running explains.
    """

    samples: int = 200
    p: float = 0.85
    icc: float = 0.6
    trials: int = 1
    spread: float = 1.0

    def draw(self, rng: np.random.Generator, nights: int, at: int = 0, shift: float = 0.0) -> "Series":
        """Draw nights whose mean falls, from the one `at` on, by `shift` standard deviations of a re-run."""
        shape = (1 - self.icc) / self.icc
        chances = rng.beta(self.p * shape, (1 - self.p) * shape, self.samples)
        variances = chances * (1 - chances)
        sd = np.sqrt(variances.sum() / self.trials) / self.samples
        now = np.tile(chances, (nights, 1))
        if shift:
            now[at:] = np.clip(chances - shift * sd * self.samples * variances / variances.sum(), 0, 1)
        scores = rng.binomial(self.trials, now) / self.trials
        moved = rng.normal(0, sd * np.sqrt(self.spread**2 - 1), nights) if self.spread > 1 else np.zeros(nights)
        return Series(scores, moved, self.trials)


@dataclass(frozen=True)
class Series:
    """Every night's scores by sample, and what moved whole nights besides."""

    scores: Any
    moved: Any
    trials: int

    def drifts(self, alarm: float = ALARM) -> list[Drift]:
        """Return what the drift rule finds above a level of alarm."""
        table = night_table(list(self.scores), weight=1 / self.trials)
        floor = 1 / self.trials / self.scores.shape[1] ** 2
        return watch_drift(
            (table.means + self.moved).tolist(), noise=table.variances.tolist(), floor=floor, alarm=alarm
        )


def quiet(seed: int, count: int, kind: Nights = Nights(), nights: int = 90, alarm: float = ALARM) -> float:
    """Return the share of quiet series with an alarm, either way."""
    rng = np.random.default_rng(seed)
    return sum(bool(kind.draw(rng, nights).drifts(alarm)) for _ in range(count)) / count


def found(
    seed: int,
    count: int,
    shift: float,
    at: int,
    kind: Nights = Nights(),
    *,
    alarm: float = ALARM,
    within: int = 10,
) -> Iterator[tuple[int, int]]:
    """Yield, for each fall that is found `within` so many nights, how late, and how far from it its onset is named."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        drifts = kind.draw(rng, at + within, at, shift).drifts(alarm)
        hit = next((drift for drift in drifts if drift.direction == "down" and drift.night >= at), None)
        if hit is not None:
            yield hit.night - at + 1, hit.onset - (at - 1)
