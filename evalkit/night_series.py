"""One metric of one model over nights as the drift rule sees it: paired differences, their noise, and what moved."""

import itertools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from evalkit.night_pairs import NightScores, PairedNight, pair_nights
from evalkit.past_runs import PastMetric
from evalkit.stats.drift import LEARNING_NIGHTS, Drift, alarm_level, watch_drift

__all__ = ["NightSeries", "SeriesState", "night_series"]


class SeriesState(StrEnum):
    """What the drift rule says of a series today."""

    LEARNING = "learning"
    STEADY = "steady"
    MOVED = "moved"


@dataclass(frozen=True, eq=False, kw_only=True)
class NightSeries:
    """A drift series, oldest night first; all places count among `points`.

    The points may belong to several series one after another: `references` are the places of the nights that each
    one's others are compared with. `beside` are the points beside them: difference, interval, noise, or why not.
    `learned` counts the nights that the drift rule has seen since it last began, `watched` how many series
    it watches side by side.
    """

    points: tuple[PastMetric, ...] = field(repr=False)
    beside: tuple[PairedNight, ...] = field(repr=False)
    references: tuple[int, ...]
    drifts: tuple[Drift, ...]
    learned: int
    state: SeriesState
    watched: int = 1

    @cached_property
    def differences(self) -> tuple[float | None, ...]:
        """The paired mean differences to the reference, None where a night is a gap."""
        return tuple(each.difference for each in self.beside)

    @cached_property
    def lower(self) -> tuple[float | None, ...]:
        """The lower ends of the differences' intervals, as paired tests give them."""
        return tuple(each.lower for each in self.beside)

    @cached_property
    def upper(self) -> tuple[float | None, ...]:
        """The upper ends of the differences' intervals."""
        return tuple(each.upper for each in self.beside)

    @cached_property
    def noise(self) -> tuple[float | None, ...]:
        """The standard deviation that re-running alone gives to a night's mean, as far as it was known then."""
        return tuple(each.noise for each in self.beside)

    @cached_property
    def paired(self) -> tuple[int, ...]:
        """How many samples are scored on a night and on its reference, without those left out."""
        return tuple(each.paired for each in self.beside)

    @cached_property
    def gaps(self) -> Mapping[int, str]:
        """Why nights cannot be compared with their reference, by place."""
        return {place: each.gap for place, each in enumerate(self.beside) if each.gap}


def night_series(
    points: Sequence[PastMetric],
    scores: Sequence[NightScores],
    *,
    without: Set[str] = frozenset(),
    among: Sequence[int] = (),
) -> NightSeries:
    """Return the drift series of one metric of one model; `scores` are the points', `without` samples to leave out.

    `among` says of each night how many series are watched side by side, this one counted: the more, the more an alarm
    takes. What an alarm took on a night stays, however many there are later; without it, this series is alone.

    A series starts anew where a point's `series` differs from that of the one before. Its reference is its first night
    with a score for 90% of its own samples; nights on which fewer than 90% of those pair with it (by id and digest,
    scored on both) are gaps.

    Raises:
        ValueError: points and scores are not as many.
    """
    if len(points) != len(scores):
        raise ValueError(f"{len(points)} nights and the scores of {len(scores)}: they go together one by one")
    limits = [alarm_level(count) for count in among or [1] * len(points)]
    starts = [at for at, point in enumerate(points) if at == 0 or point.series != points[at - 1].series]
    beside: list[PairedNight] = []
    references: list[int] = []
    drifts: list[Drift] = []
    learned, has_moved = 0, False
    for start, end in itertools.pairwise([*starts, len(points)]):
        found = pair_nights(points[start:end], scores[start:end], without)
        alarms, learned = _watch(found.nights, found.floor, start, limits)
        has_moved = bool(alarms)
        beside += found.nights
        references += [] if found.reference is None else [start + found.reference]
        drifts += alarms
    return NightSeries(
        points=tuple(points),
        beside=tuple(beside),
        references=tuple(references),
        drifts=tuple(drifts),
        learned=learned,
        state=_state(learned, has_moved=has_moved),
        watched=among[-1] if among else 1,
    )


def _watch(nights: Sequence[PairedNight], floor: float, start: int, limits: Sequence[float]) -> tuple[list[Drift], int]:
    """Return the alarms of one series and how many nights were seen since the last; gaps are no nights to the rule."""
    seen = [(start + place, night) for place, night in enumerate(nights) if not night.gap]
    values = [night.difference for _, night in seen if night.difference is not None]
    noise, alarm = [night.variance for _, night in seen], [limits[at] for at, _ in seen]
    found = watch_drift(values, noise=noise, floor=floor, alarm=alarm)
    alarms = [Drift(each.direction, seen[each.night][0], seen[each.onset][0]) for each in found]
    return alarms, len(seen) - (found[-1].onset + 1 if found else 0)


def _state(learned: int, *, has_moved: bool) -> SeriesState:
    """A series has moved until it has been learned anew."""
    if learned >= LEARNING_NIGHTS:
        return SeriesState.STEADY
    return SeriesState.MOVED if has_moved else SeriesState.LEARNING
