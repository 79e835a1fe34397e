"""A night's metrics read from history: each against the nights before, its drift, and where a change comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit.baseline_source import HeldTo
from evalkit.drift_nights import pool_nights
from evalkit.drift_parts import ChangeSplit
from evalkit.drift_split import split_change
from evalkit.errors import StoreError
from evalkit.flip_ledger import make_ledger
from evalkit.flip_rule import FlipRule
from evalkit.history import History
from evalkit.night_changes import BASELINE, Reference, compare_with, median_night
from evalkit.night_measured import Measured, Shift
from evalkit.night_moves import find_standing
from evalkit.night_result import JUMP_LEVEL, MetricNight
from evalkit.night_series import night_series
from evalkit.night_shifts import find_shifts
from evalkit.past_runs import PastMetric, PastRun, Series
from evalkit.quarantine import Quarantine
from evalkit.quarantine_items import leave_out, set_aside_items
from evalkit.serving import ServingFacts, serving_facts
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems
from evalkit.trend import Trend, make_trend
from evalkit.trend_reading import levels_without

__all__ = ["NightReader", "Rejudge"]

_LAST_NIGHTS = 7
_NIGHT_BEFORE = "the night before"
"""The last one with scores: a night without any can be held against nothing."""
_MEDIAN = "the median of the last seven nights"

Rejudge = Callable[[PastRun, MetricItems, MetricItems], MetricItems | None]
"""(an earlier night's run, a metric then, the metric tonight) to the answers of then as they are judged tonight."""


@dataclass(eq=False)
class NightReader:
    """Reads what tonight's run came to beside the nights before it.

    Of more than `keep` nights, the older ones are left of many: between them and the rest, nights are forgotten.
    """

    history: History
    tonight: PastRun
    quarantine: Quarantine
    held_to: HeldTo | None
    rejudge: Rejudge
    keep: int | None = None
    _items: dict[str, tuple[MetricItems, ...]] = field(default_factory=dict[str, tuple[MetricItems, ...]])

    def metrics(self) -> tuple[MetricNight, ...]:
        """Return every metric of tonight's run, in its order; none when it is not complete.

        Raises:
            StoreError: history cannot be read.
        """
        found = self.history.series(self.tonight.name, kind="nightly")
        tonight = [series for each in found if (series := self._until_tonight(each)) is not None]
        counts = self.history.count_metrics()
        return tuple(self._metric(series, [counts[point.run.run_id] for point in series.points]) for series in tonight)

    def shifts(self, limit: float) -> tuple[Shift, ...]:
        """Return what changed since the night before beside the scores; `limit` is the run's greatest error rate.

        Raises:
            StoreError: history cannot be read.
        """
        nights = self.history.runs(self.tonight.name, kind="nightly")
        before = [run for run in nights if run.night < self.tonight.night and run.status == "complete"]
        if not before:
            return self._renamed()
        return find_shifts(self._measured(before[-1]), self._measured(self.tonight), limit=limit)

    def _renamed(self) -> tuple[Shift, ...]:
        """Return, on a first night, the name under which earlier nights measured the same."""
        nights = self.history.runs(kind="nightly")
        others = {run.name: run for run in nights if run.night < self.tonight.night and run.status == "complete"}
        runs = [self.tonight, *others.values()]
        series = {
            run_id: {(each.name, each.model, each.series) for each in metrics}
            for run_id, metrics in self.history.metrics(runs).items()
        }
        return tuple(
            Shift(f"the nights of {name}, the last on {run.night}, measured the same; this name starts anew")
            for name, run in others.items()
            if name != self.tonight.name and series[run.run_id] == series[self.tonight.run_id]
        )

    def _measured(self, run: PastRun) -> Measured:
        return Measured(self.history.metrics([run])[run.run_id], self._of(run.run_id))

    def _until_tonight(self, series: Series) -> Series | None:
        """Return a series without later nights; None where tonight has no part in it."""
        night = self.tonight.night
        points = tuple(point for point in series.points if point.run.night <= night)
        if not points or points[-1].run.run_id != self.tonight.run_id:
            return None
        return Series(name=series.name, metric=series.metric, model=series.model, points=points)

    def _metric(self, series: Series, among: Sequence[int]) -> MetricNight:
        """Return one metric of tonight; `among` counts the metrics of each night, itself included."""
        point, jump_levels = series.points[-1], [JUMP_LEVEL / count for count in among]
        tonight = self._find(self.tonight.run_id, point)
        kept, aside = set_aside_items(tonight, self.quarantine, self.tonight.night)
        said = " ".join(aside.sentences())
        scores = self.history.score_rows(series.points)
        events = self.history.events(self.tonight.name)
        drift = night_series(series.points, scores, without=aside.ids, among=among)
        without = levels_without(scores, aside.ids)
        trend = make_trend(series, drift, events=events, aside=aside, without=without)
        against = tuple(compare_with(each, kept, without=aside.ids) for each in self._references(series))
        sides = _sides(series, trend)
        split = None if sides is None else self._split(*sides, aside.ids)
        return MetricNight(
            tonight=point,
            against=against,
            trend=trend,
            split=split,
            since=None if sides is None else sides[0][-1].run.night,
            jump_level=jump_levels[-1],
            standing=find_standing(
                *(series.points, scores, drift),
                without=aside.ids,
                levels=jump_levels,
                events=events,
                begin=0 if self.keep is None else max(0, len(series.points) - self.keep),
            ),
            ledger=make_ledger(
                series,
                scores,
                rule=FlipRule(among=among[-1]),
                left_out=aside.ids,
                set_aside=said,
            ),
            set_aside=said,
        )

    def _references(self, series: Series) -> list[Reference]:
        """Return what tonight is compared with, as far as it exists."""
        before = series.points[:-1]
        found: list[Reference] = []
        if (last_scored := _last_scored(before)) is not None:
            found.append(self._reference(_NIGHT_BEFORE, last_scored.run))
        last = [(point.run, point.mean) for point in before[-_LAST_NIGHTS:] if point.mean is not None]
        middle = median_night(last)
        if middle is not None and len(last) > 1:
            found.append(self._reference(_MEDIAN, middle))
        if self.held_to is not None:
            about = self.held_to.about
            found.append(Reference(BASELINE, str(about["run_id"]), str(about["started_at"])[:10], self.held_to.items))
        return found

    def _reference(self, what: str, run: PastRun) -> Reference:
        return Reference(what, run.run_id, run.night, self._of(run.run_id), run.folder)

    def _split(self, before: Sequence[PastMetric], after: Sequence[PastMetric], without: frozenset[str]) -> ChangeSplit:
        """Split the change between two runs of nights, as many of one as of the other, each as one night.

        A judged metric is split by the last of either alone: judging one night again is what tells the judge from it.
        So is one whose trials' own scores are not kept: of several nights, hardly a sample would have ended alike.
        """
        sides = [self._alike(before), self._alike(after)]
        is_judged = sides[1][-1][1].measure["judge"] is not None
        is_told_by_trial = all(items.has_trials for side in sides for _, items in side)
        count = min(map(len, sides)) if is_told_by_trial and not is_judged else 1
        first, second = (pool_nights([items for _, items in side[-count:]]) for side in sides)
        rejudged = self.rejudge(before[-1].run, first, second) if is_judged else None
        facts = [
            ServingFacts.of_all([_serving(run, items.cell, self.history) for run, items in side[-count:]])
            for side in sides
        ]
        split = split_change(
            leave_out(first, without),
            leave_out(second, without),
            before_serving=facts[0],
            after_serving=facts[1],
            rejudged=None if rejudged is None else leave_out(rejudged, without),
        )
        return replace(split, nights=count)

    def _alike(self, nights: Sequence[PastMetric]) -> list[tuple[PastRun, MetricItems]]:
        """Return the last of some nights, and those before it that asked the same samples as often."""
        found = [(point.run, self._find(point.run.run_id, point)) for point in nights]
        last = found[-1][1]
        return [each for each in found if _asked(each[1]) == _asked(last)]

    def _find(self, run_id: str, point: PastMetric) -> MetricItems:
        return next(each for each in self._of(run_id) if _is_same(each, point))

    def _of(self, run_id: str) -> tuple[MetricItems, ...]:
        if run_id not in self._items:
            self._items[run_id] = self.history.items(run_id)
        return self._items[run_id]


def _sides(series: Series, trend: Trend) -> tuple[Sequence[PastMetric], Sequence[PastMetric]] | None:
    """Return the nights that a change is explained from, and those it is explained to, at most seven of each.

    With a drift found tonight they are the nights up to its onset and the ones since, as far as the drift rule looked
    at them and nothing else moved; otherwise the last night before that has a score, and tonight.
    """
    points, last = series.points, len(series.points) - 1
    found = next((change for change in trend.changes if change.alarm == last), None)
    if last < 1 or found is None:
        before = _last_scored(points[:-1])
        return None if before is None else ([before], points[-1:])
    onset = max(0, min(found.onset, last - 1))
    begin = max((change.first for change in trend.changes if change.first <= onset), default=0)

    def among(places: range, end: int) -> list[PastMetric]:
        seen = [at for at in places if at not in trend.gaps and points[at].series == points[end].series]
        return [points[at] for at in (*seen[-(_LAST_NIGHTS - 1) :], end)]

    return among(range(begin, onset), onset), among(range(onset + 1, last), last)


def _last_scored(points: Sequence[PastMetric]) -> PastMetric | None:
    """Return the newest of some nights that has a score, else the newest; None without any."""
    return next((point for point in reversed(points) if point.mean is not None), points[-1] if points else None)


def _asked(items: MetricItems) -> object:
    return items.ids, items.digests, items.repeats


def _is_same(items: MetricItems, point: PastMetric) -> bool:
    return (items.evaluation, items.scorer, items.model) == (point.evaluation, point.scorer, point.model)


def _serving(run: PastRun, cell: str, history: History) -> ServingFacts:
    """Return how a cell was served: call by call from the run's folder, or as history sums it up."""
    folder = RunFolder(Path(run.folder))
    if folder.journal.is_file():
        try:
            return replace(serving_facts(folder, cell), latency_s=_summed_up(run, cell, history).latency_s)
        except StoreError:
            pass
    return _summed_up(run, cell, history)


def _summed_up(run: PastRun, cell: str, history: History) -> ServingFacts:
    points: Mapping[str, Sequence[PastMetric]] = history.metrics([run])
    point = next((each for each in points[run.run_id] if f"{each.evaluation}/{each.model}" == cell), None)
    return ServingFacts() if point is None else ServingFacts.of_summary(point)
