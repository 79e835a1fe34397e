"""Which night a run folder was made for: a small file beside run.json, written before the first call."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

from evalkit.errors import ConfigError
from evalkit.folders import is_locked, new_run_folder, run_folders
from evalkit.results import RunResult
from evalkit.store import RunFolder, write_atomically

__all__ = ["find_begun", "find_night", "night_of", "parse_night", "start_night"]

_FILE = "night.json"


def parse_night(text: str | None) -> str:
    """Return a night as an ISO date; today's, in UTC, when none is given.

    Raises:
        ConfigError: it is no date.
    """
    if text is None:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigError(f"--night {text!r} is no date; write it as in 2026-11-23") from None


def start_night(reports: Path, name: str, night: str) -> RunFolder:
    """Make a run folder for a night."""
    folder = new_run_folder(reports, name)
    write_atomically(folder.path / _FILE, json.dumps({"night": night}) + "\n")
    return folder


def night_of(folder: RunFolder) -> str | None:
    """Return the night that a run was made for; None when it was not made for one."""
    try:
        found = json.loads((folder.path / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    night = cast("dict[str, object]", found).get("night") if isinstance(found, dict) else None
    return night if isinstance(night, str) else None


def find_begun(reports: Path, name: str, night: str, plan_digest: str) -> tuple[RunFolder, RunResult] | None:
    """Return the newest run of a night and plan that nobody is writing, ended or not; None when there is none."""
    for folder in run_folders(reports, name):
        if night_of(folder) == night and not is_locked(folder):
            run = folder.load()
            if run.plan_digest == plan_digest:
                return folder, run
    return None


def find_night(reports: Path, name: str, night: str) -> RunFolder | None:
    """Return the newest run folder that was made for a night; None when there is none."""
    return next((folder for folder in run_folders(reports, name) if night_of(folder) == night), None)
