"""The evaluations: where each model is strong, one chart a scorer, with numbers and slices folded under it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.records import Json
from evalkit.report.blocks import (
    Block,
    Cell,
    Column,
    Details,
    EvaluationBlock,
    IntervalChart,
    IntervalMark,
    Key,
    Link,
    Paragraph,
    Row,
    Section,
    Table,
)
from evalkit.report.numbers import (
    NOTHING,
    decimals,
    format_bounds,
    format_count,
    format_money,
    format_of,
    format_percent,
    half_width,
)
from evalkit.report.standings import read_standings, read_state
from evalkit.results import CellResult, MetricResult, RunResult

__all__ = ["EvaluationsSection"]

_MOST_SLICED_MODELS = 6
_MOST_SLICES = 60
_TOO_FEW = 2


@dataclass(frozen=True, slots=True)
class EvaluationsSection:
    """Every scorer of every evaluation, models in leaderboard order."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section; nothing when the run has no cell."""
        if not run.cells:
            return ()
        order = {standing.model: place for place, standing in enumerate(read_standings(run))}
        tied = {standing.model for standing in read_standings(run) if standing.band == 1}
        parts: list[Block] = []
        for evaluation in dict.fromkeys(cell.evaluation for cell in run.cells):
            cells = [cell for cell in run.cells if cell.evaluation == evaluation]
            cells.sort(key=lambda cell: order.get(cell.model, len(order)))
            parts += [_block(run, cells, scorer, tied) for scorer in cells[0].metrics]
        confidence = format_percent(next(metric.confidence for cell in run.cells for metric in cell.metrics.values()))
        lead = Paragraph(("In leaderboard order. Each axis fits its own data and does not start at zero.",), "lead")
        return (Section("evaluations", "Evaluations", "Evaluations", (lead, _key(run, confidence), *parts)),)


def _key(run: RunResult, confidence: str) -> Key:
    state, standings = read_state(run), read_standings(run)
    if state == "empty":
        return Key(confidence, "", "score")
    if state == "one_model":
        return Key(confidence, "score", "")
    best = sum(standing.band == 1 for standing in standings)
    first = "first on the leaderboard" if best == 1 else "tied for first on the leaderboard"
    return Key(confidence, first, "other models" if best < len(standings) else "")


def _block(run: RunResult, cells: Sequence[CellResult], scorer: str, tied: set[str]) -> EvaluationBlock:
    evaluation = cells[0].evaluation
    metrics = [cell.metrics[scorer] for cell in cells]
    marks = tuple(_mark(cell, cell.metrics[scorer], is_tied=cell.model in tied) for cell in cells)
    least, most = min(metric.n for metric in metrics), max(metric.n for metric in metrics)
    n = format_count(most) if least == most else f"{format_count(least)} to {format_count(most)}"
    spec: Mapping[str, Json] = run.plan["scorers"][scorer]
    better = "" if spec["higher_is_better"] else " Lower is better."
    tables: list[Block] = [_numbers(cells, scorer)]
    if any(metric.slices for metric in metrics):
        tables.append(_slices(cells, scorer))
    return EvaluationBlock(
        evaluation,
        scorer,
        (
            Paragraph((f"Scored by {spec['use']}, {spec['kind']}.{better} n = {n}. ",)),
            Paragraph((Link("Open samples", {"eval": evaluation}),)),
        ),
        IntervalChart(marks, f"{evaluation}.{scorer}: score and interval by model; the table below holds the numbers"),
        Details("Numbers and slices" if len(tables) > 1 else "Numbers", tuple(tables)),
    )


def _mark(cell: CellResult, metric: MetricResult, *, is_tied: bool) -> IntervalMark:
    places = decimals(half_width(metric.lower, metric.upper))
    if metric.mean is None:
        return IntervalMark(cell.model, "no score", "", None, None, None, None, None, is_tied)
    if metric.n < _TOO_FEW or metric.lower is None:
        return IntervalMark(cell.model, format_percent(metric.mean), "", metric.mean, None, None, None, None, is_tied)
    return IntervalMark(
        cell.model,
        format_percent(metric.mean, places),
        format_bounds(metric.lower, metric.upper, places),
        metric.mean,
        metric.lower,
        metric.upper,
        metric.worst,
        metric.best,
        is_tied,
    )


def _numbers(cells: Sequence[CellResult], scorer: str) -> Table:
    columns = (
        Column("Model"),
        Column("Mean", "number"),
        Column("Interval", "number"),
        Column("n", "number"),
        Column("Excluded all wrong, all right", "number"),
        Column("Cost", "number"),
    )
    rows = tuple(_number_row(cell, cell.metrics[scorer]) for cell in cells)
    return Table(f"Numbers of {cells[0].evaluation}.{scorer}", columns, rows)


def _number_row(cell: CellResult, metric: MetricResult) -> Row:
    places = decimals(half_width(metric.lower, metric.upper))
    if metric.mean is None:
        score, bounds, open_span = Cell("no score", is_dim=True), NOTHING, NOTHING
    else:
        score = Cell(format_percent(metric.mean, places))
        bounds = format_bounds(metric.lower, metric.upper, places) if metric.n >= _TOO_FEW else NOTHING
        open_span = format_bounds(metric.worst, metric.best, places)
    return Row(
        (
            Cell(cell.model),
            score,
            Cell(bounds),
            Cell(format_of(metric.n, cell.samples)),
            Cell(open_span),
            Cell(_cost(cell), is_dim=cell.cost_usd is None),
        )
    )


def _cost(cell: CellResult) -> str:
    is_untold = cell.cost_usd is None and cell.price_source is not None
    return "unknown" if is_untold else format_money(cell.cost_usd)


def _slices(cells: Sequence[CellResult], scorer: str) -> Table:
    shown = cells[:_MOST_SLICED_MODELS]
    evaluation = cells[0].evaluation
    pairs = list(dict.fromkeys((key, value) for cell in shown for key, value in _pairs(cell.metrics[scorer])))
    columns = (Column("Slice"), *(Column(cell.model, "number") for cell in shown))
    rows = tuple(
        Row(
            (
                Cell(Link(f"{key} {value}", {"eval": evaluation, "slice": f"{key}={value}"})),
                *(_slice_cell(cell.metrics[scorer].slices.get(key, {}).get(value)) for cell in shown),
            )
        )
        for key, value in pairs[:_MOST_SLICES]
    )
    notes = [f"{evaluation}.{scorer} by slice, exploratory: intervals are not adjusted for the number of slices."]
    if len(cells) > len(shown):
        notes.append(f"The first {len(shown)} of {len(cells)} models.")
    if len(pairs) > len(rows):
        notes.append(f"The first {len(rows)} of {format_count(len(pairs))} slices; run.json has all.")
    return Table(" ".join(notes), columns, rows, is_caption_shown=True)


def _pairs(metric: MetricResult) -> list[tuple[str, str]]:
    return [(key, value) for key, by_value in metric.slices.items() for value in by_value]


def _slice_cell(found: Mapping[str, Json] | None) -> Cell:
    if found is None or found["mean"] is None:
        return Cell(NOTHING, is_dim=True)
    if found["lower"] is None or found["n"] < _TOO_FEW:
        return Cell(format_percent(found["mean"]), f"n = {format_count(found['n'])}")
    bounds = format_bounds(found["lower"], found["upper"], 0)
    return Cell(format_percent(found["mean"]), f"{bounds}, n = {format_count(found['n'])}")
