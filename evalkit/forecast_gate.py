"""What each gate rule could notice with the samples and trials of a plan, and how many more would do; pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from evalkit.config.expand import is_match
from evalkit.config.gates import FACTS, GateRule, GateSpec, claims_of
from evalkit.errors import ConfigError
from evalkit.forecast_level import enough_for_level, level_basis, reach_of_level
from evalkit.forecast_spread import FoundItems, ItemSpread, StoredItems, assume_spread, spread_of_stored
from evalkit.plan import Cell, Plan
from evalkit.records import Json
from evalkit.registry import nearest
from evalkit.stats.level_power import LevelTest
from evalkit.stats.power import MOST_TRIALS, Spread, items_needed, smallest_detectable, trials_needed

__all__ = ["RulePower", "forecast_gate"]

_MORE_TRIALS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePower:
    """One rule held by one model: the smallest drop (shortfall, excess) that the gate's power would notice.

    `alpha` is Holm's hardest step, the gate's over its `family`. `mde` is None for a fact and for a point rule, which
    have no error to speak of, and where `is_blind`: then not even the worst level there is would be proven to fail.
    `more_trials` and `twice_samples` are what it would be with those. `samples_needed` and `trials_needed` notice
    `detect`, `samples_to_pass` and `trials_to_pass` pass where nothing changed; None where no number does, or nothing
    is known of trials, which `knows_trials` tells.
    """

    rule: str
    metric: str
    model: str
    slice: str | None
    claim: str
    limit: float
    severity: str
    samples: int
    trials: int
    family: int
    alpha: float
    power: float
    detect: float | None = None
    deviation: float | None = None
    basis: str = ""
    is_assumed: bool = False
    mde: float | None = None
    is_blind: bool = False
    more_trials: int | None = None
    mde_more_trials: float | None = None
    mde_twice_samples: float | None = None
    samples_needed: int | None = None
    trials_needed: int | None = None
    samples_to_pass: int | None = None
    trials_to_pass: int | None = None
    knows_trials: bool = False

    @property
    def is_too_weak(self) -> bool:
        """Whether the plan is too small for the drop that the rule must notice."""
        if self.detect is None:
            return False
        return self.is_blind or (self.mde is not None and self.mde > self.detect)

    @property
    def enough(self) -> str:
        """How many samples, or trials, would notice `detect`, in words; empty where no number does."""
        return self._words(self.samples_needed, self.trials_needed)

    @property
    def enough_to_pass(self) -> str:
        """How many samples, or trials, would pass where nothing changed; empty where the plan's do, or none would."""
        too_few = self.samples_to_pass is not None and self.samples_to_pass > self.samples
        return self._words(self.samples_to_pass, self.trials_to_pass) if too_few else ""

    def _words(self, samples: int | None, trials: int | None) -> str:
        if samples is None:
            return ""
        said = f"about {_two_digits(samples):,} samples"
        if trials is not None:
            return f"{said} or {trials} trials{' on both sides' if self.claim == 'max_drop' else ''}"
        if self.knows_trials:
            return f"{said}; {MOST_TRIALS} trials would not do, so much do the samples themselves differ"
        return said

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {**asdict(self), "is_too_weak": self.is_too_weak}


def forecast_gate(plan: Plan, gate: GateSpec, stored: Sequence[StoredItems], *, score: float) -> tuple[RulePower, ...]:
    """Return what each rule could notice, in the order of the rules and of the plan's models.

    The differences are taken to vary as those of `stored` runs do, the baseline first; with one run only, or none,
    by p(1 - p), p being its mean or else `score`.

    Raises:
        ConfigError: a rule fits no model, metric or slice of the plan.
    """
    held = [each for rule in gate.rules for each in _held(plan, rule)]
    family = sum(each.cell is not None and not each.rule.strict_point for each in held)
    return tuple(_power(each, gate, family, stored, score) for each in held)


@dataclass(frozen=True, slots=True)
class _Held:
    """A rule, a model that holds it, and the cell and number of samples that it is about; no cell: a fact."""

    rule: GateRule
    model: str
    cell: Cell | None = None
    samples: int = 0
    slice: str | None = None


def _held(plan: Plan, rule: GateRule) -> Iterator[_Held]:
    labels = list(dict.fromkeys(cell.model.label for cell in plan.cells))
    models = [label for label in labels if is_match(label, rule.model)]
    if not models:
        raise _unfit(rule, f"no model of the plan matches {rule.model!r}{nearest(rule.model, labels)}")
    if rule.metric in FACTS:
        yield from (_Held(rule, model) for model in models)
        return
    metrics = [f"{cell.evaluation.name}.{scorer}" for cell in plan.cells for scorer in cell.evaluation.scorers]
    cells = [
        cell
        for cell in plan.cells
        if cell.model.label in models
        and rule.metric in {f"{cell.evaluation.name}.{s}" for s in cell.evaluation.scorers}
    ]
    if not cells:
        raise _unfit(rule, f"the plan has no metric of that name for these models{nearest(rule.metric, metrics)}")
    for cell in cells:
        yield from _slices(plan, rule, cell)


