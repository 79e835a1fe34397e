"""What may be said of a trend: its newest level, whether it moved, what changed, what was left out."""

from collections.abc import Iterator

from evalkit.night_series import SeriesState
from evalkit.report.levels import format_level
from evalkit.report.numbers import decimals, format_bounds, format_of, half_width, plural
from evalkit.stats.drift import ALARM, LEARNING_NIGHTS, alarm_level
from evalkit.trend import ChangePoint, Trend, TrendPoint

__all__ = ["claim_alarm", "claim_change", "claim_trend", "say_interval", "say_level"]


def claim_trend(trend: Trend) -> tuple[str, ...]:
    """Return the sentences that stand above a trend, the newest level first."""
    return tuple(_claims(trend))


def _claims(trend: Trend) -> Iterator[str]:
    if not trend.visible:
        last = trend.points[-1].night
        yield f"No night in the span asked for; the last of {plural(len(trend.points), 'night')} is {last}."
        return
    newest = trend.visible[-1]
    interval = say_interval(newest)
    bounds = f" ({interval}, {format_of(newest.n, newest.samples)} samples)" if interval else ""
    hidden = f"; the newest {len(trend.visible)} of {len(trend.points)} are shown" if trend.shown else ""
    nights = f"{plural(len(trend.points), 'night')} since {trend.points[0].night}{hidden}"
    yield f"{say_level(newest, trend.unit)} on {newest.night}{bounds}; {nights}."
    yield from _claims_of_drift(trend)
    if trend.aside is not None:
        yield from trend.aside.sentences()
        if trend.aside.ids and newest.without is not None:
            level = format_level(newest.without, trend.unit, _places(newest))
            yield (
                f"Without quarantined samples it would be {level} on {newest.night}; the levels here hold them, what"
                " is said of drift does not."
            )


def _claims_of_drift(trend: Trend) -> Iterator[str]:
    if not trend.is_watched:
        yield "A fact of each run, without an interval; the drift rule watches scores only."
        return
    changes = [change for change in trend.changes if change.alarm >= trend.shown]
    for change in changes:
        yield f"It {claim_change(trend, change)}."
    if trend.learned < LEARNING_NIGHTS:
        yield (
            f"The drift rule is learning: it has seen {trend.learned} of the {LEARNING_NIGHTS} nights it needs"
            " since it last began anew."
        )
    elif not changes and trend.state is not SeriesState.MOVED:
        yield "No drift is shown in these nights, which does not prove that there was none."


def claim_alarm(watched: int) -> str:
    """Return how much an alarm of the drift rule takes where it watches several metrics."""
    return (
        f"The drift rule watches {watched:,} metrics side by side: an alarm takes h = {alarm_level(watched):.2f}"
        f" instead of {ALARM:g}, so that all together alarm falsely no more often than one."
    )


def claim_change(trend: Trend, change: ChangePoint, *, tonight: str | None = None) -> str:
    """Return when a series moved, in which direction, and between which levels, as the rest of a sentence.

    The night that gave it away is named, unless it is `tonight`.
    """
    nights = trend.points
    onset = f"after {nights[change.onset].night}" if change.onset >= 0 else f"before {nights[change.first].night}"
    told = nights[change.alarm].night
    levels = ""
    if change.before is not None and change.after is not None:
        before, after = (format_level(level, trend.unit, 1) for level in (change.before, change.after))
        levels = f", from {before} to {after} on average"
    aside = "" if told == tonight else f" (told on {told})"
    return f"moved {change.direction} {onset}{aside}{levels}"


def say_level(point: TrendPoint, unit: str) -> str:
    """Return a night's level as its interval supports it."""
    return format_level(point.value, unit, _places(point))


def say_interval(point: TrendPoint) -> str:
    """Return a night's interval; nothing where there is none."""
    if point.lower is None or point.upper is None:
        return ""
    return f"{format_bounds(point.lower, point.upper, _places(point))}%"


def _places(point: TrendPoint) -> int:
    return decimals(half_width(point.lower, point.upper)) if point.lower is not None else 1
