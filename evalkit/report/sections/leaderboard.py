"""The leaderboard: which model, with the range of ranks that the data supports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.board_plan import read_board
from evalkit.records import Json
from evalkit.reference_rows import REFERENCES
from evalkit.report.blocks import (
    Block,
    Cell,
    Column,
    Inline,
    IntervalCell,
    Link,
    Paragraph,
    Row,
    Section,
    Strong,
    Table,
)
from evalkit.report.claims import claim_noise, claim_part, claim_ranking, claim_tie, list_names
from evalkit.report.numbers import (
    AT_LEAST,
    NOTHING,
    decimals,
    format_bounds,
    format_count,
    format_duration,
    format_money,
    format_of,
    format_percent,
    format_tokens,
    half_width,
    plural,
)
from evalkit.report.pair_table import fold_pairs
from evalkit.report.scores import build_score_table, reference_scores
from evalkit.report.standings import (
    Spending,
    Standing,
    count_failed,
    primary_metrics,
    read_standings,
    read_state,
)
from evalkit.results import RunResult

__all__ = ["LeaderboardSection", "fit_axis", "format_rank"]

_TOO_FEW = 2
_MOST_METRICS = 4


@dataclass(frozen=True, slots=True)
class LeaderboardSection:
    """The statement in words, the table with its intervals, and every paired difference folded under it."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section; nothing when the run has no model on its board."""
        standings = read_standings(run)
        if not standings:
            return ()
        blocks: list[Block] = [Paragraph(_lead(run), "lead")]
        if (tie := claim_tie(run)) is not None:
            blocks.append(Paragraph((Strong(tie[0]), f" {tie[1]}"), "tie"))
        blocks += [_board(standings), Paragraph((_note(run, standings),), "note")]
        blocks += [*(build_score_table(run) or ()), *_references(run)]
        if run.pairs and read_state(run) != "unpaired":
            blocks.append(fold_pairs(run.pairs))
        return (Section("leaderboard", "Leaderboard", "Leaderboard", tuple(blocks)),)


def format_rank(rank: tuple[int, int] | None) -> str:
    """Return a range of ranks; one number where the data supports one."""
    if rank is None:
        return NOTHING
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}{NOTHING}{rank[1]}"


def fit_axis(cells: Sequence[IntervalCell]) -> tuple[float, float] | None:
    """Return the part of [0, 1] that holds every mark with some room; None where nothing was measured."""
    marks = [mark for cell in cells for mark in (cell.value, cell.lower, cell.upper, cell.worst, cell.best)]
    known = [mark for mark in marks if mark is not None]
    if not known:
        return None
    room = max(0.01, 0.06 * (max(known) - min(known)))
    return (max(0.0, min(known) - room), min(1.0, max(known) + room))


def _lead(run: RunResult) -> tuple[Inline, ...]:
    rank = "A rank is the range the data supports." if len(run.leaderboard) > 1 else "One model, so no ranking."
    spec: Mapping[str, Json] = run.plan["scorers"][read_board(run).ranking_scorer]
    better = "" if spec["higher_is_better"] else " Lower is better."
    return (f"{claim_ranking(run)}{better} {rank}",)


def _board(standings: Sequence[Standing]) -> Table:
    drawings = [_drawing(standing) for standing in standings]
    columns = (
        Column("Rank", "rank"),
        Column("Model"),
        Column("Score and interval, drawn", "drawing", axis=fit_axis(drawings)),
        Column("Score", "number"),
        Column("n", "number"),
        Column("Not scored", "number"),
        Column("Latency p50 / p95", "number"),
        Column("Tokens", "number"),
        Column("Cost", "number"),
    )
    bands = [standing.band for standing in standings]
    rows = tuple(
        Row(
            _cells(standing, drawing),
            band=standing.band,
            is_last_of_band=place + 1 < len(bands) and bands[place + 1] != standing.band,
        )
        for place, (standing, drawing) in enumerate(zip(standings, drawings, strict=True))
    )
    caption = "Models with rank interval, score, failures, latency, tokens and cost"
    return Table(caption, columns, rows, head=1, style="leaderboard")


def _references(run: RunResult) -> tuple[Block, ...]:
    """Return the answers that no model gave, apart from the models: they have no rank."""
    found = reference_scores(run)
    if not found:
        return ()
    shown = list(dict.fromkeys((run.primary or "", *read_board(run).columns)))
    metrics = [name for name in shown if any(name in means for means in found.values())][:_MOST_METRICS]
    rows = tuple(
        Row((Cell(name, said), *(_reference(found[name].get(metric)) for metric in metrics)))
        for name, said in REFERENCES.items()
        if name in found
    )
    columns = (Column("Reference, not ranked"), *(Column(metric, "number") for metric in metrics))
    part = claim_part((each["n"], each["samples"]) for each in run.references)
    note = f"For scale: answers that no model gave, by the same scorers; never ranked{part}."
    return (Paragraph((note,), "note"), Table("Scores of answers that no model gave", columns, rows, head=0))