def _slices(plan: Plan, rule: GateRule, cell: Cell) -> Iterator[_Held]:
    positions = list(plan.positions(cell))
    if rule.slice is None:
        yield _Held(rule, cell.model.label, cell, len(positions))
        return
    key, _, pattern = rule.slice.partition("=")
    counts: dict[str, int] = {}
    for position in positions:
        value = cell.dataset.samples[position].slices.get(key)
        if value is not None and is_match(value, pattern):
            counts[value] = counts.get(value, 0) + 1
    if not counts:
        raise _unfit(rule, f"no sample of {cell.evaluation.name} is in slice {rule.slice!r}")
    for value in sorted(counts):
        yield _Held(rule, cell.model.label, cell, counts[value], f"{key}={value}")


def _unfit(rule: GateRule, why: str) -> ConfigError:
    return ConfigError(f"gate rule {rule.name or rule.metric}: {why}")


def _power(held: _Held, gate: GateSpec, family: int, stored: Sequence[StoredItems], score: float) -> RulePower:
    rule, cell = held.rule, held.cell
    claim = claims_of(rule)[0]
    limit: float = getattr(rule, claim)
    said: dict[str, Json] = {"samples": held.samples, "trials": 1 if cell is None else cell.evaluation.trials}
    alpha = gate.alpha / max(1, family)
    if cell is not None and not rule.strict_point and held.samples:
        found = [each for each in (run.find(rule.metric, cell.model.label) for run in stored) if each is not None]
        if claim == "max_drop":
            spread = spread_of_stored(found) or assume_spread(score)
            said |= _reach(held, cell, gate, alpha=alpha, spread=spread)
        else:
            test = LevelTest(limit if claim == "min" else 1.0 - limit, alpha, gate.power)
            said |= _level_reach(held, cell, test, found)
    return RulePower(
        rule=rule.name or rule.metric,
        metric=rule.metric,
        model=held.model,
        slice=held.slice,
        claim=claim,
        limit=limit,
        severity=rule.severity,
        family=family,
        alpha=alpha,
        power=gate.power,
        detect=rule.detect,
        **said,
    )


def _level_reach(held: _Held, cell: Cell, test: LevelTest, found: Sequence[FoundItems]) -> dict[str, Json]:
    trials = cell.evaluation.trials if cell.evaluation.reduce == "mean" else 1
    basis = level_basis(found, held.samples, trials)
    if cell.evaluation.reduce != "mean":
        basis = basis.without_noise()
    more = max(_MORE_TRIALS, 2 * trials)
    said = reach_of_level(basis, test, samples=held.samples, trials=trials, more=more)
    if held.rule.detect is not None:
        said |= enough_for_level(basis, test, held.rule.detect, samples=held.samples, trials=trials)
    return said


def _reach(held: _Held, cell: Cell, gate: GateSpec, *, alpha: float, spread: ItemSpread) -> dict[str, Json]:
    margin = held.rule.max_drop or 0.0
    trials = cell.evaluation.trials if cell.evaluation.reduce == "mean" else 1
    can_average = cell.evaluation.reduce == "mean" and spread.within is not None

    def notice(samples: float, times: int) -> float:
        error = spread.deviation(times) / math.sqrt(samples)
        return smallest_detectable(error, alpha=alpha, power=gate.power, margin=margin)

    more = max(_MORE_TRIALS, 2 * trials) if can_average else None
    enough = _Enough(spread, held.samples, trials, can_average)
    found: dict[str, Json] = {}
    if held.rule.detect is not None:
        found |= enough.of("needed", held.rule.detect, alpha=alpha, power=gate.power, margin=margin)
    found |= enough.of("to_pass", margin, alpha=gate.alpha, power=gate.power, margin=0.0)
    return {
        "deviation": spread.deviation(trials),
        "basis": spread.basis,
        "is_assumed": spread.is_assumed,
        "mde": notice(held.samples, trials),
        "more_trials": more,
        "mde_more_trials": None if more is None else notice(held.samples, more),
        "mde_twice_samples": notice(2 * held.samples, trials),
        "knows_trials": can_average,
        **found,
    }


@dataclass(frozen=True, slots=True)
class _Enough:
    """What would be enough for a goal: more samples at these trials, or more trials of these samples."""

    spread: ItemSpread
    samples: int
    trials: int
    can_average: bool

    def of(self, goal: str, drop: float, *, alpha: float, power: float, margin: float) -> dict[str, Json]:
        samples = items_needed(drop, self.spread.deviation(self.trials), alpha=alpha, power=power, margin=margin)
        trials = math.inf
        if self.can_average:
            parts = Spread(self.spread.between, self.spread.within or 0.0)
            trials = trials_needed(drop, parts, self.samples, alpha=alpha, power=power, margin=margin)
        return {
            f"samples_{goal}": math.ceil(samples) if math.isfinite(samples) else None,
            f"trials_{goal}": max(self.trials, math.ceil(trials)) if trials <= MOST_TRIALS else None,
        }


def _two_digits(count: int) -> int:
    """Return a count rounded up to two digits: what it rests on is no more exact."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit
