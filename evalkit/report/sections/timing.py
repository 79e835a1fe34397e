"""The time: what the endpoint took, and what went into waiting for a permit and backing off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.report.blocks import Block, Cell, Column, Details, Paragraph, Row, Section, Table
from evalkit.report.numbers import NOTHING, format_count, format_duration, format_percent, plural
from evalkit.report.standings import read_standings
from evalkit.results import CellResult, RunResult

__all__ = ["TimingSection"]

_NOTE = (
    "Latency is the answering attempt alone: waiting and failed attempts are no part of it. Queue: for a permit of the "
    "throttle. Back-off: between attempts. First byte: until the reply's headers."
)
_STREAMED = " First token: until the first piece of a streamed answer."


@dataclass(frozen=True, slots=True)
class TimingSection:
    """One sentence on where the time of the answered calls went, and every cell's numbers folded under it."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section; nothing when no answered call was timed."""
        cells = [cell for cell in run.cells if cell.timing_s and cell.latency_s.get("n")]
        if not cells:
            return ()
        order = {standing.model: place for place, standing in enumerate(read_standings(run))}
        cells.sort(key=lambda cell: order.get(cell.model, len(order)))
        streamed = any(cell.timing_s["first_token"]["n"] for cell in cells)
        details = Details(
            "Times by evaluation and model",
            (_table(run, cells, streamed=streamed), Paragraph((_NOTE + _STREAMED * streamed,), "note")),
        )
        return (Section("time", "Time", "Where the time went", (Paragraph((_sentence(cells),), "lead"), details)),)


def _sentence(cells: Sequence[CellResult]) -> str:
    served = sum(_total(cell.latency_s) for cell in cells)
    queued = sum(_total(cell.timing_s["queue"]) for cell in cells)
    backed_off = sum(_total(cell.timing_s["backoff"]) for cell in cells)
    whole = served + queued + backed_off
    shares = [format_percent(part / whole if whole else 0.0) for part in (served, queued, backed_off)]
    calls = sum(cell.usage.get("requests", 0) for cell in cells)
    sent, retried = (sum(cell.attempts.get(name, 0) for cell in cells) for name in ("sent", "retried"))
    said = (
        f"{'Failed attempts apart, ' if retried else ''}{shares[0]} of the time of answered calls was the answering "
        f"attempt's, {shares[1]} went into waiting for a permit and {shares[2]} into backing off."
    )
    if not retried:
        return f"{said} No call had to be asked again."
    return (
        f"{said} {plural(retried, 'call')} of {format_count(calls)} had to be asked again: {plural(sent, 'request')}."
    )


def _total(seconds: Mapping[str, float | None]) -> float:
    return (seconds.get("mean") or 0.0) * (seconds.get("n") or 0.0)


def _table(run: RunResult, cells: Sequence[CellResult], *, streamed: bool) -> Table:
    titles = ["Latency p50 / p95", "First byte p50", "Queue p50 / p95", "Back-off mean", "Attempts"]
    if streamed:
        titles.insert(2, "First token p50")
    columns = (Column("Model"), *(Column(title, "number") for title in titles))
    rows: list[Row] = []
    for evaluation in dict.fromkeys(cell.evaluation for cell in run.cells):
        asked = [cell for cell in cells if cell.evaluation == evaluation]
        rows += [Row((Cell(evaluation),), is_group=True)] if asked else []
        rows += [_row(cell, streamed=streamed) for cell in asked]
    return Table("Times by evaluation and model", columns, tuple(rows), style="outcomes")


def _row(cell: CellResult, *, streamed: bool) -> Row:
    timing, sent, retried = cell.timing_s, cell.attempts.get("sent", 0), cell.attempts.get("retried", 0)
    attempts = Cell(format_count(sent), f"{plural(retried, 'call')} again" if retried else "")
    shown = [_pair(cell.latency_s), _single(timing["first_byte"]["p50"]), _pair(timing["queue"])]
    if streamed:
        shown.insert(2, _single(timing["first_token"]["p50"]))
    return Row((Cell(cell.model), *shown, _single(timing["backoff"]["mean"]), attempts))


def _pair(seconds: Mapping[str, float | None]) -> Cell:
    p50, p95 = seconds.get("p50"), seconds.get("p95")
    second = "" if p50 is None else "not bounded" if p95 is None else format_duration(p95)
    return Cell(
        format_duration(p50), second, is_dim=p50 is None, joined=f"{format_duration(p50)} / {second or NOTHING}"
    )


def _single(seconds: float | None) -> Cell:
    return Cell(format_duration(seconds), is_dim=seconds is None)
