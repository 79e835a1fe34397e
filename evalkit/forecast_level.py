"""What a rule on a level could notice with the samples and trials of a plan: from a stored run, or assumed; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalkit.forecast_spread import FoundItems
from evalkit.records import Json
from evalkit.stats.effective import EffectiveSample, share_of_noise
from evalkit.stats.intervals import Scores, ThresholdBounds
from evalkit.stats.level_power import LevelTest
from evalkit.stats.power import MOST_TRIALS
from evalkit.stored_items import MetricItems

__all__ = ["LevelBasis", "enough_for_level", "level_basis", "reach_of_level"]


@dataclass(frozen=True, slots=True)
class LevelBasis:
    """What the scores of some samples are worth, each with so many trials, and in words what that rests on."""

    sample: EffectiveSample
    samples: int
    trials: int
    text: str
    is_assumed: bool = False

    def planned(self, samples: int, trials: int) -> EffectiveSample:
        """Return what a plan's samples would be worth; whole items are counted as such."""
        found = self.sample.times(samples / self.samples, trials / self.trials)
        return replace(found, effective=float(samples)) if found.is_counted else found

    def without_noise(self) -> "LevelBasis":
        """Return the same where trials are not averaged, so that nothing is known of more of them."""
        return replace(self, sample=self.sample.with_noise(None), trials=1)


def level_basis(found: Sequence[FoundItems], samples: int, trials: int) -> LevelBasis:
    """Return what the first run tells, as the gate would read its scores; else independent right-or-wrong samples."""
    if found and (told := _told(found[0])) is not None:
        return told
    n = float(samples)
    text = "no run tells: samples assumed to be independent, and right or wrong"
    return LevelBasis(EffectiveSample(n, n, n, is_counted=trials == 1), samples, trials, text, is_assumed=True)


def reach_of_level(basis: LevelBasis, test: LevelTest, *, samples: int, trials: int, more: int) -> dict[str, Json]:
    """Return the fields of a RulePower that tell the smallest shortfall, and what more samples or trials would do."""
    planned = basis.planned(samples, trials)
    knows_trials = planned.noise is not None
    mde = test.smallest_shortfall(planned)
    with_more = test.smallest_shortfall(basis.planned(samples, more)) if knows_trials else None
    return {
        "deviation": math.sqrt(test.threshold * (1.0 - test.threshold) * samples / planned.effective),
        "basis": basis.text,
        "is_assumed": basis.is_assumed,
        "mde": mde,
        "is_blind": mde is None,
        "more_trials": more if knows_trials else None,
        "mde_more_trials": with_more,
        "mde_twice_samples": test.smallest_shortfall(basis.planned(2 * samples, trials)),
        "knows_trials": knows_trials,
    }


def enough_for_level(
    basis: LevelBasis, test: LevelTest, detect: float, *, samples: int, trials: int
) -> dict[str, Json]:
    """Return how many samples, or trials, notice a shortfall of `detect`; None where no number does."""
    planned = basis.planned(samples, trials)
    times = test.samples_needed(planned, detect)
    repeated = test.trials_needed(planned, trials, detect)
    return {
        "samples_needed": math.ceil(times * samples) if math.isfinite(times) else None,
        "trials_needed": None if repeated is None or repeated > MOST_TRIALS else int(repeated),
    }


def _told(found: FoundItems) -> LevelBasis | None:
    items = found.items
    kept = [place for place, value in enumerate(items.values) if not math.isnan(value)]
    scores = _scores(items, kept)
    bounds = ThresholdBounds.of(scores)
    if bounds.sample is None or bounds.estimate is None:
        return None
    error = bounds.estimate.standard_error
    noise = share_of_noise(error, len(kept), within=items.within, trials=items.trials)
    text = f"scores of {found.name} ({len(kept):,} samples)"
    return LevelBasis(bounds.sample.with_noise(noise), len(kept), items.trials, text)


def _scores(items: MetricItems, kept: Sequence[int]) -> Scores:
    groups = None if items.clusters is None else [items.clusters[place] for place in kept]
    rows = len(kept) * items.trials if items.trials > 1 else None
    values = [items.values[place] for place in kept]
    return Scores(values, is_binary=items.kind == "binary", clusters=groups, rows=rows)
