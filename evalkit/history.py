"""Past runs, scores and all, in one SQLite file that many processes read and write at once."""

import contextlib
import sqlite3
import struct
import threading
import zlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from evalkit import history_ledger
from evalkit.errors import StoreError
from evalkit.history_items import read_stored_items
from evalkit.history_metrics import RUN_COLUMNS, past_run, run_of
from evalkit.history_schema import open_history
from evalkit.history_series import SeriesScores, read_metrics, read_score_rows, read_series
from evalkit.history_writing import delete_runs, forget_runs, pack_run, write_run
from evalkit.night_folder import checked_night, replaced_by
from evalkit.past_runs import AlertEntry, Listing, PastEvent, PastMetric, PastRun, Series
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, read_items

__all__ = ["History", "history_path"]

_ANEW = "move it away, and `evalkit history import` makes it anew from the run folders"
_ADVICE = {
    sqlite3.SQLITE_CORRUPT: _ANEW,
    sqlite3.SQLITE_NOTADB: _ANEW,
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_BUSY: "another process holds it; try again",
}
_OTHERWISE = "make it writable, or name another folder with EVALKIT_HOME"


def history_path(env: Mapping[str, str], beside: Path) -> Path:
    """Return where history is: below `$EVALKIT_HOME`, else below `.evalkit` in the folder that holds `reports/`."""
    home = env.get("EVALKIT_HOME")
    return (Path(home).expanduser() if home else beside / ".evalkit") / "history.sqlite"


