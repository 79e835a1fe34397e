"""The chart of intervals: a dot, its interval and its open span for each model, wide and for a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evalkit.report.blocks import IntervalChart, IntervalMark
from evalkit.report.escape import mark_controls
from evalkit.report.svg import SENTINELS, axis_ticks, fit_label, render_svg

if TYPE_CHECKING:
    import altair as alt

__all__ = ["draw_intervals"]

_AXIS_HEIGHT = 26
_EDGE = 0.03


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand, in pixels: the plot from `left` to `right`, a row's marks `mark` below its top.

    A label starts at `label_at` and has `room`; the value and its bounds end at `value_at` and `bounds_at`.
    """

    name: str
    width: int
    left: int
    right: int
    row: int
    mark: int
    text: int
    ticks: int
    label_at: int
    room: int
    value_at: int
    bounds_at: int


_WIDE = _Layout("wide", 760, 190, 610, 30, 15, 19, 6, 0, 180, 662, 760)
_NARROW = _Layout("narrow", 328, 10, 318, 46, 32, 19, 4, 10, 155, 222, 318)


def draw_intervals(chart: IntervalChart) -> tuple[Markup, Markup]:
    """Return the chart for a wide and for a narrow page."""
    return _draw(chart, _WIDE), _draw(chart, _NARROW)


def _draw(chart: IntervalChart, layout: _Layout) -> Markup:
    import altair as alt

    low, high = _domain(chart.marks)
    height = len(chart.marks) * layout.row + _AXIS_HEIGHT
    scale = alt.Scale(domain=[low, high], range=[layout.left, layout.right], nice=False, zero=False)
    data = alt.Data(values=[_row(mark, place, layout) for place, mark in enumerate(chart.marks)])
    ticks = _ticks(_inner(axis_ticks(low, high, layout.ticks), low, high), scale, height)
    drawing = alt.layer(*ticks, *_marks(data, scale), *_texts(data, layout))
    size, description = (layout.width, height), mark_controls(chart.description)
    return render_svg(drawing, size, name=layout.name, description=description)


def _inner(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """Return the ticks whose labels stay inside the picture."""
    return [tick for tick in ticks if _EDGE <= (tick - low) / (high - low) <= 1 - _EDGE]


def _ticks(values: Sequence[float], scale: "alt.Scale", height: int) -> list["alt.Chart"]:
    """Return the grid and its labels; an axis of its own would not survive layers that have none."""
    import altair as alt

    data = alt.Data(values=[{"value": value, "text": f"{100 * value:g}%"} for value in values])
    x = alt.X("value:Q", scale=scale, axis=None)
    grid = alt.Chart(data).mark_rule(color=SENTINELS["grid"][0])
    text = alt.Chart(data).mark_text(align="center", baseline="alphabetic", color=SENTINELS["small"][0])
    return [
        grid.encode(x=x, y=alt.value(2), y2=alt.value(height - _AXIS_HEIGHT + 4)),
        text.encode(x=x, y=alt.value(height - 6), text="text:N"),
    ]


def _marks(data: "alt.Data", scale: "alt.Scale") -> list["alt.Chart"]:
    import altair as alt

    y = alt.Y("y:Q", scale=None, axis=None)
    colour = alt.Color("colour:N", scale=None)
    span = alt.Chart(data).transform_filter("isValid(datum.worst)")
    interval = alt.Chart(data).transform_filter("isValid(datum.lower)")
    ends = interval.mark_tick(orient="vertical", thickness=2, size=10)
    at = [alt.X(f"{end}:Q", scale=scale, axis=None) for end in ("worst", "lower", "upper")]
    return [
        span.mark_rule(color=SENTINELS["span"][0]).encode(x=at[0], x2="best:Q", y=y),
        interval.mark_rule(strokeWidth=2).encode(x=at[1], x2="upper:Q", y=y, color=colour),
        ends.encode(x=at[1], y=y, color=colour),
        ends.encode(x=at[2], y=y, color=colour),
        alt.Chart(data)
        .transform_filter("isValid(datum.value)")
        .mark_point(filled=True, size=78, opacity=1)
        .encode(x=alt.X("value:Q", scale=scale, axis=None), y=y, color=colour),
    ]


def _texts(data: "alt.Data", layout: _Layout) -> list["alt.Chart"]:
    import altair as alt

    y = alt.Y("text_y:Q", scale=None, axis=None)
    placed: tuple[tuple[str, str, int, Any], ...] = (
        ("label", "label", layout.label_at, "left"),
        ("value", "value_text", layout.value_at, "right"),
        ("small", "small", layout.bounds_at, "right"),
    )
    return [
        alt.Chart(data)
        .mark_text(align=align, baseline="alphabetic", color=SENTINELS[kind][0], fontSize=12)
        .encode(x=alt.value(at), y=y, text=f"{column}:N")
        for kind, column, at, align in placed
    ]


def _row(mark: IntervalMark, place: int, layout: _Layout) -> dict[str, Any]:
    top = place * layout.row
    return {
        "y": top + layout.mark,
        "text_y": top + layout.text,
        "label": fit_label(mark.label, layout.room),
        "value_text": mark.text,
        "small": mark.bounds,
        "value": mark.value,
        "lower": mark.lower,
        "upper": mark.upper,
        "worst": mark.worst,
        "best": mark.best,
        "colour": SENTINELS["tied" if mark.is_tied else "mark"][0],
    }


def _domain(marks: Sequence[IntervalMark]) -> tuple[float, float]:
    """Return the part of [0, 1] that holds every mark, with some room."""
    known = [
        value
        for mark in marks
        for value in (mark.value, mark.lower, mark.upper, mark.worst, mark.best)
        if value is not None
    ]
    if not known:
        return (0.0, 1.0)
    room = max(0.02, 0.08 * (max(known) - min(known)))
    return (max(0.0, min(known) - room), min(1.0, max(known) + room))
