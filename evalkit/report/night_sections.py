"""A night as blocks: the answer, what moved and why, new failures side by side, every metric, and what it rests on."""

from collections.abc import Sequence

from evalkit.drift_parts import ChangePart
from evalkit.night_result import MetricNight, NightResult
from evalkit.report.blocks import Block, Cell, Column, Paragraph, Row, RunLine, Section, Table, Verdict
from evalkit.report.claims import claim_tie
from evalkit.report.inline import Inline, PageLink
from evalkit.report.night_claims import claim_night, claim_spending
from evalkit.report.night_metric_claims import claim_metric, claim_move, claim_standing, say_against, worse_way
from evalkit.report.numbers import (
    NOTHING,
    decimals,
    format_bounds,
    format_of,
    format_p,
    format_percent,
    format_points,
    format_points_range,
    half_width,
)
from evalkit.report.run_pages import RunPages
from evalkit.report.split_claims import CAUSE_TITLES, sign_text
from evalkit.report.trend_claims import claim_alarm
from evalkit.report.trend_sections import build_trend

__all__ = ["build_night"]

_SHOWN_STANDING = 5
_COMPARED = ("the night before", "the median of the last seven nights", "the baseline")
_TITLES = {"the night before": "Night before", "the median of the last seven nights": "Median of 7"}


def build_night(
    result: NightResult, pages: RunPages, failures: Sequence[Block] = (), alerts: Sequence[str] = ()
) -> tuple[Section, ...]:
    """Return the sections of a night's report; `failures` are samples that newly fail, `alerts` who was told what."""
    parts = (
        ("shifts", "Else", "What else changed since the night before", _shifts(result)),
        ("failures", "New failures", "Samples that newly fail", tuple(failures)),
        ("metrics", "Metrics", "Every metric", _metrics(result)),
        ("board", "Board", "The models against each other", _board(result)),
        ("gate", "Gate", "The gate", tuple(Paragraph((str(check["line"]),)) for check in result.checks)),
        ("catalog", "Models", "The endpoints' lists of models", _lines(result.catalog)),
        ("notes", "Notes", "Notes", _lines((*result.notes, *alerts))),
    )
    sections = [Section(name, nav, title, blocks) for name, nav, title, blocks in parts if blocks]
    return (_verdict(result, pages), *_moved(result, pages), *_still(result, pages), *sections)


def _verdict(result: NightResult, pages: RunPages) -> Section:
    kind, word, headline, detail = claim_night(result)
    codes = () if result.run is None else (f"run {result.run.run_id}",)
    blocks: list[Block] = [
        RunLine((result.name, f"night of {result.night}"), codes),
        Verdict(kind, word, headline, detail),
    ]
    if spent := claim_spending(result):
        blocks.append(Paragraph((spent,), "note"))
    if result.metrics:
        point = result.metrics[0].trend.points[-1]
        address = pages.href(point.run_id, point.folder)
        if address is not None:
            blocks.append(Paragraph((PageLink("The report of this run", address),), "note"))
    return Section("verdict", "Night", "", tuple(blocks))


def _moved(result: NightResult, pages: RunPages) -> tuple[Section, ...]:
    """Return a section for each metric that moved: that it did and why, its parts, its nights."""
    sections: list[Section] = []
    headline = claim_night(result)[2]
    for place, metric in enumerate(result.moved, 1):
        trend = build_trend(metric.trend, pages, place=place, title=metric.title)
        is_said = metric.found_tonight is not None and claim_move(metric) in headline
        inner: list[Block] = [Paragraph((" ".join(claim_metric(metric)[is_said:]),), "lead")]
        if metric.split is not None and metric.split.parts:
            inner.append(_parts(metric))
        title = f"{metric.title}: what moved, and why"
        sections.append(Section(f"moved-{place}", "Moved" if place == 1 else "", title, (*inner, *trend.blocks[1:])))
    return tuple(sections)


def _still(result: NightResult, pages: RunPages) -> tuple[Section, ...]:
    """Return a section with the nights of each metric that moved before and is not back, the first few of them."""
    sections: list[Section] = []
    headline = claim_night(result)[2]
    for place, metric in enumerate(result.standing[:_SHOWN_STANDING], 1):
        trend = build_trend(metric.trend, pages, place=len(result.moved) + place, title=metric.title)
        said = claim_standing(metric)
        lead = () if said in headline else (Paragraph((said,), "lead"),)
        title = f"{metric.title}: its nights"
        sections.append(Section(f"still-{place}", "Still" if place == 1 else "", title, (*lead, *trend.blocks[1:])))
    return tuple(sections)


