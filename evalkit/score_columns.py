"""One scorer's scores in a cell, kept as compact columns, and the metric made of them."""

import math
from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.config.schema import OnErrorSpec
from evalkit.records import NOT_ANSWERED, Prediction, PredictionOutcome, Score, ScoreOutcome
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.intervals import Interval, Scores, score_interval
from evalkit.stats.reducers import make_reducer

__all__ = ["Reduced", "ScoreColumn", "ScoreRules", "Scoring", "counts_as", "rule_of"]

Scoring = tuple[PredictionOutcome, ScoreOutcome, float | None]
"""How one prediction and its scoring ended, and the score's value where there is one."""

_OUTCOMES = tuple(ScoreOutcome)
_CODES = {outcome: code for code, outcome in enumerate(_OUTCOMES)}
_RULE_OF = {
    ScoreOutcome.NO_ANSWER: "model",
    ScoreOutcome.REFUSED: "model",
    ScoreOutcome.FILTERED: "model",
    ScoreOutcome.TOO_LONG: "model",
    ScoreOutcome.INFRA_ERROR: "infra",
    ScoreOutcome.REJECTED: "infra",
    ScoreOutcome.NOT_RUN: "infra",
    ScoreOutcome.SCORER_ERROR: "scorer",
    ScoreOutcome.JUDGE_FAILED: "scorer",
}
_COUNTS_AS = {"zero": 0.0, "exclude": math.nan}
_STAYS_BINARY = frozenset({"mean", "majority", "any", "all"})


@dataclass(frozen=True, slots=True)
class Reduced:
    """One score for each item, NaN where nothing was left to reduce; worst and best with every excluded trial 0, 1."""

    values: Sequence[float]
    worst: Sequence[float]
    best: Sequence[float]


@dataclass(frozen=True)
class ScoreRules:
    """How trial scores become item scores: what a missing one counts as, and the reducer."""

    trials: int
    reduce: str | Mapping[str, int]
    on_error: OnErrorSpec

    @property
    def rows_are_trials(self) -> bool:
        """Whether an item's score is a mean over several trials."""
        return self.trials > 1 and self.reduce == "mean"

    @property
    def keeps_binary(self) -> bool:
        """Whether right-or-wrong trials give right-or-wrong items, or means of them."""
        return self.trials == 1 or (isinstance(self.reduce, str) and self.reduce in _STAYS_BINARY)


def rule_of(outcome: ScoreOutcome) -> str | None:
    """Return the `on_error` rule that a scoring without a score falls under: model, infra or scorer; None if scored."""
    return _RULE_OF.get(outcome)


def counts_as(on_error: OnErrorSpec) -> dict[str, float | None]:
    """Return what a prediction without a score counts as, by outcome; None where it is left out of the mean.

    "truncated" is there only where a cut-off answer counts as something else than its score.
    """
    rules = on_error.model_dump()
    named = {outcome.value: rules[rule] for outcome, rule in _RULE_OF.items()}
    if rules["truncated"] in _COUNTS_AS:
        named["truncated"] = rules["truncated"]
    return {outcome: 0.0 if rule == "zero" else None for outcome, rule in named.items()}


