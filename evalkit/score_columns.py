"""One scorer's scores in a cell, kept as compact columns, and the metric made of them."""

import math
from array import array
from collections.abc import Hashable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from evalkit.config.schema import OnErrorSpec
from evalkit.records import NOT_ANSWERED, Prediction, PredictionOutcome, Score, ScoreOutcome
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.intervals import Interval, Scores, score_interval
from evalkit.stats.reducers import make_reducer

__all__ = ["Reduced", "ScoreColumn", "ScoreRules", "Scoring", "counts_as", "put_at", "rule_of"]

_T = TypeVar("_T")

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
_ROWS_REMEMBERED = 1024
"""How many ways in which an item's trials may score are worked out once for all items."""
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


def put_at(target: MutableSequence[_T], rows: Sequence[int], values: MutableSequence[_T]) -> None:
    """Put each value at its row, all at once where the rows follow one another; `values` is of the target's type.

    Raises:
        ValueError: there are not as many values as rows.
    """
    if len(rows) != len(values):
        raise ValueError(f"{len(values)} values for {len(rows)} rows")
    if isinstance(rows, range):
        target[rows.start : rows.stop] = values
    else:
        for row, value in zip(rows, values, strict=True):
            target[row] = value


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

    def put_all(self, rows: Sequence[int], scorings: Sequence[str], meaning: Mapping[str, Scoring]) -> None:
        """Keep many stored scores at once: each row's scoring by a name that `meaning` explains once for all."""
        counted = {name: self._counted(*scoring) for name, scoring in meaning.items()}
        values = {name: value for name, (value, _) in counted.items()}
        codes = {name: code for name, (_, code) in counted.items()}
        put_at(self._kept, rows, array("d", map(values.__getitem__, scorings)))
        put_at(self._outcomes, rows, bytearray(map(codes.__getitem__, scorings)))

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

        @lru_cache(maxsize=_ROWS_REMEMBERED)
        def reduce_row(row: tuple[float, ...]) -> tuple[float, float, float]:
            valid = [value for value in row if value >= 0.0]
            score = reducer(valid)
            worst, best = (
                score if len(valid) == trials else reducer([fill if math.isnan(value) else value for value in row])
                for fill in (0.0, 1.0)
            )
            return _or_nan(score), _or_nan(worst), _or_nan(best)

        columns = array("d"), array("d"), array("d")
        for reduced in map(reduce_row, self._rows_of_trials()):
            for column, value in zip(columns, reduced, strict=True):
                column.append(value)
        return Reduced(*columns)

    def _rows_of_trials(self) -> Iterator[tuple[float, ...]]:
        """Yield each item's scores, trial by trial."""
        return zip(*[iter(self._kept)] * self._rules.trials, strict=True)

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
        if not self._rules.rows_are_trials:
            return None
        variances = [each for each in map(_row_variance, self._rows_of_trials()) if each is not None]
        return math.fsum(variances) / len(variances) if variances else None

    def _valid_trials(self, items: Sequence[int]) -> int:
        trials = self._rules.trials
        return sum(1 for item in items for value in self._kept[item * trials : (item + 1) * trials] if value >= 0.0)


@lru_cache(maxsize=_ROWS_REMEMBERED)
def _row_variance(row: tuple[float, ...]) -> float | None:
    """Return the variance of an item's valid trials; None of fewer than two."""
    scores = [value for value in row if value >= 0.0]
    if len(scores) < 2:  # noqa: PLR2004  one score has no spread
        return None
    mean = math.fsum(scores) / len(scores)
    return math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1)


def _or_nan(score: float | None) -> float:
    return math.nan if score is None else score