def _shifts(result: NightResult) -> tuple[Block, ...]:
    return _lines([f"{shift.text[:1].upper()}{shift.text[1:]}." for shift in result.shifts])


def _board(result: NightResult) -> tuple[Block, ...]:
    tie = None if result.run is None or not result.metrics else claim_tie(result.run)
    return () if tie is None else (Paragraph((" ".join(tie),), "note"),)


def _parts(metric: MetricNight) -> Table:
    """Return the change in its parts, which add up to it."""
    split = metric.split
    assert split is not None
    rows = [Row((Cell(CAUSE_TITLES[part.cause]), *_part_cells(part))) for part in split.parts]
    before, after = (format_percent(mean, 1) for mean in (split.before, split.after))
    total = Cell(format_points(split.total))
    whole = (Cell("the whole change", f"{before} → {after}"), total, Cell(NOTHING), Cell(NOTHING), Cell(""))
    rows.append(Row(whole))
    columns = (
        Column("Part"),
        Column("Change, points", "number", short="change"),
        Column("Interval, points", "number", short="interval"),
        Column("p", "number"),
        Column("Samples", "number", short="n"),
    )
    signs = f"; {', '.join(map(sign_text, split.signs))}" if split.signs else ""
    means = f" (means of {split.nights} nights on either side)" if split.nights > 1 else ""
    return Table(f"The change since {metric.since}{means} in parts that add up to it{signs}", columns, tuple(rows))


def _part_cells(part: ChangePart) -> tuple[Cell, ...]:
    places = max(1, decimals(half_width(part.lower, part.upper)))
    bounds = NOTHING if part.lower is None else format_points_range(part.lower, part.upper, places)
    estimate = format_points(part.estimate, places) if part.n else NOTHING
    p = NOTHING if part.p_adjusted is None else format_p(part.p_adjusted)
    return Cell(estimate), Cell(bounds), Cell(p), Cell(f"{part.n:,}")


def _metrics(result: NightResult) -> tuple[Block, ...]:
    if not result.metrics:
        return ()
    present = {against.what for metric in result.metrics for against in metric.against}
    compared = [what for what in _COMPARED if what in present]
    columns = (
        Column("Metric"),
        Column("Tonight", "number"),
        *(Column(_TITLES.get(what, "Baseline"), "number") for what in compared),
        Column("Scored", "number"),
        Column("State"),
    )
    rows = tuple(_metric_row(metric, compared) for metric in result.metrics)
    aside = list(dict.fromkeys(metric.set_aside for metric in result.metrics if metric.set_aside))
    watched = result.metrics[0].trend.watched
    said = "Differences are tonight minus the other night, in points, on the samples that pair."
    alarm = [claim_alarm(watched)] if watched > 1 else []
    return Paragraph((" ".join((said, *aside, *alarm)),), "note"), Table("Every metric tonight", columns, rows)


def _metric_row(metric: MetricNight, compared: Sequence[str]) -> Row:
    point = metric.tonight
    places = decimals(half_width(point.lower, point.upper))
    against = {each.what: each for each in metric.against}
    told = [say_against(against.get(what)) for what in compared]
    return Row(
        (
            Cell(point.name, point.model),
            Cell(format_percent(point.mean, places), format_bounds(point.lower, point.upper, places)),
            *(Cell(value, second, is_dim=value == NOTHING) for value, second in told),
            Cell(format_of(point.n, point.samples)),
            Cell(_state(metric)),
        )
    )


def _state(metric: MetricNight) -> Inline:
    change = metric.found_tonight
    if change is not None:
        return f"moved {change.direction}"
    if metric.has_moved:
        return "changed"
    if metric.standing is not None:
        state = "settled" if metric.standing.is_settled else "still"
        return f"{state} {worse_way(metric)} since {metric.standing.since}"
    return "learning" if metric.is_learning else "steady"


def _lines(sentences: Sequence[str]) -> tuple[Block, ...]:
    return tuple(Paragraph((sentence,)) for sentence in sentences)
