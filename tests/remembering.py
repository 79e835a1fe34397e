"""Runs to remember: one stored run, and what it would be on other nights."""

import dataclasses
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from evalkit.results import RunResult
from evalkit.store import RunFolder
from tests.comparing import store_run

FIRST_NIGHT = date(2026, 1, 1)


def stored(folder: Path, **sections: Any) -> tuple[RunFolder, RunResult]:
    """Run a config of these sections and return its folder and its result."""
    made = store_run(folder, **sections)
    return made, made.load()


def on_night(run: RunResult, number: int, **changes: Any) -> RunResult:
    """Return a run as that of the n-th night."""
    night = FIRST_NIGHT + timedelta(days=number)
    began = datetime.fromisoformat(f"{night}T03:00:00.000+00:00")
    times = {"started_at": began.isoformat(timespec="milliseconds")}
    times["ended_at"] = (began + timedelta(minutes=5)).isoformat(timespec="milliseconds")
    return dataclasses.replace(run, run_id=f"{began:%Y%m%dT%H%M%S}-{number:04x}", **{**times, **changes})
