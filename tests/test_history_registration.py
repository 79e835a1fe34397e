"""A run is registered as its config says; a history that fails is a sentence."""

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evalkit.history import History, history_path
from evalkit.history_registration import history_of, note_baseline, register_run
from evalkit.results import RunResult
from evalkit.store import RunFolder
from tests.remembering import on_night, stored

Stored = tuple[RunFolder, RunResult]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return stored(tmp_path_factory.mktemp("run") / "reports" / "nightly", rows=4)


def home(tmp_path: Path) -> dict[str, str]:
    return {"EVALKIT_HOME": str(tmp_path)}


def with_history(run: RunResult, **history: Any) -> RunResult:
    return dataclasses.replace(run, config={**run.config, "history": history})


def test_history_is_beside_the_reports_that_hold_a_run(run: Stored) -> None:
    folder, _ = run
    assert history_of(folder, {}) == history_path({}, folder.path.parents[2])


def test_an_ended_run_is_registered(tmp_path: Path, run: Stored) -> None:
    assert register_run(*run, env=home(tmp_path), exit_code=3) is None
    with History(tmp_path / "history.sqlite") as history:
        assert [(past.run_id, past.exit_code) for past in history.runs()] == [(run[1].run_id, 3)]


@pytest.mark.parametrize("what", ["history.enabled: false", "a shard"])
def test_what_is_not_to_be_registered_makes_no_file(tmp_path: Path, run: Stored, what: str) -> None:
    folder, result = run
    shard = dataclasses.replace(result, plan={**result.plan, "shard": [1, 2]})
    passed = shard if what == "a shard" else with_history(result, enabled=False)
    assert register_run(folder, passed, env=home(tmp_path)) is None
    assert not (tmp_path / "history.sqlite").exists()


def test_keep_forgets_older_runs(tmp_path: Path, run: Stored) -> None:
    folder, result = run
    for number in range(5):
        register_run(folder, with_history(on_night(result, number), keep=2), env=home(tmp_path))
    with History(tmp_path / "history.sqlite") as history:
        assert [past.night for past in history.runs()] == ["2026-01-01", "2026-01-04", "2026-01-05"]


def test_a_history_that_fails_is_a_sentence(tmp_path: Path, run: Stored) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"scribble" * 200)
    message = register_run(*run, env=home(tmp_path))
    assert message is not None
    assert "the results are saved" in message
    assert f"evalkit history import {run[0].path}" in message
    about = {"path": "b.json", "set_at": "2026-01-01", "author": "me", "reason": "why"}
    assert "the baseline is set" in (note_baseline(*run, about, env=home(tmp_path)) or "")


def test_a_baseline_is_an_event(tmp_path: Path, run: Stored) -> None:
    about = {"path": "b.json", "set_at": "2026-01-01T00:00:00+00:00", "author": "me", "reason": "good enough"}
    assert note_baseline(*run, about, env=home(tmp_path)) is None
    with History(tmp_path / "history.sqlite") as history:
        (event,) = history.events("nightly", kind="baseline")
    assert "good enough" in event.text
    assert event.about["run_id"] == run[1].run_id


def test_a_tag_at_the_run_s_commit_is_a_release(tmp_path: Path, run: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x")
    git("tag", "-m", "the first", "v1.0")
    folder, result = run
    made_with = {"commit": git("rev-parse", "HEAD"), "dirty": False}
    register_run(folder, dataclasses.replace(result, git=made_with), env=home(tmp_path / "home"))
    register_run(folder, dataclasses.replace(on_night(result, 1), git={**made_with, "dirty": True}), env=home(tmp_path))
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert [event.text for event in history.events("nightly", kind="release")] == ["release v1.0"]
    with History(tmp_path / "history.sqlite") as history:
        assert history.events("nightly") == ()
