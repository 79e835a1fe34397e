"""The drawing of a timeline: dots with intervals, a line within one series, marks; wide and for a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from xml.etree import ElementTree as ET

from markupsafe import Markup

from evalkit.report.escape import mark_controls
from evalkit.report.levels import fit_axis, format_tick, round_ticks
from evalkit.report.svg import fit_label, measure
from evalkit.report.timeline import Timeline, TimelineMark, TimelinePoint

__all__ = ["draw_timeline"]

_MOST_LINKED = 200
_DATE_ROOM = 92
_DATE_WIDTH = 80
_ROOM_FOR_WHISKERS = 5
_MARK_ROW = 17
_MOST_MARK_ROWS = 4
_LONGEST_LABEL = 150
_AXIS_HEIGHT = 30


@dataclass(frozen=True)
class _Frame:
    """Where things stand, in pixels: the plot from `left` to `right`, from below the marks' labels to `bottom`."""

    chart: Timeline
    name: str
    width: int
    left: int
    right: int
    plot: int
    ticks: int

    @cached_property
    def labels(self) -> "tuple[tuple[TimelineMark, int], ...]":
        """The marks with the row that each one's label stands in, -1 where it finds no room."""
        ends = [0.0] * _MOST_MARK_ROWS
        found: list[tuple[TimelineMark, int]] = []
        for mark in sorted(self.chart.marks, key=lambda mark: mark.day):
            left, right = self.span(mark)
            row = next((row for row, end in enumerate(ends) if left > end), -1)
            if row >= 0:
                ends[row] = right + 6
            found.append((mark, row))
        return tuple(found)

    @cached_property
    def top(self) -> int:
        """Where the plot begins: below the labels."""
        return 8 + _MARK_ROW * (1 + max((row for _, row in self.labels), default=-1))

    @property
    def bottom(self) -> int:
        """Where the plot ends."""
        return self.top + self.plot

    @property
    def height(self) -> int:
        """The whole picture's height."""
        return self.bottom + _AXIS_HEIGHT

    @cached_property
    def days(self) -> tuple[float, float]:
        """The first and the last day."""
        days = [point.day for point in self.chart.points]
        return (min(days), max(days)) if min(days) < max(days) else (min(days) - 1, max(days) + 1)

    @cached_property
    def levels(self) -> tuple[float, float]:
        """The part of the scale that holds every mark."""
        ends = [
            value
            for point in self.chart.points
            for value in (point.value, point.lower, point.upper)
            if value is not None
        ]
        return fit_axis(ends, self.chart.unit)

    def x(self, day: float) -> float:
        """Return where a day lies."""
        low, high = self.days
        return self.left + (day - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return where a level lies."""
        low, high = self.levels
        return self.bottom - (value - low) / (high - low) * self.plot

    def label(self, mark: TimelineMark) -> str:
        """Return a mark's label as far as it fits."""
        return fit_label(mark.label, _LONGEST_LABEL)

    def span(self, mark: TimelineMark) -> tuple[float, float]:
        """Return from where to where a mark's label reaches: centred on it, but inside the picture."""
        half = measure(self.label(mark)) / 2
        middle = min(max(self.x(mark.day), half + 1), self.width - half - 1)
        return middle - half, middle + half


def draw_timeline(chart: Timeline) -> tuple[Markup, Markup]:
    """Return the chart for a wide and for a narrow page."""
    wide = _Frame(chart, "wide", 760, 52, 744, 200, 5)
    narrow = _Frame(chart, "narrow", 328, 44, 318, 170, 4)
    return _draw(wide), _draw(narrow)


def _draw(frame: _Frame) -> Markup:
    root = ET.Element(
        "svg",
        {
            "class": f"{frame.name} timeline",
            "viewBox": f"0 0 {frame.width} {frame.height}",
            "role": "group",
            "aria-label": mark_controls(frame.chart.description),
        },
    )
    _axes(root, frame)
    _marks(root, frame)
    _line(root, frame)
    _intervals(root, frame)
    _dots(root, frame)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  written by ElementTree, which escapes


def _axes(root: ET.Element, frame: _Frame) -> None:
    ticks = round_ticks(*frame.levels, frame.ticks)
    for value in ticks:
        y = frame.y(value)
        _stroke(root, "g", (frame.left, y), (frame.right, y))
        _text(root, "s", (frame.left - 7, y + 4), format_tick(value, ticks, frame.chart.unit), anchor="end")
    _stroke(root, "ax", (frame.left, frame.bottom), (frame.right, frame.bottom))
    for x, middle, text in _dates(frame):
        _stroke(root, "ax", (x, frame.bottom), (x, frame.bottom + 4))
        _text(root, "s", (middle, frame.bottom + 18), text, anchor="middle")


def _dates(frame: _Frame) -> list[tuple[float, float, str]]:
    """Return whole days, the last one first: where each lies, where its date is written, and the date; none touch."""
    first, last = (int(day) for day in frame.days)
    most = max(1, int((frame.right - frame.left) // _DATE_ROOM))
    step = max(1, -(-(last - first) // most))
    found: list[tuple[float, float, str]] = []
    for day in range(last, first - 1, -step):
        x = frame.x(day)
        middle = min(max(x, _DATE_WIDTH / 2), frame.width - _DATE_WIDTH / 2)
        if not found or found[-1][1] - middle >= _DATE_WIDTH:
            found.append((x, middle, date.fromordinal(day).isoformat()))
    return found


def _marks(root: ET.Element, frame: _Frame) -> None:
    """Draw a line for each mark, then the labels, so that no line runs through one."""
    for mark, row in frame.labels:
        x = frame.x(mark.day)
        top = frame.top - 4 if row < 0 else 6 + _MARK_ROW * (row + 1)
        _stroke(root, f"k-{mark.kind}", (x, top), (x, frame.bottom))
    for mark, row in frame.labels:
        if row >= 0:
            left, right = frame.span(mark)
            place = ((left + right) / 2, 3 + _MARK_ROW * (row + 1))
            _text(root, f"s k-{mark.kind}", place, frame.label(mark), anchor="middle")


def _line(root: ET.Element, frame: _Frame) -> None:
    """Draw the level from night to night, interrupted where a series begins and where nothing was measured."""
    path: list[str] = []
    is_drawing = False
    for point in frame.chart.points:
        if point.value is None:
            is_drawing = False
            continue
        is_drawing = is_drawing and not point.begins
        path.append(f"{'L' if is_drawing else 'M'}{frame.x(point.day):.1f} {frame.y(point.value):.1f}")
        is_drawing = True
    ET.SubElement(root, "path", {"class": "run", "d": "".join(path)})


def _intervals(root: ET.Element, frame: _Frame) -> None:
    """Draw each night's interval, or, where nights are too close for that, the band that they make."""
    known = [point for point in frame.chart.points if point.lower is not None and point.upper is not None]
    if len(known) * _ROOM_FOR_WHISKERS <= frame.right - frame.left:
        path = [f"M{frame.x(p.day):.1f} {frame.y(p.lower or 0):.1f}V{frame.y(p.upper or 0):.1f}" for p in known]
        if path:
            ET.SubElement(root, "path", {"class": "iv-line", "d": "".join(path)})
        return
    for part in _series(known):
        upper = [f"{frame.x(p.day):.1f} {frame.y(p.upper or 0):.1f}" for p in part]
        lower = [f"{frame.x(p.day):.1f} {frame.y(p.lower or 0):.1f}" for p in reversed(part)]
        band = ET.Element("path", {"class": "band", "d": f"M{'L'.join([*upper, *lower])}Z"})
        root.insert(0, band)


def _series(points: Sequence[TimelinePoint]) -> list[list[TimelinePoint]]:
    parts: list[list[TimelinePoint]] = []
    for point in points:
        if not parts or point.begins:
            parts.append([])
        parts[-1].append(point)
    return parts


def _dots(root: ET.Element, frame: _Frame) -> None:
    """Draw the nights; each leads to its run, unless there are so many that only the table can be used."""
    known = [point for point in frame.chart.points if point.value is not None]
    if len(known) > _MOST_LINKED:
        path = "".join(f"M{frame.x(p.day):.1f} {frame.y(p.value or 0):.1f}h0" for p in known)
        ET.SubElement(root, "path", {"class": "dots", "d": path})
        return
    gaps = [frame.x(after.day) - frame.x(before.day) for before, after in pairwise(known)]
    radius = f"{min(4.0, max(2.0, 0.4 * min(gaps, default=10.0))):.1f}"
    for point in known:
        parent = root
        if point.href is not None:
            said = {"href": mark_controls(point.href), "aria-label": mark_controls(point.says), "tabindex": "-1"}
            parent = ET.SubElement(root, "a", said)
        at = {"cx": f"{frame.x(point.day):.1f}", "cy": f"{frame.y(point.value or 0):.1f}", "r": radius}
        dot = ET.SubElement(parent, "circle", {"class": "m", **at})
        ET.SubElement(dot, "title").text = mark_controls(point.says)


def _stroke(root: ET.Element, style: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    (x1, y1), (x2, y2) = start, end
    places = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    ET.SubElement(root, "line", {"class": style, **places})


def _text(root: ET.Element, style: str, at: tuple[float, float], text: str, *, anchor: str) -> None:
    places = {"x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}", "text-anchor": anchor}
    ET.SubElement(root, "text", {"class": style, **places}).text = mark_controls(text)
