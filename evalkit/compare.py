"""Two sides compared: paired by evaluation and sample, refused where the measure differs or too few samples pair."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from evalkit.board_plan import read_board
from evalkit.compare_slices import compare_slices
from evalkit.comparison import Comparison, EvaluationComparison, Flip, MetricComparison, SampleCounts, Side
from evalkit.measures import differing_parts
from evalkit.sides import compare_facts, compare_treatments
from evalkit.stats.multiple import benjamini_hochberg, holm
from evalkit.stats.paired import paired_difference
from evalkit.stats.pairing import ItemScores, pair_items
from evalkit.stats.power import smallest_detectable
from evalkit.stored_items import MetricItems

__all__ = [
    "MEASURED_DIFFERENTLY",
    "MIN_OVERLAP",
    "SamplePairs",
    "adjust_family",
    "compare",
    "pair_samples",
    "paired_scores",
]

MIN_OVERLAP = 0.9
"""The part of all samples of either side that must pair."""

MEASURED_DIFFERENTLY = "it was measured differently"
"""How the reason begins why metrics of unequal measure are refused."""

_POWER = 0.8
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SamplePairs:
    """The places of the samples that pair, on either side, in the first side's order."""

    first: Sequence[int]
    second: Sequence[int]
    counts: SampleCounts


def compare(first: Side, second: Side, *, min_overlap: float = MIN_OVERLAP) -> Comparison:
    """Compare two models, of one run or of two: what changed from the first to the second.

    Samples pair by evaluation, id and content. A metric is refused, with the reason, where its measure differs or
    fewer than `min_overlap` of all samples pair.
    """
    refused: dict[str, str] = {}
    evaluations: list[EvaluationComparison] = []
    for evaluation in first.cells:
        if evaluation in second.cells:
            evaluations += _compare_evaluation(first, second, evaluation, min_overlap, refused)
    comparison = Comparison(
        first, second, compare_treatments(first, second), tuple(evaluations), refused, _notes(first, second)
    )
    return adjust_family([comparison])[0]


