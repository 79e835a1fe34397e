"""A model's macro average over a group of metrics, and what pairs of such averages are made of."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass

from evalkit.records import Json
from evalkit.results import CellResult, MetricResult
from evalkit.stats.macro import correlate_means, macro_average
from evalkit.stats.means import Interval, clustered_mean
from evalkit.stats.pairing import ItemScores

__all__ = ["GroupScores", "MemberScores", "gather_members"]


@dataclass(frozen=True, slots=True)
class MemberScores:
    """One metric of a model: its result, its item scores, and the name of the set of samples that it is on."""

    metric: str
    cell: CellResult
    result: MetricResult
    scores: ItemScores
    items: Hashable


@dataclass(frozen=True, slots=True)
class GroupScores:
    """A model's scores on the metrics of a group, in the group's order; `wanted` are all of them."""

    wanted: tuple[str, ...]
    members: tuple[MemberScores, ...]

    @property
    def missing(self) -> list[str]:
        """The metrics without a score: one of them, and there is no average."""
        scored = {member.metric for member in self.members if member.result.mean is not None}
        return [metric for metric in self.wanted if metric not in scored]

    def average(self, confidence: float) -> MetricResult:
        """Return the macro average as a metric; its mean is None unless every metric has one."""
        whole = Interval(None, None, None, confidence, "none", 0, 0)
        if not self.missing:
            parts = [_interval(member) for member in self.members]
            whole = macro_average(parts, confidence=confidence, correlations=self._correlations())
        outcomes: Counter[str] = Counter()
        for member in self.members:
            outcomes.update(member.result.outcomes)
        is_whole = not self.missing
        return MetricResult(
            kind="graded",
            mean=whole.mean,
            lower=whole.lower,
            upper=whole.upper,
            confidence=confidence,
            method=whole.method,
            n=sum(member.result.n for member in self.members),
            clusters=self._clusters(),
            worst=_mean([member.result.worst for member in self.members]) if is_whole else None,
            best=_mean([member.result.best for member in self.members]) if is_whole else None,
            outcomes=dict(outcomes),
            rerun_noise=self._rerun_noise() if is_whole else None,
        )

    def describe(self, confidence: float) -> dict[str, Json]:
        """Return the average as run.json holds it."""
        average = {key: value for key, value in asdict(self.average(confidence)).items() if key != "slices"}
        samples = sum(member.cell.samples for member in self.members)
        return {"metrics": list(self.wanted), "missing": self.missing, "samples": samples, **average}

    def _correlations(self) -> dict[tuple[int, int], float]:
        places = range(len(self.members))
        return {
            (first, second): correlate_means(self.members[first].scores, self.members[second].scores)
            for first in places
            for second in places[first + 1 :]
            if self.members[first].items == self.members[second].items
        }

    def _clusters(self) -> int:
        """Return the independent units: metrics on the same samples share theirs."""
        most: dict[Hashable, int] = {}
        for member in self.members:
            most[member.items] = max(most.get(member.items, 0), member.result.clusters)
        return sum(most.values())

    def _rerun_noise(self) -> float | None:
        """Return how far a re-run may move the average: scorers of one answer move together, evaluations apart."""
        by_evaluation: dict[str, float] = {}
        for member in self.members:
            if member.result.rerun_noise is None:
                return None
            evaluation = member.cell.evaluation
            by_evaluation[evaluation] = by_evaluation.get(evaluation, 0.0) + member.result.rerun_noise
        return math.hypot(*by_evaluation.values()) / len(self.wanted)


def gather_members(
    cells: Sequence[CellResult],
    scores: Mapping[str, Mapping[str, ItemScores]],
    wanted: tuple[str, ...],
    *,
    sample_sets: Mapping[str, Hashable],
) -> dict[str, GroupScores]:
    """Return each model's scores on the wanted metrics; a cell without a set of samples shares none."""
    found: dict[str, dict[str, MemberScores]] = {cell.model: {} for cell in cells}
    for cell in cells:
        for scorer, result in cell.metrics.items():
            metric = f"{cell.evaluation}.{scorer}"
            if metric in wanted:
                items = sample_sets.get(cell.key, cell.evaluation)
                found[cell.model][metric] = MemberScores(metric, cell, result, scores[cell.key][scorer], items)
    return {
        model: GroupScores(wanted, tuple(members[metric] for metric in wanted if metric in members))
        for model, members in found.items()
    }


def _interval(member: MemberScores) -> Interval:
    result, scores = member.result, member.scores
    kept = [place for place, value in enumerate(scores.values) if not math.isnan(value)]
    clusters = None if scores.clusters is None else [scores.clusters[place] for place in kept]
    estimate = clustered_mean([scores.values[place] for place in kept], clusters=clusters)
    error = None if estimate is None else estimate.standard_error
    bounds = result.lower, result.upper
    return Interval(result.mean, *bounds, result.confidence, result.method, result.n, result.clusters, error)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
