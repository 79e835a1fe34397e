"""A move for the worse that an earlier night told and that is not over: since when, from which level, to which."""

import itertools
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.night_pairs import NightScores
from evalkit.night_series import NightSeries, SeriesState
from evalkit.past_runs import PastEvent, PastMetric
from evalkit.records import Json
from evalkit.stats.drift import LEARNING_NIGHTS, Drift
from evalkit.stats.paired import DifferenceEstimate, PairedDifference, displayed_estimate, paired_difference
from evalkit.stats.pairing import ItemScores, Pairing, pair_items

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]

__all__ = ["StandingMove", "find_standing"]

_NIGHTS = 7
_LATELY = 3
_CLEARLY = 1.96
_CANDIDATE = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingMove:
    """A metric is worse than before the night `since`, and has been for `nights`, tonight counted.

    `before` and `now` are means over at most seven nights each, on samples scored in both; `change` is between them.
    It `is_settled` once the drift rule has learnt the new level: then it is what a usual night is.
    """

    since: str
    nights: int
    before: float
    now: float
    change: PairedDifference
    is_settled: bool

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "since": self.since,
            "nights": self.nights,
            "before": self.before,
            "now": self.now,
            "difference": self.change.difference,
            "lower": self.change.lower,
            "upper": self.change.upper,
            "settled": self.is_settled,
        }


@dataclass(frozen=True, slots=True)
class _Move:
    place: int
    told: int
    is_worse: bool


def find_standing(
    points: Sequence[PastMetric],
    scores: Sequence[NightScores],
    drift: NightSeries,
    *,
    without: Set[str],
    levels: Sequence[float],
    events: Sequence[PastEvent],
    begin: int = 0,
) -> StandingMove | None:
    """Return what still holds of moves for the worse before the last of `points`; None where all is as it was.

    Moves are the drifts, and what differs from the last night with scores at the level of its night, by the test that
    told it then. One is over when three nights are back at
    the level before it; when the nights since are shown to be worse neither by their samples nor by what re-running
    explains; when a baseline was set since; when the series starts anew. Nights before `begin` are not looked at: what
    stands since then cannot be dated.
    """
    starts = (at for at in range(1, len(points)) if points[at].series != points[at - 1].series)
    start = max((begin, *starts))
    nights = _Nights(points[start:], scores[start:], without, drift.noise[-1])
    moves = _moves(nights, drift.drifts, start, levels[start:])
    accepted = _accepted(points, events)
    last = len(nights.rows) - 1
    open_moves = [
        (move, before)
        for move in moves
        if move.is_worse and move.told < last and move.place + start > accepted
        if (before := _level_before(nights, moves, move)) is not None and not _is_over(nights, moves, move, before)
    ]
    found = [_standing(nights, moves, *each, state=drift.state) for each in open_moves]
    shown = [each for each in found if each is not None]
    return next((each for each in shown if not each.is_settled), shown[0] if shown else None)


class _Nights:
    """The nights of one series as rows over the same samples, NaN where a sample has no score or is left out."""

    def __init__(
        self, points: Sequence[PastMetric], scores: Sequence[NightScores], without: Set[str], noise: float | None
    ) -> None:
        import numpy as np

        self.points, self.samples, self.noise = points, scores[-1].samples, noise
        aside = np.array([name in without for name in self.samples.ids])
        nothing = np.full(len(self.samples.ids), np.nan)
        equal = [each.samples.digest == self.samples.digest for each in scores]
        rows = [each.values if same else nothing for each, same in zip(scores, equal, strict=True)]
        self.rows = [np.where(aside, np.nan, row) for row in rows] if without else rows

    def mean(self, first: int, after: int) -> "Numbers":
        """Return each sample's mean over nights, NaN where none has scored it."""
        import numpy as np

        rows = np.stack(self.rows[first:after])
        counts = (~np.isnan(rows)).sum(axis=0)
        return np.where(counts > 0, np.nansum(rows, axis=0) / np.maximum(counts, 1), np.nan)

    def compare(self, before: tuple[int, int], now: tuple[int, int]) -> PairedDifference:
        """Return the paired difference of the means over two spans of nights."""
        return paired_difference(self._pair(before, now), confidence=self.points[-1].confidence)

    def jump(self, place: int, before: int) -> DifferenceEstimate | None:
        """Return what tells whether a night differs from an earlier one, as a split of the change does."""
        return displayed_estimate(self._pair((before, before + 1), (place, place + 1)))

    def _pair(self, before: tuple[int, int], now: tuple[int, int]) -> Pairing:
        first, second = (self._scores(*span) for span in (before, now))
        return pair_items(second, first)

    def rerun_error(self, before: tuple[int, int], now: tuple[int, int]) -> float | None:
        """Return the standard error that re-running alone gives to the difference of two spans' means, if known."""
        nights = [after - first for first, after in (before, now)]
        return None if self.noise is None else self.noise * sum(1 / count for count in nights) ** 0.5

    def _scores(self, first: int, after: int) -> ItemScores:
        point = self.points[-1]
        trials = (after - first) * min(each.trials for each in self.points[first:after])
        values = self.mean(first, after).tolist()
        return ItemScores(self.samples.ids, values, point.kind == "binary", trials, self.samples.clusters)