def _reference(found: tuple[float, int, int] | None) -> Cell:
    return Cell(NOTHING, is_dim=True) if found is None else Cell(format_percent(found[0], 1))


def _drawing(standing: Standing) -> IntervalCell:
    metric = standing.metric
    if metric is None or metric.mean is None:
        return IntervalCell(None)
    if metric.n < _TOO_FEW:
        return IntervalCell(metric.mean)
    return IntervalCell(metric.mean, metric.lower, metric.upper, metric.worst, metric.best)


def _cells(standing: Standing, drawing: IntervalCell) -> tuple[Cell | IntervalCell, ...]:
    spending = standing.spending
    return (
        Cell(format_rank(standing.rank), is_dim=standing.rank is None),
        Cell(standing.model, standing.model_id, is_second_code=True),
        drawing,
        _score(standing),
        _count(standing),
        _not_scored(standing),
        _latency(standing.latency_s),
        _tokens(spending),
        _cost(spending),
    )


def _cost(spending: Spending) -> Cell:
    if spending.cost_per_sample is not None:
        per_thousand = f"{format_money(1000 * spending.cost_per_sample)} per 1,000"
        return Cell(format_money(spending.cost_usd), per_thousand)
    if spending.without_usage:
        return Cell("unknown", f"{plural(spending.without_usage, 'call')} without tokens", is_dim=True)
    return Cell(format_money(None), is_dim=True)


def _score(standing: Standing) -> Cell:
    metric = standing.metric
    if metric is None or metric.mean is None:
        why = f"no score on {list_names(standing.missing, 1)}" if standing.missing else "no score"
        return Cell(NOTHING, why, is_dim=True)
    if metric.lower is None or metric.upper is None or metric.n < _TOO_FEW:
        return Cell(format_percent(metric.mean), "too few for an interval")
    places = decimals(half_width(metric.lower, metric.upper))
    return Cell(format_percent(metric.mean, places), format_bounds(metric.lower, metric.upper, places))


def _count(standing: Standing) -> Cell:
    if standing.metric is None:
        return Cell(NOTHING, is_dim=True)
    n, samples = standing.metric.n, standing.samples
    return Cell(format_count(n), "" if n == samples else f"of {format_count(samples)}", joined=format_of(n, samples))


def _not_scored(standing: Standing) -> Cell:
    if standing.metric is None:
        return Cell(NOTHING, is_dim=True)
    own, other = count_failed(standing.metric.outcomes)
    if not own + other:
        return Cell("0")
    filters = {"model": standing.model, "outcome": "failed"}
    if standing.evaluation is not None:
        filters["eval"] = standing.evaluation
    return Cell(Link(format_count(own + other), filters), f"{format_count(own)} model, {format_count(other)} other")


def _latency(latency: Mapping[str, float | None]) -> Cell:
    p50, p95 = latency.get("p50"), latency.get("p95")
    joined = f"{format_duration(p50)} / {format_duration(p95)}"
    second = "" if p50 is None else "not bounded" if p95 is None else format_duration(p95)
    return Cell(format_duration(p50), second, joined=joined)


def _tokens(spending: Spending) -> Cell:
    if spending.untold and not spending.input_tokens + spending.output_tokens:
        return Cell("unknown", f"{plural(spending.untold, 'call')} without tokens", is_dim=True)
    least = AT_LEAST if spending.untold else ""
    spent = f"{least}{format_tokens(spending.input_tokens)} in", f"{least}{format_tokens(spending.output_tokens)} out"
    return Cell(*spent, joined=", ".join(spent))


def _note(run: RunResult, standings: Sequence[Standing]) -> str:
    confidence = next((format_percent(each.metric.confidence) for each in standings if each.metric is not None), "")
    said = [
        f"Line: {confidence} interval. Pale band: the score if every sample outside the mean were wrong, or right.",
        "Not scored, n and latency are those of the primary metric; tokens and cost are over all evaluations.",
    ]
    if len(primary_metrics(run)) > 1:
        said[1] = (
            f"Not scored and n are over all metrics of {run.primary}, latency is that of its slowest evaluation; "
            "tokens and cost are over all evaluations."
        )
    if read_state(run) in ("ahead", "tied"):
        said.insert(
            1,
            "Blue: not distinguishable from the best, by paired tests on the same samples, "
            f"Holm over {plural(len(run.pairs), 'pair')}. Two overlapping lines say nothing about a difference.",
        )
    return " ".join([*said, *(claim_noise(run) or ("Re-run noise: unknown with these trials.",))])
