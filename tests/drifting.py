"""Nights made up for the tests of drift: what each sample came to, and how its trials ended."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import PredictionOutcome, ScoreOutcome
from evalkit.stored_items import MetricItems

OK = (PredictionOutcome.OK, ScoreOutcome.SCORED)
CUT = (PredictionOutcome.TRUNCATED, ScoreOutcome.NO_ANSWER)
LOST = (PredictionOutcome.INFRA_ERROR, ScoreOutcome.INFRA_ERROR)
UNJUDGED = (PredictionOutcome.OK, ScoreOutcome.JUDGE_FAILED)
_PREDICTIONS, _SCORINGS = tuple(PredictionOutcome), tuple(ScoreOutcome)

Trial = tuple[float, tuple[PredictionOutcome, ScoreOutcome]]
"""One trial's score, NaN where it is left out of the mean, and how it ended."""


@dataclass(frozen=True)
class Row:
    """One sample of a night."""

    id: str
    trials: Sequence[Trial]
    content: str = ""
    group: str | None = None


def night(
    rows: Sequence[Row],
    *,
    kind: str = "binary",
    judge: str | None = None,
    higher_is_better: bool = True,
    measure: str = "m",
    treatment: dict[str, str] | None = None,
    keeps_rows: bool = True,
) -> MetricItems:
    """Return a metric of these rows, reduced by the mean; single scores are only kept where `keeps_rows`."""
    repeats = len(rows[0].trials) if rows else 1
    trials = [trial for row in rows for trial in row.trials]
    values = [_mean([value for value, _ in row.trials]) for row in rows]
    return MetricItems(
        evaluation="qa",
        model="m",
        scorer="exact",
        kind=kind,
        higher_is_better=higher_is_better,
        confidence=0.95,
        ids=tuple(row.id for row in rows),
        digests=tuple(row.content or row.id for row in rows),
        values=values,
        worst=[0.0 if math.isnan(value) else value for value in values],
        best=[1.0 if math.isnan(value) else value for value in values],
        trials=repeats,
        repeats=repeats,
        predictions=bytes(_PREDICTIONS.index(ended) for _, (ended, _) in trials),
        scorings=bytes(_SCORINGS.index(scored) for _, (_, scored) in trials),
        rows=[value for value, _ in trials] if keeps_rows else (),
        clusters=[row.group or place for place, row in enumerate(rows)] if any(row.group for row in rows) else None,
        measure={"digest": measure, "use": measure, "judge": judge},
        treatment=treatment or {},
    )


def plain(values: Sequence[float], **options: object) -> MetricItems:
    """Return a night of one trial a sample, all of them scored; NaN is a lost call."""
    rows = [Row(f"s{i}", [(value, LOST if math.isnan(value) else OK)]) for i, value in enumerate(values)]
    return night(rows, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Nature:
    """How likely each sample is answered right: the samples of a simulation, drawn once."""

    chances: tuple[float, ...]

    @classmethod
    def draw(cls, dice: random.Random, n: int, *, level: float = 0.8) -> "Nature":
        """Draw samples that a model gets right four times in five, most of them nearly always or nearly never."""
        return cls(tuple(dice.betavariate(level * 0.6, (1 - level) * 0.6) for _ in range(n)))

    def answers(self, dice: random.Random, *, loss: float = 0.0) -> list[float]:
        """Draw one night's answers; `loss` of the right ones go wrong."""
        return [float(dice.random() < chance and dice.random() >= loss) for chance in self.chances]


def _mean(values: Sequence[float]) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return math.fsum(kept) / len(kept) if kept else math.nan