class ScoreColumn:
    """The scores of one scorer by row; NaN where `on_error` excludes."""

    def __init__(self, kind: str, rules: ScoreRules, items: int) -> None:
        """Make room for `items` x trials scores, none of which has been run."""
        on_error = rules.on_error.model_dump()
        self.kind = kind
        self._rules = rules
        self._counts_as = {outcome: _COUNTS_AS[on_error[rule]] for outcome, rule in _RULE_OF.items()}
        self._truncated: float | None = _COUNTS_AS.get(on_error["truncated"])
        rows = items * rules.trials
        self._kept = array("d", [self._counts_as[ScoreOutcome.NOT_RUN]]) * rows
        self._outcomes = bytearray([_CODES[ScoreOutcome.NOT_RUN]]) * rows

    def put(self, row: int, prediction: Prediction, score: Score | None) -> None:
        """Keep one score; a prediction without an answer hands its outcome down.

        Raises:
            ValueError: the prediction was answered and there is no score.
        """
        if score is not None:
            outcome, value = score.outcome, score.value
        elif prediction.outcome in NOT_ANSWERED:
            outcome, value = ScoreOutcome(prediction.outcome.value), None
        else:
            raise ValueError("an answered prediction has no score by every scorer of its cell")
        self._kept[row], self._outcomes[row] = self._counted(prediction.outcome, outcome, value)

    def put_all(self, rows: Iterable[int], scorings: Iterable[str], meaning: Mapping[str, Scoring]) -> None:
        """Keep many stored scores at once: each row's scoring by a name that `meaning` explains once for all."""
        counted = {name: self._counted(*scoring) for name, scoring in meaning.items()}
        kept, outcomes = self._kept, self._outcomes
        for row, name in zip(rows, scorings, strict=True):
            kept[row], outcomes[row] = counted[name]

    def _counted(self, prediction: PredictionOutcome, outcome: ScoreOutcome, value: float | None) -> tuple[float, int]:
        if self._truncated is not None and prediction is PredictionOutcome.TRUNCATED:
            value = self._truncated
        return self._counts_as[outcome] if value is None else value, _CODES[outcome]

    @property
    def endings(self) -> bytes:
        """How each row's scoring ended, as places in ScoreOutcome."""
        return bytes(self._outcomes)

    @property
    def rows(self) -> Sequence[float]:
        """Each row's score, NaN where `on_error` excludes."""
        return self._kept

    def outcomes(self) -> dict[str, int]:
        """Return how many scorings ended in each way."""
        return {outcome.value: self._outcomes.count(code) for outcome, code in _CODES.items()}

    def reduce(self) -> Reduced:
        """Return the items' scores, in their order."""
        kept, trials = self._kept, self._rules.trials
        if trials == 1:
            if not math.isnan(sum(kept)):
                return Reduced(kept, kept, kept)
            worst, best = ([fill if math.isnan(value) else value for value in kept] for fill in (0.0, 1.0))
            return Reduced(kept, worst, best)
        reducer = make_reducer(self._rules.reduce)
        values, worst, best = array("d"), array("d"), array("d")
        for start in range(0, len(kept), trials):
            row = kept[start : start + trials]
            valid = [value for value in row if value >= 0.0]
            score = reducer(valid)
            values.append(math.nan if score is None else score)
            for filled, substitute in ((worst, 0.0), (best, 1.0)):
                full = score if len(valid) == trials else reducer([substitute if math.isnan(v) else v for v in row])
                filled.append(math.nan if full is None else full)
        return Reduced(values, worst, best)

    def interval(
        self,
        values: Sequence[float],
        *,
        positions: Sequence[int],
        clusters: Sequence[Hashable] | None,
        confidence: float,
    ) -> Interval:
        """Return the interval of the scored ones among the items at `positions`."""
        kept = [position for position in positions if values[position] >= 0.0]
        scores = Scores(
            [values[position] for position in kept],
            is_binary=self.kind == "binary" and self._rules.keeps_binary,
            clusters=None if clusters is None else [clusters[position] for position in kept],
            rows=self._valid_trials(kept) if self._rules.rows_are_trials else None,
        )
        return score_interval(scores, confidence=confidence)

    def rerun_noise(self, *, confidence: float) -> float | None:
        """Return z sqrt(2 v / (n T)), v the mean variance within items: how far a re-run may move the mean.

        None with one trial, or after another reducer than the mean: then nothing tells.
        """
        within = self.within_variance()
        if within is None:
            return None
        valid = sum(1 for value in self._kept if value >= 0.0)
        return normal_quantile((1 + confidence) / 2) * math.sqrt(2 * within / valid)

    def within_variance(self) -> float | None:
        """Return the mean variance of single trials within items; None where no item tells."""
        trials = self._rules.trials
        if not self._rules.rows_are_trials:
            return None
        rows = (self._kept[start : start + trials] for start in range(0, len(self._kept), trials))
        valid = [[value for value in row if value >= 0.0] for row in rows]
        variances = [_variance(scores) for scores in valid if len(scores) > 1]
        return math.fsum(variances) / len(variances) if variances else None

    def _valid_trials(self, items: Sequence[int]) -> int:
        trials = self._rules.trials
        return sum(1 for item in items for value in self._kept[item * trials : (item + 1) * trials] if value >= 0.0)


def _variance(scores: list[float]) -> float:
    mean = math.fsum(scores) / len(scores)
    return math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1)
