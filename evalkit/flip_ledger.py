"""Which samples flip from night to night: stable, unstable, newly failing or recovered, by one metric of one model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.flip_rule import FlipRule
from evalkit.past_runs import PastMetric, Series
from evalkit.records import Json
from evalkit.stats.failing import run_chances
from evalkit.stats.multiple import benjamini_hochberg
from evalkit.stats.stability import Stability, follow_nights, name_unstable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FlipLedger", "SampleRecord", "SampleState", "ScoredNight", "make_ledger"]


class SampleState(StrEnum):
    """What a sample's nights come to; the order is that of urgency."""

    NEW_FAILURE = "new_failure"
    FAILING = "failing"
    UNSTABLE = "unstable"
    RECOVERED = "recovered"
    UNCLEAR = "unclear"
    STABLE_FAIL = "stable_fail"
    STABLE_PASS = "stable_pass"  # noqa: S105  a state, no secret
    TOO_FEW = "too_few_nights"


class ScoredNight(Protocol):
    """One night's scores by sample; NaN where a sample has none."""

    @property
    def ids(self) -> Sequence[str]:
        """The samples."""
        ...

    @property
    def values(self) -> Any:
        """Their scores, a float64 array."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRecord:
    """One sample over the nights of a ledger: its scores (None where it had none), and what they come to.

    `is_right` tells of its last night with a score, whose outcome has been the same for `streak` nights. `since` is
    the night its present outcome began, `before` the last night of the outcome before, `last` its last night with a
    score, all as places among the ledger's points; None where there is no such night. `chance` is that of its present
    run of wrong nights, had nothing changed; None where it was not right night after night before.
    """

    sample_id: str
    state: SampleState
    is_right: bool
    scores: tuple[float | None, ...] = field(repr=False)
    nights: int
    right: int
    flips: int
    streak: int
    since: int | None
    before: int | None
    last: int | None
    chance: float | None = None

    @property
    def flip_rate(self) -> float | None:
        """The share of nights whose outcome differs from that of the night before; None below two nights."""
        return self.flips / (self.nights - 1) if self.nights > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipLedger:
    """The samples of one metric and model over the last nights of one setting, the most urgent first.

    `restarted` tells that the setting changed within the nights asked for: only those since count. `left_out` are the
    samples that a quarantine keeps out, which `set_aside` says in words.
    """

    name: str
    metric: str
    model: str
    higher_is_better: bool
    points: tuple[PastMetric, ...] = field(repr=False)
    restarted: bool
    samples: tuple[SampleRecord, ...] = field(repr=False)
    rule: FlipRule
    left_out: frozenset[str] = frozenset()
    set_aside: str = ""

    def of(self, *states: SampleState) -> tuple[SampleRecord, ...]:
        """Return the samples in one of these states."""
        return tuple(each for each in self.samples if each.state in states)

    def counts(self) -> dict[SampleState, int]:
        """Return how many samples are in each state."""
        return {state: sum(each.state is state for each in self.samples) for state in SampleState}

    def describe(self) -> dict[str, Json]:
        """Return it as plain values."""
        nights = [point.run.night for point in self.points]
        return {
            "metric": self.metric,
            "model": self.model,
            "nights": nights,
            "runs": [{"night": p.run.night, "run_id": p.run.run_id, "folder": p.run.folder} for p in self.points],
            "restarted": self.restarted,
            "counts": {state.value: number for state, number in self.counts().items()},
            "rule": list(self.rule.sentences()),
            "quarantined": sorted(self.left_out),
            "set_aside": self.set_aside,
            "samples": [_plain(each, nights) for each in self.samples],
        }


def make_ledger(
    series: Series,
    scores: Sequence[ScoredNight],
    *,
    rule: FlipRule | None = None,
    left_out: frozenset[str] = frozenset(),
    set_aside: str = "",
) -> FlipLedger:
    """Return the ledger of the last nights of a series; `scores` are those of its last points, the newest last."""
    import numpy as np

    rule = rule or FlipRule()
    asked = series.points[-rule.nights :]
    points = tuple(point for point in asked if point.series == asked[-1].series)
    is_higher = points[-1].higher_is_better if points else True
    ids, values = _aligned(scores[len(scores) - len(points) :], left_out)
    with np.errstate(invalid="ignore"):
        is_right = values >= rule.pass_at if is_higher else values <= 1.0 - rule.pass_at
    stability = follow_nights(is_right, is_scored := ~np.isnan(values))
    begun = _begun(stability, rule)
    chances = run_chances(~is_right, is_scored, stability.since, np.where(begun, stability.streak, 0))
    states = _states(stability, begun, chances, rule)
    samples = [
        _record(stability, values, place, name, state=states[place], chance=chances[place] if begun[place] else None)
        for place, name in enumerate(ids)
    ]
    return FlipLedger(
        name=series.name,
        metric=series.metric,
        model=series.model,
        higher_is_better=is_higher,
        points=points,
        restarted=len(points) < len(asked),
        samples=tuple(sorted(samples, key=_urgency)),
        rule=rule,
        left_out=left_out,
        set_aside=set_aside,
    )


def _aligned(scores: Sequence[ScoredNight], left_out: frozenset[str]) -> "tuple[list[str], NDArray[Any]]":
    """Return the samples of the last night, then those only earlier nights have, and scores by night and sample."""
    import numpy as np

    first = list(scores[-1].ids) if scores else []
    if all(night.ids is scores[-1].ids or list(night.ids) == first for night in scores):
        ids, values = first, np.array([night.values for night in scores], dtype=np.float64).reshape(len(scores), -1)
    else:
        ids = list(dict.fromkeys(name for night in reversed(scores) for name in night.ids))
        places = {name: place for place, name in enumerate(ids)}
        values = np.full((len(scores), len(ids)), np.nan)
        for row, night in enumerate(scores):
            values[row, [places[name] for name in night.ids]] = night.values
    kept = [place for place, name in enumerate(ids) if name not in left_out]
    return [ids[place] for place in kept], values[:, kept]


def _begun(found: Stability, rule: FlipRule) -> "NDArray[np.bool_]":
    """Return which samples are wrong now, not for long, and were right night after night before."""
    was_right = (found.nights_before >= rule.fewest_before) & (found.right_before >= rule.steady * found.nights_before)
    return (found.last == 0) & (found.streak <= rule.recent) & was_right & (found.nights >= rule.fewest_nights)


def _new_failures(
    found: Stability, begun: "NDArray[np.bool_]", chances: "NDArray[np.float64]", rule: FlipRule
) -> "NDArray[np.bool_]":
    """Return whose run of failures is improbable among all the samples and metrics that are looked at."""
    import numpy as np

    judged = np.flatnonzero(found.nights >= rule.fewest_nights)
    p_values = np.where(begun & (found.streak >= rule.failing), chances, 1.0)[judged]
    named = np.zeros(len(begun), dtype=np.bool_)
    named[judged] = np.asarray(benjamini_hochberg(p_values.tolist())) <= rule.false_nights / rule.among
    return named


def _states(
    found: Stability, begun: "NDArray[np.bool_]", chances: "NDArray[np.float64]", rule: FlipRule
) -> list[SampleState]:
    import numpy as np

    unstable = name_unstable(found.nights, found.flips, fewest=rule.fewest_nights, rate=rule.share_false)
    is_wrong, is_long = found.last == 0, found.streak >= rule.failing
    is_back = ~is_wrong & is_long & (found.streak <= rule.recent) & (found.streak_before >= rule.failing)
    is_settled = found.streak >= rule.fewest_nights
    claims = (
        (found.nights < rule.fewest_nights, SampleState.TOO_FEW),
        (_new_failures(found, begun, chances, rule), SampleState.NEW_FAILURE),
        (unstable, SampleState.UNSTABLE),
        (begun, SampleState.FAILING),
        (is_back, SampleState.RECOVERED),
        (is_settled & ~is_wrong | (found.right >= rule.steady * found.nights), SampleState.STABLE_PASS),
        (is_settled | (found.nights - found.right >= rule.steady * found.nights), SampleState.STABLE_FAIL),
    )
    order = [state for _, state in claims] + [SampleState.UNCLEAR]
    chosen = np.select([claim for claim, _ in claims], range(len(claims)), default=len(claims))
    return [order[place] for place in chosen.tolist()]


def _record(
    found: Stability, values: "NDArray[Any]", place: int, name: str, *, state: SampleState, chance: float | None
) -> SampleRecord:
    def night(places: Any) -> int | None:
        return None if places[place] < 0 else int(places[place])

    return SampleRecord(
        sample_id=name,
        state=state,
        is_right=bool(found.last[place] == 1),
        scores=tuple([None if math.isnan(value) else value for value in values[:, place].tolist()]),
        nights=int(found.nights[place]),
        right=int(found.right[place]),
        flips=int(found.flips[place]),
        streak=int(found.streak[place]),
        since=night(found.since),
        before=night(found.until),
        last=night(found.last_night),
        chance=None if chance is None else float(chance),
    )


_ORDER = {state: place for place, state in enumerate(SampleState)}
_FAILING = (SampleState.NEW_FAILURE, SampleState.FAILING)


def _urgency(record: SampleRecord) -> tuple[int, float, int, str]:
    """Sort by state; failures by how improbable they are, unstable samples by their flips, others newest first."""
    newest = -(record.since or 0) if record.state is not SampleState.UNSTABLE else -record.flips
    chance = record.chance if record.chance is not None and record.state in _FAILING else 0.0
    return _ORDER[record.state], chance, newest, record.sample_id


def _plain(record: SampleRecord, nights: Sequence[str]) -> dict[str, Json]:
    def night(place: int | None) -> str | None:
        return None if place is None else nights[place]

    return {
        "sample": record.sample_id,
        "state": record.state.value,
        "is_right": record.is_right,
        "scores": list(record.scores),
        "nights": record.nights,
        "right": record.right,
        "flips": record.flips,
        "flip_rate": record.flip_rate,
        "streak": record.streak,
        "since": night(record.since),
        "before": night(record.before),
        "chance": record.chance,
    }
