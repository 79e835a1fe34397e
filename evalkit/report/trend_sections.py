"""Trends as blocks: for each, its sentences, its timeline, what happened, and the table of its nights."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from evalkit.report.blocks import Cell, Column, Details, Paragraph, Row, Section, Table
from evalkit.report.numbers import NOTHING, decimals, format_of, format_points, format_points_range, half_width, plural
from evalkit.report.run_pages import RunPages
from evalkit.report.timeline import Timeline, TimelineMark, TimelinePoint
from evalkit.report.trend_claims import claim_change, claim_trend, say_interval, say_level
from evalkit.trend import Trend, TrendPoint

__all__ = ["build_trend", "build_trends", "happened_table", "night_table"]

_LABELS = {"baseline": "new baseline", "served": "other served model"}


def build_trends(trends: Sequence[Trend], pages: RunPages) -> tuple[Section, ...]:
    """Return one section for each trend, in their order."""
    several = len({trend.metric for trend in trends}) > 1
    return tuple(
        build_trend(trend, pages, place=place, title=f"{trend.metric} of {trend.model}" if several else trend.model)
        for place, trend in enumerate(trends, 1)
    )


def build_trend(trend: Trend, pages: RunPages, *, place: int, title: str) -> Section:
    """Return the section of one trend."""
    blocks = [Paragraph((" ".join(claim_trend(trend)),), "lead")]
    if trend.visible:
        happened = happened_table(trend)
        blocks = [
            *blocks,
            _timeline(trend, pages),
            *([] if happened is None else [happened]),
            Details(f"All {plural(len(trend.visible), 'night')}", (night_table(trend, pages, len(trend.visible)),)),
        ]
    return Section(id=f"trend-{place}", nav=title, title=title, blocks=tuple(blocks))


def _happenings(trend: Trend) -> dict[int, list[str]]:
    """Return what happened before each shown point, by place, in words."""
    found: dict[int, list[str]] = {}
    for each in trend.breaks:
        found.setdefault(each.place, []).append(f"the series starts anew: {'; '.join(each.changes)}")
    for mark in trend.marks:
        found.setdefault(mark.place, []).append(mark.text)
    for place, reason in trend.gaps.items():
        found.setdefault(place, []).append(f"the drift rule passes it over: {reason}")
    for change in trend.changes:
        found.setdefault(change.first, []).append(claim_change(trend, change))
    return {place: found[place] for place in sorted(found) if place >= trend.shown}


def night_table(trend: Trend, pages: RunPages, most: int, *, tells_all: bool = True) -> Table:
    """Return the newest nights as a table, the newest first; what happened stands in it where it `tells_all`."""
    happened = _happenings(trend)
    columns = [Column("Night"), Column("Level", "number")]
    if trend.is_watched:
        confidence = f"{trend.confidence or 0:.0%}"
        columns += [
            Column(f"{confidence} interval", "number", short="interval"),
            Column("n", "number"),
            Column("Points from its reference night", "number", short="points from reference"),
        ]
    columns += [*([Column("What happened")] if tells_all else []), Column("Run")]
    places = range(len(trend.points) - 1, max(trend.shown, len(trend.points) - most) - 1, -1)
    rows = [_row(trend, place, pages, happened if tells_all else None) for place in places]
    return Table(f"{trend.metric} of {trend.model} by night", tuple(columns), tuple(rows))


def _row(trend: Trend, place: int, pages: RunPages, happened: Mapping[int, Sequence[str]] | None) -> Row:
    point = trend.points[place]
    cells = [Cell(point.night, "run by hand" if point.kind == "run" else ""), Cell(say_level(point, trend.unit))]
    if trend.is_watched:
        cells += [Cell(say_interval(point) or NOTHING), Cell(format_of(point.n, point.samples)), _difference(point)]
    cells += [] if happened is None else [Cell("; ".join(happened.get(place, ())))]
    cells += [Cell(pages.link(point.run_id, point.folder), pages.missing.get(point.run_id, ""))]
    return Row(tuple(cells))


def _difference(point: TrendPoint) -> Cell:
    places = decimals(half_width(point.difference_lower, point.difference_upper))
    bounds = format_points_range(point.difference_lower, point.difference_upper, places)
    return Cell(format_points(point.difference, places), "" if point.difference_lower is None else bounds)


def happened_table(trend: Trend) -> Table | None:
    """Return what happened between the shown nights; None where nothing did."""
    rows = [
        Row((Cell(trend.points[place].night), Cell(text)))
        for place, texts in _happenings(trend).items()
        for text in texts
    ]
    if not rows:
        return None
    columns = (Column("Before night"), Column("What happened"))
    return Table(f"What happened to {trend.metric} of {trend.model}", columns, tuple(rows), is_caption_shown=True)


def _timeline(trend: Trend, pages: RunPages) -> Timeline:
    begins = {each.place for each in trend.breaks}
    days = _days(trend.points)
    shown = range(trend.shown, len(trend.points))
    points = [
        TimelinePoint(
            day=days[place],
            night=trend.points[place].night,
            value=trend.points[place].value,
            lower=trend.points[place].lower,
            upper=trend.points[place].upper,
            says=_said(trend, trend.points[place]),
            href=pages.href(trend.points[place].run_id, trend.points[place].folder),
            begins=place in begins,
        )
        for place in shown
    ]
    confidence = "" if trend.confidence is None else f" with {trend.confidence:.0%} intervals"
    leads = " A dot leads to its run's report." if any(point.href for point in points) else ""
    joins = " The line joins nights of one series only." if trend.breaks else ""
    return Timeline(
        points=tuple(points),
        marks=tuple(_marks(trend, days)),
        unit=trend.unit.value,
        description=(
            f"{trend.metric} of {trend.model} over {plural(len(points), 'night')}{confidence}; the numbers are in the"
            f" table of all nights below."
        ),
        caption=f"Each dot is a night{confidence}; the axis fits the data.{leads}{joins}",
    )


def _marks(trend: Trend, days: Sequence[float]) -> list[TimelineMark]:
    def between(place: int) -> float:
        return (days[place - 1] + days[place]) / 2 if place > trend.shown else days[place]

    settings = [(each.place, "setting", "new setting") for each in trend.breaks]
    events = [(mark.place, "event", _LABELS.get(mark.kind) or mark.text) for mark in trend.marks]
    moves = [(change.first, "moved", f"moved {change.direction}") for change in trend.changes]
    shown = range(trend.shown, len(trend.points))
    return [
        TimelineMark(between(place), kind, label)
        for place, kind, label in (*settings, *events, *moves)
        if place in shown
    ]


def _said(trend: Trend, point: TrendPoint) -> str:
    interval = say_interval(point)
    return f"{point.night}: {say_level(point, trend.unit)}{f', {interval}' if interval else ''}"


def _days(points: Sequence[TrendPoint]) -> list[float]:
    """Return each point's place in time, in days; several of one night share it out among them."""
    shares, seen = Counter(point.night for point in points), Counter[str]()
    found: list[float] = []
    for point in points:
        found.append(date.fromisoformat(point.night).toordinal() + seen[point.night] / shares[point.night])
        seen[point.night] += 1
    return found
