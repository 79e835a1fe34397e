"""The outcomes: how every scoring ended, so that a reader knows what a mean leaves out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.records import PredictionOutcome, ScoreOutcome
from evalkit.report.blocks import Block, Cell, Column, Link, OutcomeStrip, Paragraph, Row, Section, StripCell, Table
from evalkit.report.escape import shorten_label
from evalkit.report.numbers import format_count, format_percent
from evalkit.report.standings import lead_outcomes, primary_metrics, read_standings
from evalkit.results import CellResult, RunResult

__all__ = ["OutcomesSection"]


@dataclass(frozen=True, slots=True)
class OutcomesSection:
    """Counts a cell, each a link; outcomes that never happened in this run have no column."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section; nothing when the run has no cell."""
        if not run.cells:
            return ()
        total: Counter[str] = Counter()
        for cell in run.cells:
            total.update(lead_outcomes(cell, primary_metrics(run)))
        shown = [str(each) for each in ScoreOutcome if each is ScoreOutcome.SCORED or total[each]]
        blocks: list[Block] = [Paragraph((_sentence(run, total),), "lead")]
        if len(shown) > 1:
            blocks.append(OutcomeStrip({outcome: total[outcome] for outcome in shown}))
        blocks.append(_table(run, shown))
        if len(shown) > 1:
            blocks.append(Paragraph((_note(run),), "note"))
        return (Section("outcomes", "Outcomes", "Outcomes", tuple(blocks)),)


def _sentence(run: RunResult, total: Mapping[str, int]) -> str:
    calls, scored = sum(total.values()), total[ScoreOutcome.SCORED]
    if scored == calls:
        return f"All {format_count(calls)} predictions were scored."
    failed: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for cell in run.cells:
        outcomes = lead_outcomes(cell, primary_metrics(run))
        asked[cell.model] += sum(outcomes.values())
        failed[cell.model] += sum(outcomes.values()) - outcomes.get(ScoreOutcome.SCORED, 0)
    said = f"{format_count(scored)} of {format_count(calls)} predictions were scored."
    most, missing = max(failed.items(), key=lambda item: (item[1], item[0]))
    if len(failed) == 1 or list(failed.values()).count(missing) > 1:
        return said
    share = f"{format_count(missing)} of {format_count(asked[most])}"
    return f"{said} {shorten_label(most)} has the most that were not: {share}."


def _table(run: RunResult, shown: Sequence[str]) -> Table:
    has_truncated = any(cell.outcomes.get(PredictionOutcome.TRUNCATED) for cell in run.cells)
    truncated = (Column("Of all, truncated", "number", outcome="truncated"),) if has_truncated else ()
    columns = (
        Column("Model"),
        *(Column(outcome.replace("_", " "), "number", outcome=outcome) for outcome in shown),
        *truncated,
        Column("Not scored", "number"),
        Column("Share not scored"),
    )
    order = {standing.model: place for place, standing in enumerate(read_standings(run))}
    worst = max(_share(run, cell) for cell in run.cells)
    rows: list[Row] = []
    for evaluation in dict.fromkeys(cell.evaluation for cell in run.cells):
        rows.append(Row((Cell(evaluation),), is_group=True))
        cells = [cell for cell in run.cells if cell.evaluation == evaluation]
        cells.sort(key=lambda cell: order.get(cell.model, len(order)))
        rows += [_row(run, cell, shown, worst, has_truncated=has_truncated) for cell in cells]
    return Table("Outcomes by evaluation and model", columns, tuple(rows), style="outcomes")


def _row(run: RunResult, cell: CellResult, shown: Sequence[str], worst: float, *, has_truncated: bool) -> Row:
    outcomes, share = lead_outcomes(cell, primary_metrics(run)), _share(run, cell)
    failed = {name: outcomes[name] for name in shown if name != ScoreOutcome.SCORED and outcomes[name]}
    counts = [_count(cell, outcome, outcomes.get(outcome, 0)) for outcome in shown]
    if has_truncated:
        counts.append(_count(cell, "truncated", cell.outcomes.get(PredictionOutcome.TRUNCATED, 0)))
    return Row(
        (
            Cell(cell.model),
            *counts,
            Cell(format_percent(share, 1) if share else "0%"),
            StripCell(failed, share / worst if worst else 0.0),
        )
    )


def _count(cell: CellResult, outcome: str, number: int) -> Cell:
    if not number:
        return Cell("0", is_dim=True)
    return Cell(Link(format_count(number), {"eval": cell.evaluation, "model": cell.model, "outcome": outcome}))


def _share(run: RunResult, cell: CellResult) -> float:
    outcomes = lead_outcomes(cell, primary_metrics(run))
    total = sum(outcomes.values())
    return 0.0 if not total else 1 - outcomes.get(ScoreOutcome.SCORED, 0) / total


def _note(run: RunResult) -> str:
    rules = {json.dumps(cell["on_error"]): cell["on_error"] for cell in run.plan["cells"]}
    said = [
        "No answer: nothing could be extracted from the reply.",
        (
            "Infra error, rejected, not run, scorer error and judge failed say nothing about the model; what they "
            "could change is the pale band of the leaderboard."
        ),
        *(_rule(rule) for rule in rules.values() if len(rules) == 1),
    ]
    if len(rules) > 1:
        said.append("What counts as 0 differs by evaluation: see on_error under Provenance.")
    scorers = {cell.evaluation: len(cell.metrics) for cell in run.cells}
    if any(number > 1 for number in scorers.values()):
        said.append("Counted by the primary scorer, else by the evaluation's first one.")
    return " ".join(said)


def _rule(on_error: Mapping[str, str]) -> str:
    own = "count as 0" if on_error["model"] == "zero" else "are left out of the mean"
    infra = "count as 0" if on_error["infra"] == "zero" else "are left out of the mean"
    return f"Refused, filtered and too long {own}; infra error, rejected and not run {infra}."
