"""Tells history of what has just ended; a history that fails is one sentence, and nothing else fails with it."""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from evalkit.history import History, history_path
from evalkit.past_runs import PastEvent
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["history_of", "note_baseline", "register_run"]


def history_of(folder: RunFolder, env: Mapping[str, str]) -> Path:
    """Return where the history of a run is: beside the `reports/` that holds it, unless EVALKIT_HOME says otherwise."""
    above = folder.path.resolve().parents
    return history_path(env, above[min(2, len(above) - 1)])


def register_run(
    folder: RunFolder,
    run: RunResult,
    *,
    env: Mapping[str, str],
    kind: str = "run",
    night: str | None = None,
    exit_code: int | None = None,
) -> str | None:
    """Register a run that has ended, complete or not, as its config's `history` says; a shard is passed over.

    Return a sentence when that failed, None when it did not.
    """
    wanted = run.config.get("history", {})
    if not wanted.get("enabled", True) or run.plan.get("shard"):
        return None
    try:
        with History(history_of(folder, env)) as history:
            history.register(folder, run, kind=kind, night=night, exit_code=exit_code)
            for event in _releases(run):
                history.note(event)
            if wanted.get("keep") is not None:
                history.forget(run.name, wanted["keep"])
    except Exception as error:  # noqa: BLE001  the run is saved and ends as it would without history
        again = f"`evalkit history import {folder.path}` tries again"
        return f"the results are saved, but the run is not in the history: {error}; {again}"
    return None


def note_baseline(folder: RunFolder, run: RunResult, about: Mapping[str, str], *, env: Mapping[str, str]) -> str | None:
    """Note that a run became the baseline; `about` has the file's path, set_at, author and reason.

    Return a sentence when that failed, None when it did not.
    """
    if not run.config.get("history", {}).get("enabled", True):
        return None
    event = PastEvent(
        name=run.name,
        at=about["set_at"],
        kind="baseline",
        text=f"run {run.run_id} became the baseline {about['path']}: {about['reason']}",
        about={"run_id": run.run_id, **about},
    )
    try:
        with History(history_of(folder, env)) as history:
            history.note(event)
    except Exception as error:  # noqa: BLE001  the baseline is set all the same
        return f"the baseline is set, but not noted in the history: {error}"
    return None


def _releases(run: RunResult) -> list[PastEvent]:
    """Return the tags of the checkout in the working folder that point at the commit a run was made with."""
    git = run.git or {}
    if not git.get("commit") or git.get("dirty"):
        return []
    form = "--format=%(creatordate:unix) %(refname:short)"
    command = ["git", "for-each-ref", f"--points-at={git['commit']}", form, "refs/tags"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=5)  # noqa: S603  fixed words, no shell
    except (OSError, subprocess.SubprocessError):
        return []
    return [_release(run, *line.split(maxsplit=1)) for line in done.stdout.splitlines()]


def _release(run: RunResult, seconds: str, tag: str) -> PastEvent:
    return PastEvent(
        name=run.name,
        at=datetime.fromtimestamp(int(seconds), UTC).isoformat(timespec="seconds"),
        kind="release",
        text=f"release {tag}",
        about={"tag": tag, "commit": (run.git or {})["commit"]},
    )
