"""Which trials of two nights ended otherwise, and how much of each sample's change those trials carry."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import PredictionOutcome, ScoreOutcome
from evalkit.stored_items import MetricItems

__all__ = ["Endings", "count_outcomes", "split_item"]

_PREDICTIONS = tuple(PredictionOutcome)
_SCORINGS = tuple(ScoreOutcome)


@dataclass(frozen=True, slots=True)
class Endings:
    """One sample of one night: its score, how each trial ended, and the trials' scores where those are kept."""

    value: float
    predictions: bytes
    scorings: bytes
    rows: Sequence[float]

    @classmethod
    def of(cls, items: MetricItems, place: int) -> "Endings":
        """Return the sample at a place; single trials only where their mean is the sample's score."""
        trials = slice(place * items.repeats, (place + 1) * items.repeats)
        rows = items.rows[trials] if items.has_trials else ()
        return cls(items.values[place], items.predictions[trials], items.scorings[trials], rows)


def split_item(before: Endings, after: Endings) -> tuple[float, bool]:
    """Return the part of a sample's change on trials that ended alike, and whether any ended otherwise.

    A trial's part is its difference over the trials that count. Where their number changed, a sample ended alike when
    the shares of its endings are equal. Where the trials' own scores are not kept, or their number changed, a sample
    with any trial that ended otherwise is set down to those whole.
    """
    if _ended_alike(before, after):
        return after.value - before.value, False
    if not len(before.rows) or len(before.rows) != len(after.rows):
        return 0.0, True
    alike = [
        second - first
        for trial, (first, second) in enumerate(zip(before.rows, after.rows, strict=True))
        if before.predictions[trial] == after.predictions[trial] and before.scorings[trial] == after.scorings[trial]
    ]
    counted = max(_count(before.rows), _count(after.rows))
    return math.fsum(value for value in alike if not math.isnan(value)) / counted if counted else 0.0, True


def count_outcomes(
    before: MetricItems, after: MetricItems, places: Sequence[tuple[int, int]]
) -> dict[tuple[str, str], int]:
    """Count the trials of paired samples that ended otherwise, by (before, after), the most frequent first.

    Of samples that were tried another number of times, the trials that both nights have.
    """
    found: Counter[tuple[str, str]] = Counter()
    trials = range(min(before.repeats, after.repeats))
    for first, second in places:
        for trial in trials:
            mine, theirs = first * before.repeats + trial, second * after.repeats + trial
            was = before.predictions[mine], before.scorings[mine]
            now = after.predictions[theirs], after.scorings[theirs]
            if was != now:
                found[_name(*was), _name(*now)] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _name(prediction: int, scoring: int) -> str:
    """Return how a trial ended in a word or two: ok, truncated, judge_failed, truncated and no_answer."""
    ended, scored = _PREDICTIONS[prediction], _SCORINGS[scoring]
    if scored is ScoreOutcome.SCORED:
        return ended.value
    return f"truncated and {scored.value}" if ended is PredictionOutcome.TRUNCATED else scored.value


def _ended_alike(before: Endings, after: Endings) -> bool:
    if len(before.scorings) == len(after.scorings):
        return before.predictions == after.predictions and before.scorings == after.scorings
    first, second = (Counter(zip(each.predictions, each.scorings, strict=True)) for each in (before, after))
    return {key: count * second.total() for key, count in first.items()} == {
        key: count * first.total() for key, count in second.items()
    }


def _count(rows: Sequence[float]) -> int:
    return sum(1 for value in rows if not math.isnan(value))
