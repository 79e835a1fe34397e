"""Where run folders are: made, found, locked by the one process that writes."""

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evalkit.errors import StoreError
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = [
    "RESUME_WITHIN",
    "find_run",
    "find_running",
    "find_unfinished",
    "has_ended",
    "is_locked",
    "lock_folder",
    "new_run_folder",
    "run_folders",
]

_FILES = {"html": "report.html", "markdown": "summary.md", "parquet": "samples.parquet"}
RESUME_WITHIN = timedelta(hours=24)
"""An unfinished run older than this is not continued unless it is named."""


def new_run_folder(reports: Path, name: str) -> RunFolder:
    """Make `reports/<name>/<UTC time>-<short id>/` and return it."""
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    path = reports / name / run_id
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be made ({error.strerror}); choose another folder with --reports") from None
    return RunFolder(path)


def run_folders(reports: Path, name: str) -> list[RunFolder]:
    """Return the runs of a name, newest first; folders without a run.json are left out."""
    try:
        paths = sorted((reports / name).iterdir(), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [RunFolder(path) for path in paths if (path / "run.json").is_file()]


def find_unfinished(reports: Path, name: str, plan_digest: str, part: tuple[int, int] | None) -> RunFolder | None:
    """Return the newest run of exactly this plan that is unfinished, younger than a day and not being written."""
    oldest = datetime.now(UTC) - RESUME_WITHIN
    for folder in run_folders(reports, name):
        run = folder.load()
        shard = None if part is None else [part[0] + 1, part[1]]
        if run.plan_digest != plan_digest or run.plan.get("shard") != shard or run.parent_run is not None:
            continue
        if datetime.fromisoformat(run.started_at) < oldest:
            return None
        if not has_ended(folder, run) and not is_locked(folder):
            return folder
    return None


def find_running(reports: Path, name: str, plan_digest: str, part: tuple[int, int] | None) -> RunFolder | None:
    """Return the newest run of exactly this plan that another process is writing now; else None."""
    shard = None if part is None else [part[0] + 1, part[1]]
    for folder in run_folders(reports, name):
        if is_locked(folder):
            run = folder.load()
            if run.plan_digest == plan_digest and run.plan.get("shard") == shard:
                return folder
    return None


def has_ended(folder: RunFolder, run: RunResult) -> bool:
    """Say whether a run is complete to its last file: one killed while it was published or reported is not."""
    wanted = run.config.get("report", {})
    is_made = all((folder.path / name).is_file() for key, name in _FILES.items() if wanted.get(key, True))
    is_published = run.weave is not None or run.plan["weave"]["backend"] == "off" or bool(run.plan["shard"])
    return run.status == "complete" and is_made and is_published


def find_run(reference: str, reports: Path) -> RunFolder:
    """Return the run at a path, or the newest run of a name, or the run of an id below `reports`.

    Raises:
        StoreError: there is none; the message says where it was looked for.
    """
    path = Path(reference)
    if (path / "run.json").is_file():
        return RunFolder(path)
    if (path.parent / "run.json").is_file() and path.name == "run.json":
        return RunFolder(path.parent)
    if newest := run_folders(reports, reference):
        return newest[0]
    for name in sorted(reports.iterdir()) if reports.is_dir() else []:
        if (name / reference / "run.json").is_file():
            return RunFolder(name / reference)
    raise StoreError(f"no run called {reference!r}; give a run folder, or the name of a run below {reports}/")


@contextmanager
def lock_folder(folder: RunFolder) -> Generator[None]:
    """Hold the folder's lock; the system drops it when this process dies, however it dies.

    Raises:
        StoreError: another process writes this run.
    """
    handle = os.open(folder.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"{folder.path}: another process writes this run; wait for it, or use --fresh") from None
        yield
    finally:
        os.close(handle)


def is_locked(folder: RunFolder) -> bool:
    """Say whether a process writes this run now."""
    try:
        with lock_folder(folder):
            return False
    except StoreError:
        return True