def _moves(nights: _Nights, drifts: Sequence[Drift], start: int, levels: Sequence[float]) -> list[_Move]:
    """Return the moves of a series, in order; a drift that a jump explains is the jump."""
    higher = nights.points[-1].higher_is_better
    found: list[_Move] = []
    scored = [place for place, row in enumerate(nights.rows) if _score_count(row)]
    for before, place in itertools.pairwise(scored):
        if abs(_score(nights.rows[place] - nights.rows[before])) < _CANDIDATE:
            continue
        change = nights.jump(place, before)
        if change is not None and change.p_two_sided() < levels[place]:
            found.append(_Move(place, place, (change.mean < 0) == higher))
    for drift in drifts:
        first, alarm = min(drift.onset + 1, drift.night) - start, drift.night - start
        is_worse = (drift.direction == "down") == higher
        if first > 0 and not any(first - 2 <= each.place <= alarm and each.is_worse == is_worse for each in found):
            found.append(_Move(first, alarm, is_worse))
    return sorted(found, key=lambda move: move.place)


def _level_before(nights: _Nights, moves: Sequence[_Move], move: _Move) -> tuple[int, int] | None:
    """Return the nights that the level before a move is made of, as far as nothing else moved; None without a score."""
    earlier = max((each.place for each in moves if each.place < move.place), default=0)
    span = max(earlier, move.place - _NIGHTS), move.place
    return span if _score_count(nights.mean(*span)) else None


def _since(moves: Sequence[_Move], night: int, most: int = _NIGHTS) -> tuple[int, int]:
    """Return the nights up to one that its level is made of: after the last move, `most` of them."""
    latest = max(each.place for each in moves if each.place <= night)
    return max(latest, night + 1 - most), night + 1


def _is_over(nights: _Nights, moves: Sequence[_Move], move: _Move, before: tuple[int, int]) -> bool:
    """Say whether the metric was back on any night since a move was told."""
    level, sign = nights.mean(*before), 1.0 if nights.points[-1].higher_is_better else -1.0

    def is_back(night: int) -> bool:
        span = _since(moves, night)
        change = nights.mean(*span) - level
        rerun = nights.rerun_error(before, span)
        lately = sign * _mean_of(nights.mean(*_since(moves, night, _LATELY)) - level)
        by_rerun = sign * _mean_of(change) / rerun if rerun else 0.0
        return lately >= 0.0 or min(sign * _score(change), by_rerun) > -_CLEARLY

    later = range(move.told + 1, len(nights.rows))
    return any(_score_count(nights.rows[night]) and is_back(night) for night in later)


def _standing(
    nights: _Nights, moves: Sequence[_Move], move: _Move, before: tuple[int, int], *, state: SeriesState
) -> StandingMove | None:
    last = len(nights.rows) - 1
    span = _since(moves, last)
    change = nights.compare(before, span)
    if change.difference is None or change.lower is None:
        return None
    now = _mean_of(nights.mean(*span) + 0.0 * nights.mean(*before))  # NaN where one of them is
    held = last - move.place + 1
    return StandingMove(
        since=nights.points[move.place].run.night,
        nights=held,
        before=now - change.difference,
        now=now,
        change=change,
        is_settled=held >= LEARNING_NIGHTS and state is SeriesState.STEADY,
    )


def _accepted(points: Sequence[PastMetric], events: Sequence[PastEvent]) -> int:
    """Return the place of the newest night that became a baseline, or on which one was set; -1 without any."""
    places = {point.run.run_id: place for place, point in enumerate(points)}
    tonight = points[-1].run.night
    found = [-1]
    for event in events:
        if event.kind == "baseline":
            set_on = (place for place, point in enumerate(points) if point.run.night <= event.at[:10] <= tonight)
            found.append(places.get(str(event.about.get("run_id")), max(set_on, default=-1)))
    return max(found)


def _score(differences: "Numbers") -> float:
    """Return the mean in standard errors, as if samples were independent; huge where there is no spread."""
    import numpy as np

    kept = differences[~np.isnan(differences)]
    if len(kept) < 2:  # noqa: PLR2004  no spread without two
        return 0.0
    error = float(kept.std(ddof=1)) / len(kept) ** 0.5
    mean = float(kept.mean())
    return mean / error if error > 0 else float(np.sign(mean)) * np.inf if mean else 0.0


def _score_count(values: "Numbers") -> int:
    import numpy as np

    return int((~np.isnan(values)).sum())


def _mean_of(values: "Numbers") -> float:
    import numpy as np

    return float(np.nanmean(values)) if _score_count(values) else 0.0
