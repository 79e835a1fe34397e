"""What happened between the nights of a trend: settings that changed, baselines, releases, other servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from evalkit.measures import as_text, differing_values
from evalkit.past_runs import PastEvent, PastMetric
from evalkit.records import Json

__all__ = ["TrendBreak", "TrendMark", "find_breaks", "find_marks"]

_DIGESTS = frozenset({"dataset", "prompt", "judge"})


@dataclass(frozen=True, slots=True)
class TrendMark:
    """Something that happened before a point and after the one before it: a baseline, a release, another server."""

    place: int
    at: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TrendBreak:
    """The series starts anew at a point, because of what changed, in words."""

    place: int
    changes: tuple[str, ...]


def find_breaks(points: Sequence[PastMetric], parts: frozenset[str] | None = None) -> tuple[TrendBreak, ...]:
    """Return where the setting changed, and how; only its `parts` count, all of them when left out."""
    found: list[TrendBreak] = []
    for place, (before, after) in enumerate(pairwise(points), start=1):
        if before.series != after.series and (changes := _setting_changes(before, after, parts)):
            found.append(TrendBreak(place, changes))
    return tuple(found)


def find_marks(points: Sequence[PastMetric], events: Sequence[PastEvent]) -> tuple[TrendMark, ...]:
    """Return what happened between points, and where another model answered than on the night before."""
    begun = [_time(point.run.started_at) for point in points] if events else []
    marks = [
        TrendMark(place, event.at, event.kind, event.text)
        for event in events
        if (place := _first_after(event.at, points, begun)) is not None
    ]
    served: tuple[str, ...] = ()
    for place, point in enumerate(points):
        if served and point.served_models and point.served_models != served:
            text = f"served model {', '.join(served)} \N{RIGHTWARDS ARROW} {', '.join(point.served_models)}"
            marks.append(TrendMark(place, point.run.started_at, "served", text))
        served = point.served_models or served
    return tuple(sorted(marks, key=lambda mark: mark.place))


def _first_after(at: str, points: Sequence[PastMetric], begun: Sequence[datetime]) -> int | None:
    """Return the first run that began after an event; one of a whole day is before every run of that day."""
    if len(at) == len(points[0].run.night):
        return next((place for place, point in enumerate(points) if point.run.night >= at), None)
    moment = _time(at)
    return next((place for place, time in enumerate(begun) if time >= moment), None)


def _time(text: str) -> datetime:
    """Read a time in ISO 8601; one without a zone is in UTC."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _setting_changes(before: PastMetric, after: PastMetric, parts: frozenset[str] | None) -> tuple[str, ...]:
    names = [name for name in dict.fromkeys([*before.setting, *after.setting]) if parts is None or name in parts]
    left = {name: before.setting.get(name) for name in names}
    right = {name: after.setting.get(name) for name in names}
    changes = [_in_words(name, was, now, left, right) for name, was, now in differing_values(left, right)]
    if before.samples != after.samples and "dataset" in names:
        changes.append(f"{before.samples} \N{RIGHTWARDS ARROW} {after.samples} samples")
    return tuple(changes) or (("setting",) if parts is None else ())


def _in_words(name: str, was: str, now: str, left: Mapping[str, Json], right: Mapping[str, Json]) -> str:
    if name in _DIGESTS and isinstance(left[name], str | None) and isinstance(right[name], str | None):
        was, now = (as_text(side[name], is_digest=True) for side in (left, right))
    return f"{name} {was} \N{RIGHTWARDS ARROW} {now}"
