"""The board in a terminal: hostile labels are shown, never obeyed."""

import dataclasses
from pathlib import Path

import pytest

from evalkit.report.numbers import NOTHING
from evalkit.report.terminal import clean_text, print_leaderboard
from evalkit.results import RunResult
from tests.weave_io.run_folders import ModelUnderTest, RunSpec, make_run_folder

LABELS = ("Plain", "Closing [/]", "[red]Red[/red]", "Turned \u202eleba\x1b[31m", "W" * 300)


@pytest.fixture
def run(tmp_path: Path) -> RunResult:
    stored = make_run_folder(tmp_path, RunSpec(models=[ModelUnderTest(label) for label in LABELS])).load()
    rows = [{"model": cell.model, "rank": [1, 4], "band": 1, "metrics": {}} for cell in stored.cells]
    return dataclasses.replace(stored, leaderboard=tuple(rows), tie={"models": list(LABELS), "n": 6})


def test_labels_stand_as_they_are(run: RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(run)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Closing [/]" in printed.err
    assert "[red]Red[/red]" in printed.err
    assert "are not distinguishable from the best at n = 6." in printed.err
    assert not set("\u202e\x1b") & set(printed.err)


def test_a_long_label_leaves_room_for_every_column(run: RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(run)
    head, *rows = capsys.readouterr().err.splitlines()
    assert head.split()[:3] == ["rank", "model", "qa.exact"]
    (long,) = [row for row in rows[: len(LABELS)] if "WWWW" in row]
    assert long.endswith("no price")
    assert "W…" in long


def test_a_model_without_a_score_has_dashes(run: RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"model": "Absent", "rank": None, "band": None, "metrics": {}}
    print_leaderboard(dataclasses.replace(run, leaderboard=(row,), tie=None))
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "Absent" in line]
    assert line.split()[:4] == [NOTHING, "Absent", NOTHING, NOTHING]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x9b", "\u200b", "\u202e", "\u2066", "\ufeff"])
def test_control_characters_are_replaced(character: str) -> None:
    assert clean_text(f"a{character}b\n\t") == "a\ufffdb\n\t"
