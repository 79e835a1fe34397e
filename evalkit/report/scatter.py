"""The chart of cost and quality: models on a logarithmic cost axis, labelled where there is room."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evalkit.report.blocks import ScatterChart, ScatterMark
from evalkit.report.escape import mark_controls
from evalkit.report.numbers import format_money
from evalkit.report.svg import SENTINELS, axis_ticks, fit_label, measure, render_svg

if TYPE_CHECKING:
    import altair as alt

__all__ = ["draw_scatter"]

_MOST_WITH_NUMBERS = 12
_MOST_COST_TICKS = 6
_COST_STEPS = tuple(factor * 10.0**power for power in range(-7, 7) for factor in (1, 2, 5))
_ROOM = {"wide": 200, "narrow": 130}
_HALF_A_LABEL = 16

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plot's edges and domains; `cost` is in powers of ten."""

    name: str
    width: int
    height: int
    left: int
    right: int
    bottom: int
    cost: tuple[float, float] = (0.0, 1.0)
    level: tuple[float, float] = (0.0, 1.0)

    def x(self, cost: float) -> float:
        """Return where a cost lies."""
        low, high = self.cost
        return self.left + (math.log10(cost) - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return where a level lies."""
        low, high = self.level
        return self.bottom - (value - low) / (high - low) * (self.bottom - 12)


def draw_scatter(chart: ScatterChart) -> tuple[Markup, Markup]:
    """Return the chart for a wide and for a narrow page."""
    costs = [math.log10(mark.cost) for mark in chart.marks]
    low, high = min(mark.lower for mark in chart.marks), max(mark.upper for mark in chart.marks)
    domains = ((min(costs) - 0.18, max(costs) + 0.2), (max(0.0, low - 0.02), min(1.0, high + 0.02)))
    wide = _Frame("wide", 1100, 400, 58, 980, 354, *domains)
    narrow = _Frame("narrow", 328, 330, 44, 314, 284, *domains)
    return _draw(chart, wide), _draw(chart, narrow)


def _draw(chart: ScatterChart, frame: _Frame) -> Markup:
    import altair as alt

    drawing = alt.layer(*_axes(frame), *_marks(chart.marks, frame), *_labels(chart.marks, frame))
    size, description = (frame.width, frame.height), mark_controls(chart.description)
    return render_svg(drawing, size, name=frame.name, description=description)


def _axes(frame: _Frame) -> list["alt.Chart"]:
    levels: list[dict[str, Any]] = [
        {"x": frame.left, "x2": frame.right, "y": frame.y(value), "y2": frame.y(value), "text": f"{100 * value:g}%"}
        for value in axis_ticks(*frame.level, 6)
    ]
    inside = [value for value in _COST_STEPS if frame.left <= frame.x(value) <= frame.right - _HALF_A_LABEL]
    every = 1 + len(inside) // (_MOST_COST_TICKS + 1)
    costs = [
        {"x": at, "x2": at, "y": frame.bottom, "y2": frame.bottom + 5, "text": format_money(value)}
        for value, at in ((value, frame.x(value)) for value in inside[::every])
    ]
    line = {"x": frame.left, "x2": frame.right, "y": frame.bottom, "y2": frame.bottom}
    middle = (frame.left + frame.right) / 2
    title = [{"x": middle, "y": frame.height - 4, "text": "cost per 1,000 samples, log scale"}]
    return [
        _lines(levels, SENTINELS["grid"][0]),
        _text([{**each, "x": frame.left - 8, "y": each["y"] + 4} for each in levels], "small", "right"),
        _lines([line, *costs], SENTINELS["axis"][0]),
        _text([{**each, "y": frame.bottom + 19} for each in costs], "small", "center"),
        _text(title, "small", "center"),
    ]


def _marks(marks: Sequence[ScatterMark], frame: _Frame) -> list["alt.Chart"]:
    import altair as alt

    layers: list[alt.Chart] = []
    for mark in marks:
        kind = "tied" if mark.is_tied else "mark"
        x, low, high = frame.x(mark.cost), frame.y(mark.lower), frame.y(mark.upper)
        ends = [{"x": x - 5, "x2": x + 5, "y": end, "y2": end} for end in (low, high)]
        layers.append(_lines([{"x": x, "x2": x, "y": low, "y2": high}, *ends], SENTINELS[kind][0], 2))
        dot = alt.Data(values=[{"x": x, "y": frame.y(mark.value)}])
        colour = SENTINELS[f"{kind} hollow" if mark.is_dominated else kind][0]
        layers.append(alt.Chart(dot).mark_point(filled=True, size=110, opacity=1, color=colour).encode(**_at()))
    return layers


def _labels(marks: Sequence[ScatterMark], frame: _Frame) -> list["alt.Chart"]:
    """Return each model's label where nothing else lies; one without room is left out."""
    taken = [
        (frame.x(mark.cost) - 8, frame.y(mark.upper) - 3, frame.x(mark.cost) + 8, frame.y(mark.lower) + 3)
        for mark in marks
    ]
    has_numbers = frame.name == "wide" and len(marks) <= _MOST_WITH_NUMBERS
    layers: list[alt.Chart] = []
    for mark in marks:
        label = fit_label(mark.label, _ROOM[frame.name])
        width = max(measure(label), measure(mark.text) if has_numbers else 0)
        height = 34 if has_numbers else 15
        place = next((box for box in _places(mark, frame, width, height) if _is_free(box, taken, frame)), None)
        if place is None:
            continue
        taken.append(place)
        layers.append(_text([{"x": place[0], "y": place[1] + 12, "text": label}], "label", "left"))
        if has_numbers:
            layers.append(_text([{"x": place[0], "y": place[1] + 29, "text": mark.text}], "small", "left"))
    return layers


def _places(mark: ScatterMark, frame: _Frame, width: float, height: float) -> list[_Box]:
    """Return the places of a label by preference: right, left, above, below."""
    x, y = frame.x(mark.cost), frame.y(mark.value)
    corners = (
        (x + 12, y - height / 2),
        (x - 12 - width, y - height / 2),
        (x - width / 2, frame.y(mark.upper) - height - 5),
        (x - width / 2, frame.y(mark.lower) + 5),
    )
    return [(left, top, left + width, top + height) for left, top in corners]


def _is_free(box: _Box, taken: Sequence[_Box], frame: _Frame) -> bool:
    is_inside = frame.left <= box[0] and box[2] <= frame.width and box[1] >= 0 and box[3] <= frame.bottom
    return is_inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
    )


def _at() -> dict[str, Any]:
    import altair as alt

    return {"x": alt.X("x:Q", scale=None, axis=None), "y": alt.Y("y:Q", scale=None, axis=None)}


def _lines(rows: list[dict[str, Any]], colour: str, width: int = 1) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.Data(values=rows)).mark_rule(color=colour, strokeWidth=width).encode(**_at(), x2="x2", y2="y2")


def _text(rows: list[dict[str, Any]], kind: str, align: Any) -> "alt.Chart":
    import altair as alt

    chart = alt.Chart(alt.Data(values=rows)).mark_text(align=align, baseline="alphabetic", color=SENTINELS[kind][0])
    return chart.encode(**_at(), text="text:N")
