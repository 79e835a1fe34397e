"""Run folders: made, found by path, name or id, continued, and written by one process at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.folders import find_run, find_unfinished, lock_folder, new_run_folder, run_folders
from evalkit.results import RunResult
from evalkit.store import RunFolder


def run(status: str = "incomplete", *, age: timedelta = timedelta(), digest: str = "d") -> RunResult:
    started_at = (datetime.now(UTC) - age).isoformat()
    return RunResult(
        run_id="r",
        name="qa",
        status=status,
        started_at=started_at,
        ended_at=None,
        plan_digest=digest,
        versions={},
        datasets={},
        cells=(),
        plan={"shard": None, "weave": {"backend": "off"}},
        config={"report": {"html": False, "markdown": False, "parquet": False}},
    )


def stored(reports: Path, result: RunResult, name: str = "20260101T000000-aaaa") -> RunFolder:
    folder = RunFolder(reports / "qa" / name)
    folder.path.mkdir(parents=True)
    folder.save(result)
    return folder


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (run(), True),
        (run("interrupted"), True),
        (run("complete"), False),
        (run(age=timedelta(hours=25)), False),
        (run(digest="another"), False),
        (replace(run(), parent_run="r0"), False),
        (replace(run(), plan={"shard": [1, 4], "weave": {"backend": "off"}}), False),
        (replace(run("complete"), config={}), True),
        (replace(run("complete"), plan={"shard": None, "weave": {"backend": "local"}}), True),
        (replace(run("complete"), plan={"shard": None, "weave": {"backend": "local"}}, weave={"error": None}), False),
    ],
    ids=[
        "unfinished",
        "interrupted",
        "complete",
        "too old",
        "another plan",
        "re-scored",
        "a shard",
        "killed before its report",
        "killed before it was published",
        "published",
    ],
)
def test_only_an_unfinished_young_run_of_the_same_plan_is_continued(
    tmp_path: Path, result: RunResult, found: bool
) -> None:
    folder = stored(tmp_path, result)
    assert find_unfinished(tmp_path, "qa", "d", None) == (folder if found else None)


def test_a_run_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    folder = stored(tmp_path, run())
    with lock_folder(folder):
        assert find_unfinished(tmp_path, "qa", "d", None) is None
        with pytest.raises(StoreError, match="another process writes this run"), lock_folder(folder):
            pass
    assert find_unfinished(tmp_path, "qa", "d", None) == folder


def test_newer_runs_that_ended_or_are_being_written_are_passed_by(tmp_path: Path) -> None:
    left = stored(tmp_path, run(), "20260101T000000-aaaa")
    stored(tmp_path, run("complete"), "20260102T000000-bbbb")
    written = stored(tmp_path, run(), "20260103T000000-cccc")
    with lock_folder(written):
        assert find_unfinished(tmp_path, "qa", "d", None) == left
    assert find_unfinished(tmp_path, "qa", "d", None) == written


def test_a_run_is_found_by_path_name_and_id(tmp_path: Path) -> None:
    older = stored(tmp_path, run(), "20260101T000000-aaaa")
    newer = stored(tmp_path, run(), "20260102T000000-bbbb")
    assert find_run(str(older.path), tmp_path) == older
    assert find_run(str(older.run_json), tmp_path) == older
    assert find_run("qa", tmp_path) == newer
    assert find_run("20260101T000000-aaaa", tmp_path) == older
    with pytest.raises(StoreError, match="no run called 'nothing'"):
        find_run("nothing", tmp_path)


def test_new_folders_sort_by_time(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, "qa")
    assert folder.path.parent == tmp_path / "qa"
    assert run_folders(tmp_path, "qa") == [], "a folder without run.json is not a run yet"
    assert run_folders(tmp_path, "never") == []


def test_run_json_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    folder = stored(tmp_path, run())
    folder.replace_weave({"backend": "local", "error": None})
    assert folder.load() == replace(folder.load(), weave={"backend": "local", "error": None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged .*; restore it from a copy, or move this run's folder away and run its config again"),
        ("[]", "damaged .*; restore it from a copy, or move"),
        ('{"schema_version": 9}', "schema_version 9; this evalkit reads 1"),
        ('{"schema_version": 1}', "damaged .run_id.*; restore it from a copy, or move"),
    ],
)
def test_a_broken_run_json_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    folder = stored(tmp_path, run())
    folder.run_json.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=message):
        folder.load()
