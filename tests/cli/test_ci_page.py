"""What GitHub is told, and nobody else."""

import os
from pathlib import Path

import pytest

from evalkit.cli.ci_page import tell_ci
from tests.report.gated_runs import gated_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    return gated_run(tmp_path_factory.mktemp("ci"))


def test_at_home_nothing_is_said(run, capsys: pytest.CaptureFixture[str]) -> None:
    tell_ci(run, {"CI": "true", "GITHUB_ACTIONS": "false"})
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_annotations_never_touch_stdout(run, capsys: pytest.CaptureFixture[str]) -> None:
    tell_ci(run, {"GITHUB_ACTIONS": "true"})
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("::error title=evalkit nightly%3A dropped::FAIL dropped")


def test_the_summary_is_appended(run, tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("from an earlier step\n", encoding="utf-8")
    for _ in range(2):
        tell_ci(run, {"GITHUB_STEP_SUMMARY": str(path)})
    written = path.read_text(encoding="utf-8")
    assert written.startswith("from an earlier step\n### evalkit: nightly\n")
    assert written.count("### evalkit: nightly") == 2


def test_a_summary_that_cannot_be_written_costs_a_line(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_ci(run, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert f"could not be written to {tmp_path}: {os.strerror(21)}" in capsys.readouterr().err