class History:
    """The history at a path; whatever goes wrong with the file is one StoreError that says what to do."""

    def __init__(self, path: Path) -> None:
        """Open the file; make it where there is none.

        Raises:
            StoreError: it cannot be opened, or is not this evalkit's.
        """
        self.path = path
        self._lock = threading.RLock()
        with self._told("cannot be opened"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = open_history(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.close()

    def register(
        self,
        folder: RunFolder,
        run: RunResult,
        *,
        kind: str = "run",
        night: str | None = None,
        exit_code: int | None = None,
    ) -> PastRun:
        """Remember a run with its scores, in place of what was known of it; twice is once.

        A folder that was made for a night is of that night and "nightly". What is known of a later state stands. Once
        complete, it stands for the runs of the night that it began with: those are forgotten.

        Raises:
            StoreError: it is a shard, its mark names no night, its journal cannot be read, or history not written.
        """
        if run.plan.get("shard"):
            raise StoreError(f"{folder.path} is one shard of a run; join them with `evalkit merge`")
        if night is None and (night := checked_night(folder)) is not None:
            kind = "nightly"
        past = past_run(folder, run, kind=kind, night=night, exit_code=exit_code)
        packed = pack_run(past, run, read_items(folder, run) if run.cells else ())
        with self._writing() as db:
            written = write_run(db, packed)
            if written.status == "complete":
                delete_runs(db, replaced_by(folder))
            return written

    def runs(
        self, name: str | None = None, *, kind: str | None = None, since: str | None = None
    ) -> tuple[PastRun, ...]:
        """Return the runs of a name, or all, oldest first; `since` is a night."""
        asked = {"name = ?": name, "kind = ?": kind, "night >= ?": since}
        return self._runs([(condition, value) for condition, value in asked.items() if value is not None])

    def run(self, run_id: str) -> PastRun | None:
        """Return the run of an id; None where it is not known."""
        return next(iter(self._runs([("run_id = ?", run_id)])), None)

    def night(self, name: str, night: str) -> PastRun | None:
        """Return the nightly run of a night: the newest complete one, else the newest; None where there is none."""
        found = self._runs([("name = ?", name), ("night = ?", night), ("kind = ?", "nightly")])
        return next((run for run in reversed(found) if run.status == "complete"), found[-1] if found else None)

    def metrics(self, runs: Iterable[PastRun]) -> dict[str, tuple[PastMetric, ...]]:
        """Return the metrics of runs by run id, each in its run's order."""
        with self._reading() as db:
            return read_metrics(db, runs)

    def count_metrics(self) -> dict[str, int]:
        """Return how many metrics each run has, by run id."""
        with self._reading() as db:
            return dict(db.execute("SELECT run_id, COUNT(*) FROM metrics GROUP BY run_id").fetchall())

    def series(
        self, name: str, *, metric: str | None = None, model: str | None = None, kind: str | None = None
    ) -> tuple[Series, ...]:
        """Return each metric and model over the complete runs of a name, oldest first; globs choose among them.

        A run that scored stored answers again is in no series; of a night's nightly runs the newest is.
        """
        with self._reading() as db:
            return read_series(db, name, metric=metric, model=model, kind=kind)

    def items(self, run_id: str) -> tuple[MetricItems, ...]:
        """Return every metric of a run sample by sample, as `read_items` gave them; none for a run without results.

        Raises:
            StoreError: no such run is known.
        """
        with self._reading() as db:
            return read_stored_items(db, run_id)

    def score_rows(self, points: Sequence[PastMetric]) -> list[SeriesScores]:
        """Return the scores of many points at once, in their order.

        Raises:
            StoreError: one of them has been forgotten since.
        """
        with self._reading() as db:
            return read_score_rows(db, points)

    def forget(self, name: str, keep: int) -> int:
        """Forget the runs of a name but for the newest `keep` nights and `keep` others; return how many. Folders stay.

        The first run of each series that goes on is remembered too: drift is measured from there.
        """
        with self._writing() as db:
            return forget_runs(db, name, keep)

    def note(self, event: PastEvent) -> None:
        """Keep an event; the same one twice is one."""
        with self._writing() as db:
            history_ledger.put_event(db, event)

    def events(self, name: str, *, kind: str | None = None) -> tuple[PastEvent, ...]:
        """Return the events of a name, oldest first."""
        with self._reading() as db:
            return history_ledger.read_events(db, name, kind)

    def listing(self, endpoint: str, before: str) -> Listing | None:
        """Return what an endpoint listed last before a night; None where nothing is known."""
        with self._reading() as db:
            return history_ledger.read_listing(db, endpoint, before)

    def put_listing(self, endpoint: str, night: str, ids: Sequence[str]) -> None:
        """Keep what an endpoint lists on a night."""
        with self._writing() as db:
            history_ledger.put_listing(db, endpoint, night, ids)

    def alert_entries(self, name: str) -> tuple[AlertEntry, ...]:
        """Return all that the ledger of alerts knows of a name, closed ones too."""
        with self._reading() as db:
            return history_ledger.read_alerts(db, name)

    def open_alerts(self, name: str) -> tuple[AlertEntry, ...]:
        """Return the alerts of a name that are open."""
        return tuple(entry for entry in self.alert_entries(name) if entry.closed is None)

    def put_alert(self, entry: AlertEntry) -> None:
        """Keep an alert in place of what was known of its name and key."""
        with self._writing() as db:
            history_ledger.put_alert(db, entry)

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Hold the file alone for what is read and written together; nothing is written when the block raises."""
        return self._writing()

    def _runs(self, asked: Sequence[tuple[str, str]]) -> tuple[PastRun, ...]:
        where = " AND ".join(condition for condition, _ in asked) or "1 = 1"
        query = f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} ORDER BY night, started_at, run_id"  # noqa: S608  our own words
        with self._reading() as db:
            return tuple(map(run_of, db.execute(query, [value for _, value in asked])))

    @contextlib.contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        """See one state of the file throughout."""
        with self._lock, self._told("cannot be read"), self._ending("BEGIN"):
            try:
                yield self._db
            except (zlib.error, struct.error, ValueError, LookupError) as error:
                raise StoreError(f"{self.path}: the history is damaged ({error}); {_ANEW}") from error

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._lock, self._told("cannot be written"), self._ending("BEGIN IMMEDIATE"):
            yield self._db

    @contextlib.contextmanager
    def _ending(self, begin: str) -> Generator[None]:
        self._db.execute(begin)
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            why = _ADVICE.get(code, _OTHERWISE)
            raise StoreError(f"{self.path}: the history {what} ({error}); {why}") from None
