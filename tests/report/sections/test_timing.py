"""Where the time went: one sentence, and every cell's numbers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.report.blocks import Cell, Details, Paragraph, Section, Table
from evalkit.report.sections.timing import TimingSection
from evalkit.results import RunResult
from tests.weave_io.run_folders import RunSpec

NOTHING = {"p50": None, "p95": None, "mean": None, "n": 0}


def times(mean: float, p95: float | None = None) -> dict[str, float | None]:
    return {"p50": mean, "p95": p95, "mean": mean, "n": 6}


TIMING = {"queue": times(3.0, 5.0), "backoff": times(0.5), "first_byte": times(0.25), "first_token": NOTHING}


def run(**changes: Mapping[str, object]) -> RunResult:
    made = RunSpec(evaluations=("qa", "again")).run()
    return replace(made, cells=tuple(replace(cell, **changes) for cell in made.cells))  # type: ignore[arg-type]


def read(run: RunResult) -> tuple[str, Table, str]:
    (section,) = TimingSection().build(run)
    assert isinstance(section, Section)
    lead, details = section.blocks
    assert isinstance(lead, Paragraph)
    assert isinstance(details, Details)
    table, note = details.blocks
    assert isinstance(table, Table)
    assert isinstance(note, Paragraph)
    return str(lead.parts[0]), table, str(note.parts[0])


def texts(table: Table, row: int) -> list[str]:
    return [cell.joined or str(cell.text) for cell in table.rows[row].cells if isinstance(cell, Cell)]


def test_the_time_is_shared_out_and_every_cell_has_a_row() -> None:
    attempts = {"sent": 16, "retried": 2, "most": 9}
    lead, table, note = read(run(latency_s=times(1.5), timing_s=TIMING, attempts=attempts))
    assert lead == (
        "Failed attempts apart, 30% of the time of answered calls was the answering attempt's, 60% went into waiting "
        "for a permit and 10% into backing off. 8 calls of 24 had to be asked again: 64 requests."
    )
    assert [row.is_group for row in table.rows] == [True, False, False] * 2
    assert texts(table, 1) == [
        "Model A",
        "1.50\u00a0s / not bounded",
        "250\u00a0ms",
        "3.00\u00a0s / 5.00\u00a0s",
        "500\u00a0ms",
        "16",
    ]
    assert "First token" not in note


def test_streamed_answers_have_a_first_token() -> None:
    streamed = TIMING | {"first_token": times(0.3)}
    _, table, note = read(run(latency_s=times(1.5), timing_s=streamed))
    assert [column.title for column in table.columns][2:4] == ["First byte p50", "First token p50"]
    assert texts(table, 1)[3] == "300\u00a0ms"
    assert "First token" in note


def test_nothing_waited_and_nothing_asked_again() -> None:
    idle = {part: times(0.0) for part in TIMING}
    lead, _, _ = read(run(latency_s=times(0.0), timing_s=idle, attempts={"sent": 6, "retried": 0, "most": 1}))
    assert lead.endswith("No call had to be asked again.")


@pytest.mark.parametrize(
    "changes",
    [{"timing_s": {}}, {"latency_s": NOTHING}, {"latency_s": {"p50": 1.0}}],
    ids=["an earlier run", "nothing answered", "not counted"],
)
def test_without_times_there_is_no_section(changes: Mapping[str, Mapping[str, object]]) -> None:
    assert TimingSection().build(run(**changes)) == ()


def test_a_run_without_cells_has_none(tmp_path: Path) -> None:
    assert TimingSection().build(replace(RunSpec().run(), cells=())) == ()
