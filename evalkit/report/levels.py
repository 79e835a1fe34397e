"""Levels of any unit as a reader sees them: shares in percent, dollars, seconds, tokens; and an axis for them."""

import math
from collections.abc import Sequence
from itertools import pairwise

from evalkit.report.numbers import (
    NOTHING,
    format_duration,
    format_money,
    format_percent,
    format_tokens,
)

__all__ = ["fit_axis", "format_level", "format_tick", "round_ticks"]

_NOISE = 1e-9
_FACTORS = (1, 2, 2.5, 5, 10)


def format_level(value: float | None, unit: str, places: int = 0) -> str:
    """Return a level with its unit; a dash where nothing was measured; `places` are those of a percentage."""
    if value is None:
        return NOTHING
    if unit == "share":
        return format_percent(value, places)
    if unit == "usd":
        return format_money(value)
    return format_duration(value) if unit == "s" else format_tokens(value)


def fit_axis(values: Sequence[float], unit: str) -> tuple[float, float]:
    """Return the part of the scale that holds some values, with room; shares stay within 0 and 1, all else above 0."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    least = {"share": 0.01, "tokens": 2.0}.get(unit, 0.05 * high)
    room = max(0.06 * (high - low), least) or 1.0
    top = min(1.0, high + room) if unit == "share" and high <= 1.0 else high + room
    return (max(0.0, low - room), top)


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round values within [low, high], the finest steps that allow it."""
    exponent = math.floor(math.log10((high - low) / max(1, most)))
    for step in (factor * 10.0**power for power in (exponent, exponent + 1) for factor in _FACTORS):
        first, last = math.ceil(low / step - _NOISE), math.floor(high / step + _NOISE)
        if last - first < most:
            return [round(place * step, 12) for place in range(first, last + 1)]
    return []


def format_tick(value: float, ticks: Sequence[float], unit: str) -> str:
    """Return a tick's label, with as many decimals as tell it from its neighbours."""
    step = min((abs(after - before) for before, after in pairwise(ticks)), default=1.0)
    if unit == "share":
        return f"{100 * value:.{_decimals(100 * step)}f}%"
    if unit == "usd":
        return f"${value:,.{_decimals(step)}f}"
    if unit == "s":
        return f"{value:,.{_decimals(step)}f} s"
    return format_tokens(value)


def _decimals(step: float) -> int:
    """Return how many decimals a multiple of a step needs."""
    return next((places for places in range(7) if math.isclose(step, round(step, places), rel_tol=1e-6)), 7)
