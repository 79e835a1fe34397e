"""Nights of one config stand on one board: no new versions without a change, and a change is named."""

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Done, evalkit, write_config
from tests.end_to_end.weave_board import read_board, read_versions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def nightly(folder: Path, **options: Any) -> Done:
    rows = [{"id": f"r{n}", "input": f"Question {n}", "target": f"Answer {n}"} for n in range(12)]
    write_config(
        folder,
        name="nights",
        weave={"backend": "local"},
        providers={"scripted": {"use": "scripted", "accuracy": 0.7}},
        models=[
            {"id": "m", "label": "bare", "provider": "scripted"},
            {"id": "m", "label": "brief", "provider": "scripted", "system": "Be brief."},
        ],
        datasets={"rows": {"rows": rows}},
        scorers={"exact": {"use": "exact", **options}},
        report={"html": False, "markdown": False, "parquet": False},
    )
    done = evalkit("run", "config.yaml", cwd=folder)
    assert done.code == 0, done.stderr
    return done


def test_a_second_night_and_a_changed_scorer(tmp_path: Path) -> None:
    first, second = nightly(tmp_path), nightly(tmp_path)
    assert first.folder != second.folder
    for key in ("evaluations", "models", "leaderboard"):
        assert first.run["weave"][key] == second.run["weave"][key]
    versions = read_versions(tmp_path, second.run)
    assert {name: count for name, count in versions.items() if count > 1} == {}
    board = read_board(tmp_path, second.run)
    assert {cell.model for cell in board} == {"bare", "brief"}, "two system prompts, one board"
    changed = nightly(tmp_path, ignore_case=False)
    assert changed.run["weave"]["evaluations"] != second.run["weave"]["evaluations"]
    assert changed.run["weave"]["changed"] == {"rows": ["scorer exact"]}
    assert "evaluation rows has a new version; changed since the last: scorer exact" in changed.stderr


def test_publishing_again_leaves_one_value_a_cell(tmp_path: Path) -> None:
    done = nightly(tmp_path)
    before = [(cell.model, cell.scorer, cell.path, cell.value) for cell in read_board(tmp_path, done.run)]
    again = evalkit("publish", str(done.folder), cwd=tmp_path)
    assert again.code == 0, again.stderr
    after = [(cell.model, cell.scorer, cell.path, cell.value) for cell in read_board(tmp_path, done.run)]
    assert before == after
    assert done.run["weave"]["verified"] is True
