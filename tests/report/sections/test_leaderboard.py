"""The leaderboard: what was not told is never shown as nothing."""

import dataclasses

import pytest

from evalkit.records import Prediction, Score, Usage
from evalkit.report.blocks import Cell, Table
from evalkit.report.content import build_sections
from evalkit.report.terminal import print_leaderboard
from evalkit.results import RunResult
from tests.weave_io.run_folders import Judgement, RunSpec, answered


def told(usage: Usage | None, *, first: Usage | None) -> RunResult:
    def judge(_model: str, position: int, _trial: int) -> Judgement:
        prediction: Prediction = dataclasses.replace(answered(), usage=usage if position else first)
        return prediction, {"exact": Score(1.0)}

    spec = RunSpec(judge=judge, samples=3)
    cells = [(cell.key, cell.model) for cell in spec.run().cells]
    board = tuple({"model": model, "rank": [1, 2], "band": 1, "metrics": {}} for _, model in cells)
    return dataclasses.replace(spec.run(), leaderboard=board)


@pytest.mark.parametrize(
    ("usage", "first", "shown", "printed"),
    [
        pytest.param(Usage(10, 5, 15), Usage(10, 5, 15), ("30 in", "15 out"), "45", id="told"),
        pytest.param(None, None, ("unknown", "3 calls without tokens"), "unknown", id="null"),
        pytest.param(Usage(None, None), None, ("unknown", "3 calls without tokens"), "unknown", id="nulls inside"),
        pytest.param(
            None, Usage(10, 5), ("\u2265\u00a010 in", "\u2265\u00a05 out"), "\u2265\u00a015", id="one of three"
        ),
    ],
)
def test_tokens_that_nobody_told_are_unknown(
    usage: Usage | None,
    first: Usage | None,
    shown: tuple[str, str],
    printed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = told(usage, first=first)
    section = next(section for section in build_sections(run) if section.id == "leaderboard")
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    place = [column.title for column in table.columns].index("Tokens")
    cells = [row.cells[place] for row in table.rows]
    assert [(cell.text, cell.second) for cell in cells if isinstance(cell, Cell)] == [shown] * 2
    print_leaderboard(run)
    assert all(f" {printed} " in line for line in capsys.readouterr().err.splitlines() if line.startswith(" 1"))
