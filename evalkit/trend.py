"""One metric of one model over nights: its points, where its series starts anew, where it moved, what happened."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evalkit.night_series import NightSeries, SeriesState
from evalkit.past_runs import PastEvent, PastMetric, Series
from evalkit.quarantine import SetAside
from evalkit.records import Json
from evalkit.stats.drift import LEARNING_NIGHTS, Drift, alarm_level
from evalkit.trend_figures import FIGURES, Unit
from evalkit.trend_marks import TrendBreak, TrendMark, find_breaks, find_marks

__all__ = ["ChangePoint", "Trend", "TrendPoint", "make_figure_trend", "make_trend"]

_ASKING = frozenset({"dataset", "prompt", "system", "params", "trials"})
"""What decides the calls of a run, and so its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One night: its level with its interval, of `n` out of `samples`, quarantined ones included.

    `difference` is the mean difference to the reference night over `paired` samples, without quarantined ones; None
    where the drift rule passes the night over. `without` is the level without the samples that are quarantined now.
    """

    night: str
    run_id: str
    folder: str
    kind: str
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    samples: int
    difference: float | None = None
    difference_lower: float | None = None
    difference_upper: float | None = None
    paired: int | None = None
    without: float | None = None

    def describe(self) -> dict[str, Json]:
        """Return it as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """The series moved: `onset` is the last point before, `alarm` the one that told; means are of nights around it.

    They are without quarantined samples, as the drift rule is.
    """

    direction: Literal["up", "down"]
    onset: int
    alarm: int
    before: float | None
    after: float | None

    @property
    def first(self) -> int:
        """The first point after the change."""
        return min(self.onset + 1, self.alarm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One metric of one model over nights, oldest first; places count from 0 among `points`.

    `state` is what the drift rule says today, None for figures such as cost, which it does not look at; `learned`
    counts the nights it has seen since it last began, `watched` how many series it watches side by side, `gaps` says
    why it passes nights over, by place. The points from `shown` on are those that were asked for.
    """

    name: str
    metric: str
    model: str
    unit: Unit
    higher_is_better: bool | None
    confidence: float | None
    points: tuple[TrendPoint, ...] = field(repr=False)
    breaks: tuple[TrendBreak, ...] = ()
    changes: tuple[ChangePoint, ...] = ()
    marks: tuple[TrendMark, ...] = ()
    state: SeriesState | None = None
    learned: int = 0
    watched: int = 1
    gaps: Mapping[int, str] = field(default_factory=dict[int, str])
    aside: SetAside | None = None
    shown: int = 0

    @property
    def visible(self) -> tuple[TrendPoint, ...]:
        """The points that were asked for."""
        return self.points[self.shown :]

    @property
    def is_watched(self) -> bool:
        """Whether the drift rule looks at it: at scores, not at figures."""
        return self.state is not None

    def window(self, *, since: str | None = None, last: int | None = None) -> "Trend":
        """Return it with only the points since a night, and the last so many of them, to be shown."""
        first = next((place for place, point in enumerate(self.points) if since is None or point.night >= since), None)
        first = len(self.points) if first is None else first
        first = first if last is None else max(first, len(self.points) - last)
        return dataclasses.replace(self, shown=first)

    def describe(self) -> dict[str, Json]:
        """Return what is shown of it as plain values; nights and run ids stand for places."""
        return {
            "name": self.name,
            "metric": self.metric,
            "model": self.model,
            "unit": self.unit.value,
            "higher_is_better": self.higher_is_better,
            "confidence": self.confidence,
            "nights": len(self.points),
            "points": [point.describe() for point in self.visible],
            "breaks": [
                {"night": self.points[each.place].night, "changes": list(each.changes)}
                for each in self.breaks
                if each.place >= self.shown
            ],
            "changes": [self._describe_change(each) for each in self.changes if each.alarm >= self.shown],
            "marks": [
                {"night": self.points[each.place].night, "at": each.at, "kind": each.kind, "text": each.text}
                for each in self.marks
                if each.place >= self.shown
            ],
            "drift": None
            if self.state is None
            else {
                "state": self.state.value,
                "learned": self.learned,
                "watched": self.watched,
                "alarm": alarm_level(self.watched),
                "needed": LEARNING_NIGHTS,
                "gaps": [
                    {"night": self.points[place].night, "reason": reason}
                    for place, reason in self.gaps.items()
                    if place >= self.shown
                ],
            },
            "quarantine": None if self.aside is None else self.aside.describe(),
        }

    def _describe_change(self, change: ChangePoint) -> dict[str, Json]:
        return {
            "direction": change.direction,
            "onset": self.points[change.onset].night if change.onset >= 0 else None,
            "first": self.points[change.first].night,
            "alarm": self.points[change.alarm].night,
            "run_id": self.points[change.alarm].run_id,
            "before": change.before,
            "after": change.after,
        }


def make_trend(
    series: Series,
    drift: NightSeries,
    *,
    events: Sequence[PastEvent] = (),
    aside: SetAside | None = None,
    without: Sequence[float | None] = (),
) -> Trend:
    """Return the trend of a series of scores; `without` are its levels without the samples set aside, if any are."""
    points, newest = series.points, series.points[-1]
    shown = tuple(
        [
            _point(point, point.mean, drift=drift, place=place, without=without[place] if without else None)
            for place, point in enumerate(points)
        ]
    )
    breaks = find_breaks(points)
    return Trend(
        name=series.name,
        metric=series.metric,
        model=series.model,
        unit=Unit.SHARE,
        higher_is_better=newest.higher_is_better,
        confidence=newest.confidence,
        points=shown,
        breaks=breaks,
        changes=_changes(shown, breaks, drift.drifts),
        marks=find_marks(points, events),
        state=drift.state,
        learned=drift.learned,
        watched=drift.watched,
        gaps=drift.gaps,
        aside=aside,
    )


def make_figure_trend(series: Series, figure: str, *, events: Sequence[PastEvent] = ()) -> Trend:
    """Return the trend of a figure of FIGURES: a fact of each run, so without intervals and without a drift rule."""
    unit, read = FIGURES[figure]
    return Trend(
        name=series.name,
        metric=series.metric,
        model=series.model,
        unit=unit,
        higher_is_better=None,
        confidence=None,
        points=tuple([_point(point, read(point)) for point in series.points]),
        breaks=find_breaks(series.points, _ASKING),
        marks=find_marks(series.points, events),
    )


def _point(
    point: PastMetric,
    value: float | None,
    *,
    drift: NightSeries | None = None,
    place: int = 0,
    without: float | None = None,
) -> TrendPoint:
    """Return a night's point; the interval is the level's, so there is none without a `drift` that looks at scores."""
    run = point.run
    return TrendPoint(
        night=run.night,
        run_id=run.run_id,
        folder=run.folder,
        kind=run.kind,
        value=value,
        lower=None if drift is None else point.lower,
        upper=None if drift is None else point.upper,
        n=point.n,
        samples=point.samples,
        difference=None if drift is None else drift.differences[place],
        difference_lower=None if drift is None else drift.lower[place],
        difference_upper=None if drift is None else drift.upper[place],
        paired=None if drift is None else drift.paired[place],
        without=without,
    )


def _changes(
    points: Sequence[TrendPoint], breaks: Sequence[TrendBreak], drifts: Sequence[Drift]
) -> tuple[ChangePoint, ...]:
    """Return the drifts with the mean level of the nights before and after, as far as nothing else has changed."""
    starts = sorted({0, *(each.place for each in breaks), *(drift.onset + 1 for drift in drifts)})
    found: list[ChangePoint] = []
    for drift in drifts:
        first = min(drift.onset + 1, drift.night)
        begin = max((start for start in starts if start < first), default=0)
        end = min((start for start in starts if start > first), default=len(points))
        found.append(
            ChangePoint(
                direction="up" if drift.direction == "up" else "down",
                onset=drift.onset,
                alarm=drift.night,
                before=_mean(points[begin:first]),
                after=_mean(points[first:end]),
            )
        )
    return tuple(found)


def _mean(points: Sequence[TrendPoint]) -> float | None:
    levels = [point.value if point.without is None else point.without for point in points]
    values = [level for level in levels if level is not None]
    return sum(values) / len(values) if values else None
