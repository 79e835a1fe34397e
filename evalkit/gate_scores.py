"""One planned check on scores: what the data say of it, and what they would say whatever the missing scores were."""

import math
import operator
from array import array
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from evalkit.compare import SamplePairs
from evalkit.gate_plan import PlannedCheck
from evalkit.records import ScoreOutcome
from evalkit.score_columns import rule_of
from evalkit.stats.effective import EffectiveSample, share_of_noise
from evalkit.stats.intervals import Scores
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import Spread
from evalkit.stats.verdicts import Claim, judge_difference, judge_level
from evalkit.stored_items import MetricItems

__all__ = ["Evidence", "weigh"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data say, with better upwards: a lower-is-better metric and a `max` are turned round.

    `worst` and `best` are the same claim with every missing score at its worst and at its best for the candidate. `n`
    counts the samples that the check is about, `missing` those of them without a score on a side, which counts as
    `missing_infra` where the infrastructure or a scorer failed; `missing_model` failed by themselves and score 0.
    `standard_error` is that of the claim's estimate; `limit` what the claim was held against. `spread` tells what
    part of a difference's variance more trials would take away; None where that is not known. `sample` tells what a
    level's scores are worth; None where they are too few to judge, and of a difference.
    """

    observed: Claim
    worst: Claim
    best: Claim
    limit: float
    n: int
    missing: int
    missing_infra: int
    missing_model: int
    trials: int
    is_grouped: bool
    standard_error: float | None
    spread: Spread | None = None
    sample: EffectiveSample | None = None

    @property
    def share_missing(self) -> float:
        """The part of the samples that lack a score on a side; all of them where there is no sample."""
        return self.missing / self.n if self.n else 1.0


def weigh(check: PlannedCheck, *, alpha: float) -> Evidence:
    """Return what the stored scores say of a check; `check` is about scores."""
    assert check.items is not None
    if check.claim == "max_drop":
        assert check.baseline is not None
        assert check.pairs is not None
        return _difference(check, check.items, check.baseline, check.pairs, alpha)
    return _level(check, check.items, alpha)


def _difference(
    check: PlannedCheck, items: MetricItems, baseline: MetricItems, pairs: SamplePairs, alpha: float
) -> Evidence:
    mine, theirs = _places(check, pairs)
    new, old = _Side(items, mine), _Side(baseline, theirs)
    better = operator.sub if items.higher_is_better else _fall
    trials = min(items.trials, baseline.trials)
    groups = _clusters(items, mine) or _clusters(baseline, theirs)

    def claim(first: Sequence[float], second: Sequence[float]) -> Claim:
        differences = list(map(better, first, second))
        clusters = groups
        if math.isnan(sum(differences)):
            kept = [place for place, value in enumerate(differences) if not math.isnan(value)]
            differences = [differences[place] for place in kept]
            clusters = None if groups is None else [groups[place] for place in kept]
        pairing = Pairing(differences, items.kind == "binary", trials, clusters)
        return judge_difference(pairing, margin=check.limit, alpha=alpha)

    observed = claim(new.values, old.values)
    worst = best = observed
    missing = sum(map(math.isnan, map(operator.sub, new.values, old.values))) if new.has_gaps or old.has_gaps else 0
    if new.has_gaps or old.has_gaps:
        up = items.higher_is_better
        low, high = (new.worst, new.best) if up else (new.best, new.worst)
        old_low, old_high = (old.worst, old.best) if up else (old.best, old.worst)
        neither = [math.isnan(a) and math.isnan(b) for a, b in zip(new.values, old.values, strict=True)]
        worst = claim(_without(low, neither), old_high)
        best = claim(_without(high, neither), old_low)
    error = observed.standard_error
    found = _evidence(check, observed, (worst, best), new, missing=missing, error=error, trials=trials)
    return replace(found, spread=_spread(check, observed))


def _level(check: PlannedCheck, items: MetricItems, alpha: float) -> Evidence:
    places = range(len(items.ids)) if check.places is None else check.places
    side = _Side(items, places)
    is_most = check.claim == "max"
    limit = 1.0 - check.limit if is_most else check.limit
    groups = _clusters(items, places)

    def claim(values: Sequence[float]) -> Claim:
        clusters = groups
        if side.has_gaps and math.isnan(sum(values)):
            kept = [place for place, value in enumerate(values) if not math.isnan(value)]
            values = [values[place] for place in kept]
            clusters = None if groups is None else [groups[place] for place in kept]
        if is_most:
            values = [1.0 - value for value in values]
        rows = len(values) * items.trials if items.trials > 1 else None
        scores = Scores(values, is_binary=items.kind == "binary", clusters=clusters, rows=rows)
        return judge_level(scores, threshold=limit, alpha=alpha)

    observed = claim(side.values)
    worst = best = observed
    if side.has_gaps:
        worst, best = claim(side.worst), claim(side.best)
        if is_most:
            worst, best = best, worst
    missing = sum(map(math.isnan, side.values)) if side.has_gaps else 0
    error = observed.standard_error
    found = _evidence(check, observed, (worst, best), side, missing=missing, error=error, trials=items.trials)
    within = items.within if check.places is None else None
    noise = share_of_noise(error, observed.n, within=within, trials=items.trials)
    return replace(found, sample=None if observed.sample is None else observed.sample.with_noise(noise))


def _spread(check: PlannedCheck, observed: Claim) -> Spread | None:
    """Return where a difference's variance comes from; a slice's own noise between trials is not known."""
    sides = [each for each in (check.items, check.baseline) if each is not None]
    if observed.standard_error is None or check.places is not None:
        return None
    noises = [(each.within, each.trials) for each in sides if each.within is not None]
    if len(noises) < len(sides):
        return None
    seen = sum(within / trials for within, trials in noises)
    variance = observed.standard_error**2 * observed.n
    return Spread(max(0.0, variance - seen), sum(within for within, _ in noises))


class _Side:
    """The scores of one side at some places; `has_gaps` where some trial has none."""

    def __init__(self, items: MetricItems, places: Sequence[int]) -> None:
        self._items, self._places = items, places
        self.values = _pick(items.values, places)
        self.has_gaps = items.worst is not items.values and items.worst != items.values

    @property
    def worst(self) -> Sequence[float]:
        return _pick(self._items.worst, self._places)

    @property
    def best(self) -> Sequence[float]:
        return _pick(self._items.best, self._places)

    def failures(self) -> tuple[int, int]:
        """Count the samples' scorings that infrastructure or a scorer lost, and those that the model failed."""
        items, repeats = self._items, self._items.repeats
        endings = items.scorings
        if not isinstance(self._places, range):
            endings = b"".join(endings[place * repeats : (place + 1) * repeats] for place in self._places)
        found = {"model": 0, "infra": 0, "scorer": 0, None: 0}
        for code, outcome in enumerate(ScoreOutcome):
            found[rule_of(outcome)] += endings.count(code)
        return found["infra"] + found["scorer"], found["model"]


def _evidence(
    check: PlannedCheck,
    observed: Claim,
    extremes: tuple[Claim, Claim],
    side: _Side,
    *,
    missing: int,
    error: float | None,
    trials: int,
) -> Evidence:
    infra, model = side.failures()
    assert check.items is not None
    limit = 1.0 - check.limit if check.claim == "max" else check.limit
    return Evidence(
        observed=observed,
        worst=extremes[0],
        best=extremes[1],
        limit=limit,
        n=len(side.values),
        missing=missing,
        missing_infra=infra,
        missing_model=model,
        trials=trials,
        is_grouped=check.items.clusters is not None,
        standard_error=error,
    )


def _places(check: PlannedCheck, pairs: SamplePairs) -> tuple[Sequence[int], Sequence[int]]:
    """Return the places of the paired samples on either side, of the check's slice where it has one."""
    if check.places is None:
        return pairs.first, pairs.second
    wanted = set(check.places)
    kept = [(mine, theirs) for mine, theirs in zip(pairs.first, pairs.second, strict=True) if mine in wanted]
    return [mine for mine, _ in kept], [theirs for _, theirs in kept]


def _pick(values: Sequence[float], places: Sequence[int]) -> Sequence[float]:
    if isinstance(places, range) and len(places) == len(values):
        return values
    return array("d", [values[place] for place in places])


def _clusters(items: MetricItems, places: Sequence[int]) -> Sequence[Hashable] | None:
    groups = items.clusters
    if groups is None or (isinstance(places, range) and len(places) == len(groups)):
        return groups
    return [groups[place] for place in places]


def _without(values: Sequence[float], dropped: Sequence[bool]) -> list[float]:
    return [math.nan if is_dropped else value for value, is_dropped in zip(values, dropped, strict=True)]


def _fall(new: float, old: float) -> float:
    return old - new
