"""What the drift rule is held against: a CUSUM that learns mean and spread of a series as it goes (Hawkins 1987)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import normal_quantile, t_upper_tail

__all__ = ["SLACK", "Alarm", "Night", "first_alarm", "self_starting_cusum"]

SLACK = 0.5
"""The reference value k: half of the shift, in standard deviations, that is looked for."""

_WARM_UP = 3
_SMALLEST_TAIL = 1e-300
_SAME = 1e-18
"""Variances below this are float noise."""


@dataclass(frozen=True, slots=True)
class Night:
    """One night of a series: its standardised surprise `u`, and both sums after it."""

    u: float
    down: float
    up: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """A sum above its limit: which, on what night, and the last night it was 0, -1 where it never was.

    `is_constant` when the first change came after equal nights, where there is no spread to measure it by.
    """

    direction: str
    night: int
    onset: int
    is_constant: bool


def self_starting_cusum(series: Sequence[float], *, slack: float = SLACK) -> list[Night]:
    """Return every night's surprise and sums; nothing restarts.

    u_t = z(F_{t-2}((y_t - m_{t-1}) / s_{t-1} * sqrt((t-1)/t))) with mean and deviation of nights 1..t-1 and F the
    t distribution with t-2 degrees of freedom; 0 for the first three nights. Equal nights so far: 0 for another
    equal one, infinite for one that differs.
    """
    nights: list[Night] = []
    mean = squares = down = up = 0.0
    for count, value in enumerate(series):  # count nights came before this one
        u = 0.0 if count < _WARM_UP else _surprise(value - mean, squares, count)
        down, up = max(0.0, down - u - slack), max(0.0, up + u - slack)
        nights.append(Night(u, down, up))
        step = value - mean
        mean += step / (count + 1)
        squares += step * (value - mean)
    return nights


def first_alarm(series: Sequence[float], *, limit: float, learning: int, slack: float = SLACK) -> Alarm | None:
    """Return the first sum above `limit` after `learning` nights.

    Either way, on independent normal nights: 16.5% of 90 nights at 5 (9% each way), 11% at 5.33.
    """
    onsets = {"down": -1, "up": -1}
    for place, night in enumerate(self_starting_cusum(series, slack=slack)):
        for direction, total in (("down", night.down), ("up", night.up)):
            if total == 0.0:
                onsets[direction] = place
            elif total > limit and place >= learning:
                return Alarm(direction, place, onsets[direction], math.isinf(night.u))
    return None


def _surprise(difference: float, squares: float, count: int) -> float:
    deviation = math.sqrt(max(0.0, squares) / (count - 1))
    if deviation * deviation < _SAME:
        return 0.0 if difference * difference < _SAME else math.copysign(math.inf, difference)
    t = difference / deviation * math.sqrt(count / (count + 1))
    tail = max(_SMALLEST_TAIL, t_upper_tail(abs(t), count - 1))
    return math.copysign(-normal_quantile(tail), t)
