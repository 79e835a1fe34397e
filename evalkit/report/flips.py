"""The samples whose score changed, with both sides' answers beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.comparison import Comparison, Flip, MetricComparison, Side
from evalkit.records import Json, Sample
from evalkit.report.shown_images import content_text

__all__ = ["FlippedAnswer", "FlippedSample", "read_flips"]


@dataclass(frozen=True, slots=True)
class FlippedAnswer:
    """One side's answer: of the trial that scored lowest where the score fell, highest where it rose."""

    text: str
    read_as: str | None
    score: float | None
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class FlippedSample:
    """A sample whose score changed: what was asked, what was right, and what either side answered."""

    metric: str
    flip: Flip
    is_better: bool
    input: str
    target: str
    first: FlippedAnswer
    second: FlippedAnswer

    def describe(self) -> dict[str, Json]:
        """Return it as plain values."""
        sides = {
            name: {
                "score": value,
                "answer": answer.text,
                "read_as": answer.read_as,
                "outcome": answer.outcome,
                "reason": answer.reason,
            }
            for name, value, answer in (
                ("first", self.flip.first, self.first),
                ("second", self.flip.second, self.second),
            )
        }
        shown = {"metric": self.metric, "sample": self.flip.sample_id, "is_better": self.is_better}
        return {**shown, "input": self.input, "target": self.target, **sides}


def read_flips(comparison: Comparison, *, most: int) -> tuple[FlippedSample, ...]:
    """Return up to `most` changed samples each way of every metric: losses first, the largest change first.

    A sample that another metric of its evaluation has shown is not shown again.
    """
    found: list[FlippedSample] = []
    shown: set[tuple[str, str]] = set()
    for metric in comparison.metrics:
        chosen = [(flip, False) for flip in metric.worse[:most]] + [(flip, True) for flip in metric.better[:most]]
        chosen = [pick for pick in chosen if (metric.evaluation, pick[0].sample_id) not in shown]
        shown |= {(metric.evaluation, flip.sample_id) for flip, _ in chosen}
        if chosen:
            found += _read(comparison, metric, chosen)
    return tuple(found)


def _read(comparison: Comparison, metric: MetricComparison, chosen: Sequence[tuple[Flip, bool]]) -> list[FlippedSample]:
    ids = [flip.sample_id for flip, _ in chosen]
    first, second = comparison.first, comparison.second
    with first.folder.reader() as reader:
        samples = {sample.id: sample for sample in reader.samples_of(first.plan(metric.evaluation)["dataset"], ids)}
    before, after = _answers(first, metric, ids), _answers(second, metric, ids)
    return [
        FlippedSample(
            metric=metric.name,
            flip=flip,
            is_better=is_better,
            input=_shown(samples[flip.sample_id]),
            target=content_text(samples[flip.sample_id].target) or "",
            first=_extreme(before[flip.sample_id], is_highest=flip.first > flip.second),
            second=_extreme(after[flip.sample_id], is_highest=flip.second > flip.first),
        )
        for flip, is_better in chosen
    ]


def _shown(sample: Sample) -> str:
    return content_text(sample.input, sample.images) or ""


def _answers(side: Side, metric: MetricComparison, ids: Sequence[str]) -> dict[str, list[FlippedAnswer]]:
    found: dict[str, list[FlippedAnswer]] = {}
    with side.folder.reader() as reader:
        for stored in reader.results_of(side.cells[metric.evaluation].key, ids):
            result = stored.result
            score = result.scores[metric.scorer]
            outcome = result.prediction.outcome.value
            answer = FlippedAnswer(result.prediction.text, score.answer, score.value, outcome, score.reason)
            found.setdefault(result.sample_id, []).append(answer)
    return found


def _extreme(answers: Sequence[FlippedAnswer], *, is_highest: bool) -> FlippedAnswer:
    ordered = sorted(answers, key=lambda answer: -1.0 if answer.score is None else answer.score, reverse=is_highest)
    return ordered[0]