def adjust_family(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return comparisons with p-values adjusted over all of them.

    Holm over the primary metric's tests; every other metric is exploratory, with Benjamini and Hochberg's over those.
    """
    metrics = [metric for comparison in comparisons for metric in comparison.metrics if metric.paired.p is not None]
    adjusted: dict[int, tuple[float, str]] = {}
    for is_primary, method, label in ((True, holm, "holm"), (False, benjamini_hochberg, "bh")):
        family = [metric for metric in metrics if metric.is_primary is is_primary]
        p_values = method([metric.paired.p or 0.0 for metric in family])
        adjusted |= {id(metric): (p, label) for metric, p in zip(family, p_values, strict=True)}

    def relabel(metric: MetricComparison) -> MetricComparison:
        p, label = adjusted.get(id(metric), (None, ""))
        return replace(metric, p_adjusted=p, family=label)

    return tuple(
        replace(
            comparison,
            evaluations=tuple(
                replace(evaluation, metrics=tuple(map(relabel, evaluation.metrics)))
                for evaluation in comparison.evaluations
            ),
        )
        for comparison in comparisons
    )


def pair_samples(first: MetricItems, second: MetricItems) -> SamplePairs:
    """Pair the samples of two sides by id and content; what has the id in common but another content has changed.

    Raises:
        ValueError: an id stands twice on one side, and the sides are not the same samples in the same order.
    """
    size = len(first.ids)
    if first.ids == second.ids and first.digests == second.digests:
        return SamplePairs(range(size), range(size), SampleCounts(size, 0, 0, 0))
    places = {sample_id: place for place, sample_id in enumerate(second.ids)}
    if len(places) != len(second.ids) or len(set(first.ids)) != size:
        raise ValueError("samples pair by id, and an id stands twice on one side")
    both = [(place, places[name]) for place, name in enumerate(first.ids) if name in places]
    equal = [pair for pair in both if first.digests[pair[0]] == second.digests[pair[1]]]
    counts = SampleCounts(len(equal), len(both) - len(equal), len(second.ids) - len(both), size - len(both))
    return SamplePairs([pair[0] for pair in equal], [pair[1] for pair in equal], counts)


def _compare_evaluation(
    first: Side, second: Side, evaluation: str, min_overlap: float, refused: dict[str, str]
) -> list[EvaluationComparison]:
    common = [
        (items, second.metrics[name])
        for name, items in first.metrics.items()
        if items.evaluation == evaluation and name in second.metrics
    ]
    if not common:
        return []
    pairs = pair_samples(*common[0])
    ranking = read_board(first.run).members(first.run.primary)
    metrics: list[MetricComparison] = []
    for left, right in common:
        if parts := differing_parts(left.measure, right.measure):
            refused[left.name] = f"{MEASURED_DIFFERENTLY}: {'; '.join(parts)}"
        elif pairs.counts.share < min_overlap or not pairs.counts.paired:
            refused[left.name] = _too_few(pairs.counts, min_overlap)
        else:
            metrics.append(_compare_metric(left, right, pairs, is_primary=left.name in ranking))
    if not metrics:
        return []
    outcomes = _outcome_changes(*common[0], pairs)
    facts = compare_facts(first.cells[evaluation], second.cells[evaluation])
    return [EvaluationComparison(evaluation, pairs.counts, tuple(metrics), outcomes, facts)]


def _too_few(counts: SampleCounts, min_overlap: float) -> str:
    return (
        f"only {counts.paired} of {counts.union} samples pair ({counts.share:.0%}; {min_overlap:.0%} are needed): "
        f"{counts.changed} changed, {counts.added} added, {counts.removed} removed"
    )


def _compare_metric(left: MetricItems, right: MetricItems, pairs: SamplePairs, *, is_primary: bool) -> MetricComparison:
    first, second = paired_scores(left, right, pairs)
    pairing = pair_items(second, first)
    paired = paired_difference(pairing, confidence=left.confidence)
    both = [place for place, value in enumerate(map(_total, first.values, second.values)) if not math.isnan(value)]
    rose, fell = _flips(first, second)
    lowest, highest, unscored = _bounds(first.values, second.values)
    error, tail = paired.standard_error, (1 - left.confidence) / 2
    return MetricComparison(
        name=left.name,
        evaluation=left.evaluation,
        scorer=left.scorer,
        kind=left.kind,
        higher_is_better=left.higher_is_better,
        is_primary=is_primary,
        trials=(left.trials, right.trials),
        first=_mean(first.values, both),
        second=_mean(second.values, both),
        paired=paired,
        lowest=lowest,
        highest=highest,
        unscored=unscored,
        better=rose if left.higher_is_better else fell,
        worse=fell if left.higher_is_better else rose,
        slices=compare_slices(first, second, _slices(left, pairs.first), confidence=left.confidence),
        detectable=None if error is None else smallest_detectable(error, alpha=tail, power=_POWER),
    )


def paired_scores(left: MetricItems, right: MetricItems, pairs: SamplePairs) -> tuple[ItemScores, ItemScores]:
    """Return both sides' scores of the paired samples, in one order and with one list of ids."""
    ids = _pick(left.ids, pairs.first)
    groups, places = (left.clusters, pairs.first) if left.clusters is not None else (right.clusters, pairs.second)
    clusters = None if groups is None else _pick(groups, places)
    is_binary = left.kind == "binary"
    return (
        ItemScores(ids, _pick(left.values, pairs.first), is_binary, left.trials, clusters),
        ItemScores(ids, _pick(right.values, pairs.second), is_binary, right.trials, clusters),
    )


def _pick(values: Sequence[_T], places: Sequence[int]) -> Sequence[_T]:
    return values if isinstance(places, range) else [values[place] for place in places]


def _slices(items: MetricItems, places: Sequence[int]) -> Mapping[str, Mapping[str, Sequence[int]]]:
    """Return the places of each slice's samples among the paired ones."""
    if isinstance(places, range):
        return items.slices
    paired = {place: number for number, place in enumerate(places)}
    return {
        key: {value: [paired[place] for place in members if place in paired] for value, members in values.items()}
        for key, values in items.slices.items()
    }


def _flips(first: ItemScores, second: ItemScores) -> tuple[tuple[Flip, ...], tuple[Flip, ...]]:
    """Return the samples whose score rose and those whose score fell, the largest change first."""
    changed = [
        Flip(name, before, after)
        for name, before, after in zip(first.ids, first.values, second.values, strict=True)
        if before < after or before > after
    ]
    changed.sort(key=lambda flip: -abs(flip.second - flip.first))
    rose = tuple(flip for flip in changed if flip.second > flip.first)
    return rose, tuple(flip for flip in changed if flip.second < flip.first)


def _bounds(first: Sequence[float], second: Sequence[float]) -> tuple[float | None, float | None, tuple[int, int, int]]:
    """Return the difference with every score that only one side lacks at its worst and at its best, and the counts."""
    low: list[float] = []
    high: list[float] = []
    gone = [0, 0, 0]
    if not math.isnan(sum(first)) and not math.isnan(sum(second)):
        mean = math.fsum(b - a for a, b in zip(first, second, strict=True)) / len(first)
        return mean, mean, (0, 0, 0)
    for before, after in zip(first, second, strict=True):
        lost, late = math.isnan(before), math.isnan(after)
        if lost and late:
            gone[2] += 1
            continue
        gone[0] += lost
        gone[1] += late
        low.append((0.0 if late else after) - (1.0 if lost else before))
        high.append((1.0 if late else after) - (0.0 if lost else before))
    counts = (gone[0], gone[1], gone[2])
    return (math.fsum(low) / len(low), math.fsum(high) / len(high), counts) if low else (None, None, counts)


def _outcome_changes(left: MetricItems, right: MetricItems, pairs: SamplePairs) -> dict[tuple[str, str], int]:
    """Count the predictions of paired samples and common trials that ended differently, the most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    if left.predictions == right.predictions and isinstance(pairs.first, range):
        return {}
    trials = range(min(left.repeats, right.repeats))
    for mine, theirs in zip(pairs.first, pairs.second, strict=True):
        for trial in trials:
            before = left.predictions[mine * left.repeats + trial]
            after = right.predictions[theirs * right.repeats + trial]
            if before != after:
                found[left.prediction(mine, trial).value, right.prediction(theirs, trial).value] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _notes(first: Side, second: Side) -> tuple[str, ...]:
    """Say which metrics only one side has, and which run is not complete."""
    notes = [
        f"only {side.name} has {', '.join(names)}"
        for side, other in ((first, second), (second, first))
        if (names := [name for name in side.metrics if name not in other.metrics])
    ]
    runs = {side.run.run_id: side.run for side in (first, second)}
    notes += [f"run {run.run_id} is {run.status}" for run in runs.values() if run.status != "complete"]
    return tuple(notes)


def _mean(values: Sequence[float], places: Sequence[int]) -> float | None:
    return math.fsum(values[place] for place in places) / len(places) if places else None


def _total(left: float, right: float) -> float:
    return left + right
