"""The judges: which models graded answers, how often they gave no verdict, and how far they are to be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.records import Json
from evalkit.report.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from evalkit.report.judge_claims import agreement_text, claim_judges, format_cost
from evalkit.report.numbers import NOTHING, format_count, format_duration, format_percent
from evalkit.results import RunResult

__all__ = ["JudgesSection"]

_NOTE = (
    "No verdict: the reply states none that is allowed, also after the judge was asked once more. Votes agree: the "
    "share of pairs of votes on one answer that are equal. Anchors: answers graded beforehand; a judge that agrees "
    "with fewer of them than its bound decides no gate rule. Served: the models that the endpoint says have answered."
)


@dataclass(frozen=True, slots=True)
class JudgesSection:
    """A sentence and a row for each judge."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section; nothing when no model judged."""
        if not run.judges:
            return ()
        lead = Paragraph((" ".join(claim_judges(run)),), "lead")
        titles = ("Calls", "No verdict", "Not asked", "Asked again", "Votes agree", "Latency p50", "Cost")
        columns = (
            Column("Judge"),
            Column("Scorer"),
            *(Column(each, "number") for each in titles),
            Column("Anchors"),
            Column("Served"),
        )
        table = Table("Judges", columns, tuple(_row(judge) for judge in run.judges))
        return (Section("judges", "Judges", "Judges", (lead, table, Paragraph((_NOTE,), "note"))),)


def _row(judge: Mapping[str, Json]) -> Row:
    failed: Mapping[str, int] = judge["failed"]
    agreement, anchors = judge["vote_agreement"], judge["anchors"]
    served: list[str] = judge["served_models"]
    votes = f"{judge['votes']} votes" if judge["votes"] > 1 else ""
    return Row(
        (
            Cell(judge["model"], judge["model_id"] if judge["model_id"] != judge["model"] else "", is_second_code=True),
            Cell(judge["scorer"], votes),
            Cell(format_count(judge["calls"])),
            _count(failed["unparseable"]),
            _count(failed["unanswered"]),
            _count(judge["reformatted"]),
            Cell(NOTHING if agreement is None else format_percent(agreement), is_dim=agreement is None),
            Cell(format_duration(judge["latency_s"]["p50"])),
            Cell(format_cost(judge)),
            Cell("none" if anchors is None else agreement_text(anchors), is_dim=anchors is None),
            Cell(", ".join(served) or NOTHING, is_dim=not served),
        )
    )


def _count(number: int) -> Cell:
    return Cell(format_count(number), is_dim=not number)
