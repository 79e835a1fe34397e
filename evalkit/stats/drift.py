"""Whether a series of nights has moved: a CUSUM that learns the mean and spread as it goes (Hawkins 1987)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import normal_quantile, t_upper_tail

__all__ = ["ALARM", "LEARNING_NIGHTS", "SLACK", "Drift", "Night", "self_starting_cusum", "watch_drift"]

SLACK = 0.5
"""The reference value k: half of the shift, in standard deviations, that is looked for."""
ALARM = 5.0
"""The decision interval h: about 464 nights between two false alarms."""
LEARNING_NIGHTS = 10
"""Before this many nights an alarm would rest on too little."""

_WARM_UP = 3
_SMALLEST_TAIL = 1e-300


@dataclass(frozen=True, slots=True)
class Night:
    """One night of a series: its standardised surprise `u`, and both sums after it."""

    u: float
    down: float
    up: float


@dataclass(frozen=True, slots=True)
class Drift:
    """One alarm: the direction, the night that raised it, and the onset, the last night whose sum was 0.

    `night` and `onset` count from 0 in the series; the change came after `onset`. `reason` is "cusum", or "constant"
    when the first change came after equal nights, where there is no spread to measure it by.
    """

    direction: str
    night: int
    onset: int
    reason: str


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


def watch_drift(
    series: Sequence[float], *, slack: float = SLACK, alarm: float = ALARM, learning: int = LEARNING_NIGHTS
) -> list[Drift]:
    """Return the alarms of a series, which starts anew after each onset; none while it is learning."""
    found: list[Drift] = []
    begin = 0
    while (drift := _first_alarm(series[begin:], slack, alarm, learning)) is not None:
        shifted = Drift(drift.direction, begin + drift.night, begin + drift.onset, drift.reason)
        found.append(shifted)
        begin = shifted.onset + 1
        if drift.night <= drift.onset or begin >= len(series):
            break
    return found


def _first_alarm(series: Sequence[float], slack: float, alarm: float, learning: int) -> Drift | None:
    onsets = {"down": -1, "up": -1}
    for place, night in enumerate(self_starting_cusum(series, slack=slack)):
        for direction, total in (("down", night.down), ("up", night.up)):
            if total == 0.0:
                onsets[direction] = place
            elif total > alarm and place >= learning:
                reason = "constant" if math.isinf(night.u) else "cusum"
                return Drift(direction, place, onsets[direction], reason)
    return None


def _surprise(difference: float, squares: float, count: int) -> float:
    deviation = math.sqrt(max(0.0, squares) / (count - 1))
    if deviation * deviation < _SAME:
        return 0.0 if difference * difference < _SAME else math.copysign(math.inf, difference)
    t = difference / deviation * math.sqrt(count / (count + 1))
    tail = max(_SMALLEST_TAIL, t_upper_tail(abs(t), count - 1))
    return math.copysign(-normal_quantile(tail), t)


_SAME = 1e-18
"""Variances below this are float noise."""
