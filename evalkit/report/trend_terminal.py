"""A trend as a terminal shows it: sentences, a chart of characters as wide as the window, the newest nights."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.report.comparison_terminal import print_block
from evalkit.report.levels import fit_axis, format_tick, round_ticks
from evalkit.report.run_pages import RunPages
from evalkit.report.terminal import clean_text
from evalkit.report.trend_claims import claim_trend
from evalkit.report.trend_sections import happened_table, night_table
from evalkit.trend import Trend, TrendPoint

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ASCII", "UNICODE", "Glyphs", "chart_lines", "print_trends"]

_WIDTH_OF_A_PIPE = 120
_HEIGHT = 9
_NIGHTS_IN_THE_TABLE = 10
_TICKS = 4
_WIDEST_STEP = 4


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters a chart is made of."""

    dot: str
    interval: str
    setting: str
    up: str
    down: str
    event: str
    axis: str
    corner: str
    floor: str


UNICODE = Glyphs(dot="●", interval="│", setting="┊", up="▲", down="▼", event="◆", axis="┤", corner="└", floor="─")
ASCII = Glyphs(dot="o", interval="|", setting=":", up="^", down="v", event="*", axis="+", corner="+", floor="-")


def print_trends(trends: Sequence[Trend], pages: RunPages) -> None:
    """Print every trend to stdout, as wide as the terminal; in colour only where it is one."""
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    glyphs = UNICODE if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else ASCII
    for trend in trends:
        _print(console, trend, pages, glyphs)


def _print(console: "Console", trend: Trend, pages: RunPages, glyphs: Glyphs) -> None:
    console.print(clean_text(f"{trend.metric} of {trend.model}"), style="bold")
    for sentence in claim_trend(trend):
        console.print(clean_text(sentence))
    console.print()
    if trend.visible:
        for line in chart_lines(trend, console.width, glyphs):
            console.print(line, no_wrap=True, overflow="crop")
        console.print()
        if (happened := happened_table(trend)) is not None:
            print_block(console, happened)
        print_block(console, night_table(trend, pages, _NIGHTS_IN_THE_TABLE, tells_all=False))


def chart_lines(trend: Trend, width: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return the chart of the newest nights that fit into `width` columns, and a key to its marks."""
    points = list(trend.visible)
    ends = [each for point in points for each in (point.value, point.lower, point.upper) if each is not None]
    if not ends:
        return ["nothing was measured in these nights"]
    low, high = fit_axis(ends, trend.unit.value)
    ticks = {_row(tick, low, high): tick for tick in round_ticks(low, high, _TICKS)}
    labels = {row: format_tick(tick, list(ticks.values()), trend.unit.value) for row, tick in ticks.items()}
    margin = max((len(label) for label in labels.values()), default=0) + 3
    step = max(1, min(_WIDEST_STEP, (width - margin - 1) // len(points)))
    points = points[-max(1, (width - margin - 1) // step) :]
    first = len(trend.points) - len(points)
    columns = [_column(point, low, high, glyphs) for point in points]
    _draw_settings(columns, trend, first, glyphs)
    axis = [
        f"{labels.get(row, ''):>{margin - 3}} {glyphs.axis if row in labels else glyphs.interval} "
        for row in range(_HEIGHT)
    ]
    pad = " " * (step - 1)
    lines = [(axis[row] + "".join(f"{column[row]}{pad}" for column in columns)).rstrip() for row in range(_HEIGHT)]
    lines.append(" " * (margin - 2) + glyphs.corner + glyphs.floor * (len(columns) * step + 1))
    return [*lines, *_below(trend, first, (width, margin, step), glyphs)]


def _row(value: float, low: float, high: float) -> int:
    return round((high - value) / (high - low) * (_HEIGHT - 1))


def _column(point: TrendPoint, low: float, high: float, glyphs: Glyphs) -> list[str]:
    rows = [" "] * _HEIGHT
    if point.lower is not None and point.upper is not None:
        for row in range(_row(point.upper, low, high), _row(point.lower, low, high) + 1):
            rows[row] = glyphs.interval
    if point.value is not None:
        rows[_row(point.value, low, high)] = glyphs.dot
    return rows


def _draw_settings(columns: list[list[str]], trend: Trend, first: int, glyphs: Glyphs) -> None:
    """Draw a dotted line through the first night of each new series, where nothing else stands."""
    for each in trend.breaks:
        if each.place > first:
            column = columns[each.place - first]
            column[:] = [glyphs.setting if mark == " " else mark for mark in column]


def _below(trend: Trend, first: int, layout: tuple[int, int, int], glyphs: Glyphs) -> list[str]:
    """Return the row of marks, the row of dates, and the key of the marks; `layout` is width, margin and step."""
    width, margin, step = layout
    nights = len(trend.points) - first
    marks = [" "] * nights
    key: dict[str, str] = {}
    for mark in trend.marks:
        if mark.place >= first:
            marks[mark.place - first] = glyphs.event
            key[glyphs.event] = f"{glyphs.event} something happened before that night"
    for change in trend.changes:
        if change.first >= first:
            glyph = glyphs.up if change.direction == "up" else glyphs.down
            marks[change.first - first] = glyph
            key[glyph] = f"{glyph} moved {change.direction} from that night on"
    if any(each.place > first for each in trend.breaks):
        key[glyphs.setting] = f"{glyphs.setting} the series starts anew"
    lead = " " * margin
    lines = [lead + (" " * (step - 1)).join(marks).rstrip()] if any(mark != " " for mark in marks) else []
    begin, end = trend.points[first].night, trend.points[-1].night
    room = (nights - 1) * step + 1
    dates = begin if nights == 1 else f"{begin}{end:>{max(len(end) + 1, room - len(begin))}}"
    lines.append(lead + dates)
    unshown = first - trend.shown
    notes = [*key.values()] + ([f"{unshown} earlier nights do not fit here; --html has all"] if unshown else [])
    together = "   ".join(notes)
    return lines + [lead + each for each in ([together] if len(lead + together) <= width else notes) if each]
