"""Which night a run folder was made for, and by which config: a small file beside run.json, before the first call."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

from evalkit.errors import ConfigError, StoreError
from evalkit.folders import is_locked, new_run_folder, run_folders
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.store import RunFolder, write_atomically

__all__ = [
    "Rejudged",
    "checked_night",
    "config_of",
    "find_begun",
    "find_earlier",
    "find_night",
    "keep_rejudged",
    "night_of",
    "parse_night",
    "rejudged_of",
    "replaced_by",
    "start_night",
]

_FILE = "night.json"
_REJUDGED = "rejudged.json"
_YEARS_AWAY = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What judging stored answers again took beside a night's run: requests sent, and USD, None where not known."""

    calls: int
    cost_usd: float | None


def parse_night(text: str | None) -> str:
    """Return a night as an ISO date; today's, in UTC, when none is given.

    Raises:
        ConfigError: it is no date, or years away: a slip, after which every later night would come before it.
    """
    today = datetime.now(UTC).date()
    if text is None:
        return today.isoformat()
    try:
        night = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--night {text!r} is no date; write it as in 2026-11-23") from None
    if night > today + _YEARS_AWAY:
        raise ConfigError(f"--night {text}: that night is years away; it is {today} in UTC")
    return night.isoformat()


def start_night(
    reports: Path, name: str, night: str, *, config: Path | None = None, replaces: Sequence[str] = ()
) -> RunFolder:
    """Make a run folder for a night; `replaces` are the night's runs whose answers it begins with."""
    folder = new_run_folder(reports, name)
    about = {"night": night, "config": None if config is None else str(config), "replaces": list(replaces)}
    write_atomically(folder.path / _FILE, json.dumps(about) + "\n")
    return folder


def night_of(folder: RunFolder) -> str | None:
    """Return the night that a run was made for; None when it was not made for one, or nobody can tell."""
    night = _read(folder.path / _FILE).get("night")
    return night if isinstance(night, str) and _is_date(night) else None


def checked_night(folder: RunFolder) -> str | None:
    """Return the night that a run was made for; None when it was not made for one.

    Raises:
        StoreError: it was, and the file that should say which does not.
    """
    night, path = night_of(folder), folder.path / _FILE
    if night is None and path.exists():
        raise StoreError(f'{path}: names no night; write {{"night": "2026-11-23"}} with its date, or remove the file')
    return night


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def config_of(folder: RunFolder) -> Path | None:
    """Return the config that a night's run was made with; None where nothing says so."""
    path = _read(folder.path / _FILE).get("config")
    return Path(path) if isinstance(path, str) else None


def replaced_by(folder: RunFolder) -> tuple[str, ...]:
    """Return the runs of the night that this one began with and stands for."""
    found = _read(folder.path / _FILE).get("replaces")
    return tuple(map(str, cast("list[object]", found))) if isinstance(found, list) else ()


def keep_rejudged(folder: RunFolder, rejudged: Rejudged) -> None:
    """Keep beside a night's run what judging again took."""
    about = {"calls": rejudged.calls, "cost_usd": rejudged.cost_usd}
    write_atomically(folder.path / _REJUDGED, json.dumps(about) + "\n")


def rejudged_of(folder: RunFolder) -> Rejudged | None:
    """Return what `keep_rejudged` kept; None where nothing was judged again."""
    about = _read(folder.path / _REJUDGED)
    return Rejudged(calls=about.get("calls", 0), cost_usd=about.get("cost_usd")) if about else None


def _read(path: Path) -> dict[str, Json]:
    """Return what a small file says; nothing where there is none, or it is not ours."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Json]", found) if isinstance(found, dict) else {}


def find_earlier(reports: Path, name: str, night: str) -> tuple[RunFolder, RunResult] | None:
    """Return the newest run of a night that nobody is writing, ended or not, of whichever plan; None without one."""
    for folder in run_folders(reports, name):
        if night_of(folder) == night and not is_locked(folder):
            return folder, folder.load()
    return None


def find_begun(reports: Path, name: str, night: str, plan_digest: str) -> tuple[RunFolder, RunResult] | None:
    """Return the newest run of a night that nobody is writing where it is of this plan, ended or not; else None."""
    found = find_earlier(reports, name, night)
    return found if found is not None and found[1].plan_digest == plan_digest else None


def find_night(reports: Path, name: str, night: str) -> RunFolder | None:
    """Return the oldest run folder that was made for a night; None when there is none."""
    return next((folder for folder in reversed(run_folders(reports, name)) if night_of(folder) == night), None)
