"""How often gate rules raise an alarm where nothing has changed: stored trials split at random, many times; pure."""

import math
import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from evalkit.compare import pair_samples
from evalkit.config.expand import is_match
from evalkit.config.gates import FACTS, GateRule, GateSpec
from evalkit.records import Json
from evalkit.stats.multiple import holm
from evalkit.stats.pairing import Pairing
from evalkit.stats.reducers import Reducer, make_reducer
from evalkit.stats.verdicts import Verdict, judge_difference
from evalkit.stored_items import MetricItems

__all__ = ["Calibration", "RuleCalibration", "TrialPool", "calibrate", "pool_trials"]

_FEWEST_TRIALS = 2
_THOUSANDTHS = 1000
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class TrialPool:
    """All trials of one metric of one model: a row of scores for each sample, which is split into two sides.

    `side` is the number of trials a side gets; `observed` the difference between the two runs they came from.
    """

    items: MetricItems = field(repr=False)
    rows: Sequence[Sequence[float]] = field(repr=False)
    places: Sequence[int] = field(repr=False)
    side: int
    observed: float | None = None

    def split(self, rng: random.Random, reducer: Reducer) -> list[float]:
        """Return each sample's difference between two sides drawn at random, better upwards; NaN without a score."""
        sign = 1.0 if self.items.higher_is_better else -1.0
        found: list[float] = []
        for row in self.rows:
            drawn = rng.sample(row, 2 * self.side)
            first = reducer([value for value in drawn[: self.side] if value >= 0.0])
            second = reducer([value for value in drawn[self.side :] if value >= 0.0])
            found.append(math.nan if first is None or second is None else sign * (first - second))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCalibration:
    """One rule held by one model over all splits: how it ended, and how a rule on the bare number would have.

    `suggested_max_drop` is the smallest tolerance that an unchanged model passes with the gate's power,
    `suggested_point_drop` the smallest that the bare number keeps but for `alpha`; `noise` is the standard deviation
    of the differences.
    """

    rule: str
    metric: str
    model: str
    slice: str | None
    max_drop: float
    samples: int
    trials: int
    fail_rate: float
    inconclusive_rate: float
    pass_rate: float
    naive_fail_rate: float
    noise: float
    suggested_max_drop: float
    suggested_point_drop: float
    observed: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The rules one by one and together: any FAIL after Holm, any of the bare numbers."""

    rules: tuple[RuleCalibration, ...]
    splits: int
    seed: int
    alpha: float
    power: float
    any_fail_rate: float
    any_naive_rate: float
    left_out: tuple[str, ...] = ()

    def monte_carlo_error(self, rate: float) -> float:
        """Return the standard error of a rate seen over the splits; that of none, or of all, as if half a split."""
        kept = min(max(rate, 0.5 / self.splits), 1 - 0.5 / self.splits)
        return math.sqrt(kept * (1 - kept) / self.splits)

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return asdict(self)


def pool_trials(first: MetricItems, second: MetricItems | None = None) -> TrialPool | None:
    """Return the trials of one run, or of two together; None where no sample has two.

    Trials of two runs of one plan are exchangeable when nothing has changed, which is what is supposed.
    """
    mine = _rows(first)
    if second is None:
        places: Sequence[int] = range(len(mine))
        rows, observed = mine, None
    else:
        pairs = pair_samples(first, second)
        theirs, places = _rows(second), pairs.first
        rows = [[*mine[a], *theirs[b]] for a, b in zip(pairs.first, pairs.second, strict=True)]
        observed = _mean_difference(first, second, list(zip(pairs.first, pairs.second, strict=True)))
    trials = min(map(len, rows), default=0)
    return None if trials < _FEWEST_TRIALS else TrialPool(first, rows, places, trials // 2, observed)


def calibrate(gate: GateSpec, pools: Sequence[TrialPool], *, splits: int, seed: int) -> Calibration:
    """Return how often each `max_drop` rule of a gate ends in each way when both sides are the same model."""
    checks = [check for rule in gate.rules if rule.max_drop is not None for check in _checks(rule, pools)]
    left_out = [rule.name or rule.metric for rule in gate.rules if rule.max_drop is None]
    rng = random.Random(seed)  # noqa: S311  a simulation, not a secret
    tallies = [_Tally(check) for check in checks]
    any_fail = any_naive = 0
    reducers = [_reducer(pool.items) for pool in pools]
    for _ in range(splits):
        drawn = [pool.split(rng, reducer) for pool, reducer in zip(pools, reducers, strict=True)]
        p_values: list[float] = []
        naive = False
        for tally in tallies:
            p, is_naive = tally.put(drawn[tally.check.pool], gate.alpha)
            p_values.append(p)
            naive = naive or is_naive
        any_fail += any(p < gate.alpha for p in holm(p_values))
        any_naive += naive
    return Calibration(
        rules=tuple(tally.sum_up(pools[tally.check.pool], gate, splits) for tally in tallies),
        splits=splits,
        seed=seed,
        alpha=gate.alpha,
        power=gate.power,
        any_fail_rate=any_fail / splits,
        any_naive_rate=any_naive / splits,
        left_out=tuple(left_out),
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """A rule held by the model of a pool, on the samples at `places` of the pool; all when None."""

    rule: GateRule
    pool: int
    margin: float
    is_binary: bool
    trials: int
    clusters: Sequence[Hashable] | None
    slice: str | None = None
    places: Sequence[int] | None = None


def _checks(rule: GateRule, pools: Sequence[TrialPool]) -> Iterator[_Check]:
    for number, pool in enumerate(pools):
        items = pool.items
        if rule.metric in FACTS or items.name != rule.metric or not is_match(items.model, rule.model):
            continue
        trials = pool.side if items.measure.get("reducer") in {None, "mean"} else 1
        groups = None if items.clusters is None else [items.clusters[place] for place in pool.places]
        about = (rule, number, rule.max_drop or 0.0, items.kind == "binary", trials, groups)
        if rule.slice is None:
            yield _Check(*about)
            continue
        key, _, pattern = rule.slice.partition("=")
        for value, members in items.slices.get(key, {}).items():
            if is_match(value, pattern):
                wanted = set(members)
                kept = [number for number, place in enumerate(pool.places) if place in wanted]
                yield _Check(*about, f"{key}={value}", kept)


class _Tally:
    """What became of one check, split by split."""

    def __init__(self, check: _Check) -> None:
        self.check = check
        self._verdicts: list[Verdict] = []
        self._naive = 0
        self._means: list[float] = []
        self._needed: list[float] = []

    def put(self, differences: Sequence[float], alpha: float) -> tuple[float, bool]:
        """Judge one split; return the p-value of "the rule holds" and whether the bare number breaks it."""
        check = self.check
        chosen = range(len(differences)) if check.places is None else check.places
        kept = [place for place in chosen if not math.isnan(differences[place])]
        groups = None if check.clusters is None else [check.clusters[place] for place in kept]
        pairing = Pairing([differences[place] for place in kept], check.is_binary, check.trials, groups)
        claim = judge_difference(pairing, margin=check.margin, alpha=alpha)
        self._verdicts.append(claim.verdict)
        self._means.append(claim.estimate or 0.0)
        self._needed.append(math.inf if claim.lower is None else -claim.lower)
        is_naive = (claim.estimate or 0.0) < -check.margin - _ROUNDING
        self._naive += is_naive
        return (1.0 if claim.p is None else claim.p), is_naive

    def sum_up(self, pool: TrialPool, gate: GateSpec, splits: int) -> RuleCalibration:
        check = self.check
        rates = {verdict: self._verdicts.count(verdict) / splits for verdict in Verdict}
        return RuleCalibration(
            rule=check.rule.name or check.rule.metric,
            metric=check.rule.metric,
            model=pool.items.model,
            slice=check.slice,
            max_drop=check.margin,
            samples=len(pool.rows) if check.places is None else len(check.places),
            trials=pool.side,
            fail_rate=rates[Verdict.FAIL],
            inconclusive_rate=rates[Verdict.INCONCLUSIVE],
            pass_rate=rates[Verdict.PASS],
            naive_fail_rate=self._naive / splits,
            noise=math.sqrt(math.fsum(mean * mean for mean in self._means) / splits),
            suggested_max_drop=_tolerance(self._needed, gate.power),
            suggested_point_drop=_tolerance([-mean for mean in self._means], 1 - gate.alpha),
            observed=pool.observed,
        )


def _tolerance(drops: Sequence[float], share: float) -> float:
    """Return the least tolerance, in thousandths, that covers a share of the drops; at most 1."""
    drop = sorted(drops)[min(len(drops) - 1, math.ceil(share * len(drops)) - 1)]
    return min(1.0, max(0.0, math.ceil(min(drop, 1.0) * _THOUSANDTHS - _ROUNDING) / _THOUSANDTHS))


def _rows(items: MetricItems) -> list[list[float]]:
    repeats = items.repeats
    rows = items.rows or (items.values if repeats == 1 else ())
    return [list(rows[start : start + repeats]) for start in range(0, len(rows), repeats)]


def _reducer(items: MetricItems) -> Reducer:
    name, colon, k = str(items.measure.get("reducer") or "mean").partition(":")
    return make_reducer({name: int(k)} if colon else name)


def _mean_difference(first: MetricItems, second: MetricItems, pairs: Sequence[tuple[int, int]]) -> float | None:
    differences = [second.values[b] - first.values[a] for a, b in pairs]
    kept = [value for value in differences if not math.isnan(value)]
    return math.fsum(kept) / len(kept) if kept else None
