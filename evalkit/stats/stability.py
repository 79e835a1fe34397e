"""How steadily samples are answered over nights: streaks, flips, and how many flips chance explains."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.multiple import benjamini_hochberg

__all__ = ["TOLERANCE", "Stability", "flip_tail", "follow_nights", "name_unstable"]

TOLERANCE = 0.02
"""How often a stable sample may differ from its usual outcome: one night in fifty."""

_Counts = NDArray[np.int64]
_MISSING = -1


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """What each sample came to over nights, one number a sample; a night without its score is passed over.

    `nights` were scored, `right` of them right, `flips` differ from the night before; the last run of equal nights is
    `streak` long and began at night `since`, the one before it is `streak_before` long and ended at night `until` (-1:
    there is none). `last` is the state of the streak, 1 right, 0 wrong, -1 without any night, `last_night` its end;
    before the streak were `nights_before`, `right_before` of them right.
    """

    nights: _Counts
    right: _Counts
    flips: _Counts
    last: _Counts
    last_night: _Counts
    streak: _Counts
    since: _Counts
    streak_before: _Counts
    until: _Counts
    nights_before: _Counts
    right_before: _Counts


def follow_nights(is_right: NDArray[Any], is_scored: NDArray[Any]) -> Stability:
    """Return the stability of samples (columns) over nights (rows, oldest first)."""
    samples = is_right.shape[1]
    nights, right, flips, streak, before, nights_before, right_before = np.zeros((7, samples), dtype=np.int64)
    last, since, until, last_night = np.full((4, samples), _MISSING, dtype=np.int64)
    for night, (state, scored) in enumerate(zip(is_right.astype(np.int64), is_scored, strict=True)):
        turned = scored & (last != state)
        flipped = turned & (last != _MISSING)
        flips += flipped
        before = np.where(flipped, streak, before)
        until = np.where(flipped, last_night, until)
        nights_before = np.where(turned, nights, nights_before)
        right_before = np.where(turned, right, right_before)
        since = np.where(turned, night, since)
        streak = np.where(turned, 1, streak + scored)
        last = np.where(scored, state, last)
        last_night = np.where(scored, night, last_night)
        nights += scored
        right += scored & (state == 1)
    return Stability(nights, right, flips, last, last_night, streak, since, before, until, nights_before, right_before)


def name_unstable(nights: _Counts, flips: _Counts, *, fewest: int, rate: float = 0.05) -> NDArray[np.bool_]:
    """Return which samples flip more than a stable one does: of those named, `rate` are expected to be stable.

    Benjamini-Hochberg over the samples that have at least `fewest` nights; each one's p is `flip_tail`.
    """
    judged = np.flatnonzero(nights >= fewest)
    p_values = [flip_tail(int(nights[place]))[int(flips[place])] for place in judged]
    named = np.zeros(len(nights), dtype=np.bool_)
    named[judged] = np.asarray(benjamini_hochberg(p_values)) <= rate
    return named


@cache
def flip_tail(nights: int, tolerance: float = TOLERANCE) -> tuple[float, ...]:
    """Return P(at least k flips) for k = 0, 1, ..., `nights`, of a sample that stays what it is.

    Each night differs from its usual outcome with probability `tolerance`, whatever the others did; exact, by the
    distribution over (state of the last night, flips so far).
    """
    usual, other = np.zeros(nights + 1), np.zeros(nights + 1)
    usual[0], other[0] = 1.0 - tolerance, tolerance
    for _ in range(nights - 1):
        from_other, from_usual = np.roll(other, 1), np.roll(usual, 1)
        from_other[0] = from_usual[0] = 0.0
        usual, other = (usual + from_other) * (1.0 - tolerance), (other + from_usual) * tolerance
    tails = np.cumsum((usual + other)[::-1])[::-1]
    return tuple(np.minimum(tails, 1.0).tolist())
