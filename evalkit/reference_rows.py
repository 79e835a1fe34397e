"""Answers that no model gave, scored as a model's: what a leaderboard's numbers are to be read against."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.dressing import dress
from evalkit.errors import ConfigError
from evalkit.plan import Cell, Plan
from evalkit.records import Json, Prediction, PredictionOutcome, Sample
from evalkit.score_columns import counts_as
from evalkit.scoring import BoundScorer, score_prediction

__all__ = ["REFERENCES", "score_references"]

REFERENCES: Mapping[str, str] = {
    "oracle": "every sample's own target as the answer",
    "majority": "the most frequent target as every answer",
    "chance": "a choice drawn blindly: the mean of 1 / choices",
    "empty": "an empty answer",
}
"""Reference -> what answers there."""

_MOST_SAMPLES = 1_000


async def score_references(plan: Plan) -> tuple[Mapping[str, Json], ...]:
    """Return each reference's mean on each metric of a plan, by the plan's own scorers; no model is called.

    A dataset of more than 1,000 samples is read at 1,000 places, evenly spread; `n` says how many were scored and
    `samples` of how many. A scorer that needs a process or a judge is left out, and so is a reference that does not
    apply: chance without right-or-wrong scores and one right choice of several, majority without plain targets.
    """
    found: list[Mapping[str, Json]] = []
    for cell in {cell.evaluation.name: cell for cell in plan.cells}.values():
        shown = [cell.present(sample) for sample in _spread(cell.dataset.samples)]
        for bound in cell.bound_scorers:
            if shown and not (bound.judges or hasattr(bound.scorer, "close")):
                found += [reference.describe() async for reference in _Bench(cell, bound, shown).score()]
    return tuple(found)


def _spread(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples, or 1,000 of them at even distances: stratified where the source is sorted."""
    count = min(len(samples), _MOST_SAMPLES)
    return [samples[place * len(samples) // count] for place in range(count)]


@dataclass(frozen=True, slots=True)
class _Reference:
    """One reference on one metric; `samples` of the dataset stand behind it, `n` of them have a score."""

    name: str
    metric: str
    mean: float
    n: int
    samples: int

    def describe(self) -> dict[str, Json]:
        return {"reference": self.name, **{key: getattr(self, key) for key in ("metric", "mean", "n", "samples")}}


@dataclass(frozen=True, slots=True)
class _Bench:
    """One scorer of one evaluation over the samples as they are shown."""

    cell: Cell
    bound: BoundScorer
    shown: Sequence[Sample]

    async def score(self) -> AsyncIterator[_Reference]:
        """Yield each reference that applies, the best possible first."""
        golds = [self._gold(sample) for sample in self.shown]
        known = [gold for gold in golds if gold is not None]
        for name, answer in self._answers(golds, known).items():
            values = [await self._value(sample, answer(place)) for place, sample in enumerate(self.shown)]
            if (reference := self._reference(name, values)) is not None:
                yield reference
            if name == "majority" and (chance := self._reference("chance", self._odds())) is not None:
                yield chance

    def _answers(self, golds: Sequence[str | None], known: Sequence[str]) -> dict[str, Callable[[int], str | None]]:
        most_frequent = min(Counter(known).items(), key=lambda item: (-item[1], item[0]), default=(None, 0))[0]
        return {
            "oracle": lambda place: golds[place],
            "majority": lambda _place: most_frequent,
            "empty": lambda _place: "",
        }

    def _gold(self, sample: Sample) -> str | None:
        """Return what the scorer takes for right, dressed as its extraction expects it; None where there is none."""
        write: Callable[[Sample], str | None] | None = getattr(self.bound.scorer, "gold", None)
        try:
            gold = sample.target if write is None else write(sample)
        except ConfigError:
            return None
        return dress(self.bound.extractor.steps, gold) if isinstance(gold, str) and gold.strip() else None

    async def _value(self, sample: Sample, answer: str | None) -> float:
        """Return what an answer counts as under the evaluation's on_error; NaN where it leaves the mean."""
        if answer is None:
            return math.nan
        prediction = Prediction(PredictionOutcome.OK, answer)
        scored = await score_prediction((self.bound,), sample, prediction, self.cell.model.reasoning)
        score = scored[self.bound.name]
        if score.value is not None:
            return score.value
        counted = counts_as(self.cell.evaluation.on_error).get(score.outcome)
        return math.nan if counted is None else counted

    def _odds(self) -> list[float]:
        """Return the chance of each sample's one right choice; NaN where it has none, or several."""
        if self.bound.kind != "binary" or self.bound.negate:
            return []
        return [
            1 / len(sample.choices)
            if sample.choices and sample.target is not None and not isinstance(sample.target, (list, tuple))
            else math.nan
            for sample in self.shown
        ]

    def _reference(self, name: str, values: Sequence[float]) -> _Reference | None:
        counted = [value for value in values if not math.isnan(value)]
        if not counted:
            return None
        metric = f"{self.cell.evaluation.name}.{self.bound.name}"
        mean = math.fsum(counted) / len(counted)
        return _Reference(name, metric, mean, len(counted), len(self.cell.dataset.samples))
