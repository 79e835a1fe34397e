"""Four workers on shards, merged: the same metrics as one worker, digit for digit."""

import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.command import Done, evalkit, without_what_may_differ, write_config

pytestmark = pytest.mark.slow


def scripted(folder: Path) -> None:
    rows = [{"id": f"r{n}", "input": f"Question {n}", "target": str(n), "kind": "ab"[n % 2]} for n in range(90)]
    write_config(
        folder,
        name="parts",
        weave={"backend": "off"},
        report={"html": False, "markdown": False, "parquet": False},
        providers={"scripted": {"use": "scripted", "accuracy": 0.63, "seed": 5}},
        models=[{"id": "one", "provider": "scripted"}, {"id": "two", "provider": "scripted"}],
        datasets={"rows": {"rows": rows, "fields": {"slices": ["kind"]}}},
        scorers={"exact": {"use": "exact"}, "f1": {"use": "f1"}},
        evaluations=[{"name": "all", "dataset": "rows", "trials": 3}],
    )


@pytest.mark.timeout(240)
def test_four_shards_are_one_run(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    scripted(tmp_path), scripted(tmp_path / "whole")
    parts = [evalkit("run", "config.yaml", "--shard", f"{i}/4", cwd=tmp_path) for i in range(1, 5)]
    assert [part.code for part in parts] == [0, 0, 0, 0], parts[0].stderr
    answered = [sum(sum(cell["outcomes"].values()) for cell in part.run["cells"]) for part in parts]
    merged = evalkit("merge", "config.yaml", *(str(part.folder) for part in parts), cwd=tmp_path)
    assert merged.code == 0, merged.stderr
    whole = evalkit("run", "config.yaml", cwd=tmp_path / "whole")
    assert _comparable(merged) == _comparable(whole)
    assert sum(answered) == 2 * 90 * 3


def test_unequal_answers_are_refused(tmp_path: Path) -> None:
    scripted(tmp_path)
    first = evalkit("run", "config.yaml", "--shard", "1/2", cwd=tmp_path)
    second = evalkit("run", "config.yaml", "--shard", "2/2", cwd=tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("run.json", "calls.sqlite"):
        (copy / name).write_bytes((first.folder / name).read_bytes())
    with sqlite3.connect(copy / "calls.sqlite") as db:
        db.execute("UPDATE calls SET prediction = json_set(prediction, '$.text', 'another') WHERE rowid = 1")
    done = evalkit("merge", "config.yaml", str(first.folder), str(second.folder), str(copy), cwd=tmp_path)
    assert done.code == 2
    assert "another answer to sample" in done.stderr


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    scripted(tmp_path)
    first = evalkit("run", "config.yaml", "--shard", "1/2", cwd=tmp_path)
    done = evalkit("merge", "config.yaml", str(first.folder), cwd=tmp_path)
    assert done.code == 3
    assert "not run" in done.stderr


def _comparable(done: Done) -> dict:
    kept = without_what_may_differ(done.run)
    return {**kept, "config": None}
