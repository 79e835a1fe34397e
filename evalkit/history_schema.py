"""History's tables, how a file of an earlier version is brought up to date, and how its file is opened.

Tables (written by any number of processes at once):
    runs         run id -> what is remembered of the run
    metrics      one row for each scorer of each cell of each run, as run.json had it
    scores       a metric's scores, sample by sample, packed
    sample_sets  digest -> ids, digests, groups and slices of samples, once for all runs that asked them
    contents     digest -> a JSON text that many metrics have in common: a setting, a measure, a treatment
    events       what happened between runs
    listings     the models that an endpoint listed on a night
    alerts       what somebody was told, and what has ended
    locks        which process does a night's work now, and until when
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from evalkit.errors import StoreError
from evalkit.sqlite_wal import turn_to_wal

__all__ = ["MIGRATIONS", "open_history"]

_PATIENCE_S = 20.0

_FIRST = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, name TEXT NOT NULL, night TEXT NOT NULL, kind TEXT NOT NULL, started_at TEXT NOT NULL,
    ended_at TEXT, status TEXT NOT NULL, folder TEXT NOT NULL, plan_digest TEXT NOT NULL, profile TEXT,
    commit_id TEXT, verdict TEXT, exit_code INTEGER, cost_usd DOUBLE PRECISION, weave TEXT, primary_metric TEXT,
    parent_run TEXT);
CREATE INDEX runs_of_a_name ON runs (name, night, started_at);
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs, place INTEGER NOT NULL, evaluation TEXT NOT NULL,
    scorer TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL, higher_is_better INTEGER NOT NULL,
    confidence DOUBLE PRECISION NOT NULL, mean DOUBLE PRECISION, lower_bound DOUBLE PRECISION,
    upper_bound DOUBLE PRECISION, n INTEGER NOT NULL, samples INTEGER NOT NULL, trials INTEGER NOT NULL,
    outcomes TEXT NOT NULL, predictions TEXT NOT NULL, series TEXT NOT NULL, served_models TEXT NOT NULL,
    fingerprints TEXT NOT NULL, latency_s TEXT NOT NULL, output_tokens TEXT NOT NULL, cost_usd DOUBLE PRECISION,
    UNIQUE (evaluation, scorer, model, run_id));
CREATE INDEX metrics_of_a_run ON metrics (run_id, place);
CREATE TABLE scores (
    metric_id INTEGER PRIMARY KEY REFERENCES metrics, sample_set TEXT NOT NULL, measure TEXT NOT NULL,
    treatment TEXT NOT NULL, trials INTEGER NOT NULL, repeats INTEGER NOT NULL, within DOUBLE PRECISION,
    item_values BLOB NOT NULL, worst BLOB, best BLOB, trial_values BLOB, predictions BLOB NOT NULL,
    scorings BLOB NOT NULL);
CREATE INDEX scores_of_a_sample_set ON scores (sample_set);
CREATE TABLE sample_sets (digest TEXT PRIMARY KEY, n INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE contents (digest TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE events (
    name TEXT NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, about TEXT NOT NULL,
    PRIMARY KEY (name, at, kind, text));
CREATE TABLE listings (endpoint TEXT NOT NULL, night TEXT NOT NULL, ids TEXT NOT NULL, PRIMARY KEY (endpoint, night));
CREATE TABLE alerts (
    name TEXT NOT NULL, alert_key TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, opened TEXT NOT NULL,
    seen TEXT NOT NULL, told TEXT, severity DOUBLE PRECISION NOT NULL, closed TEXT, PRIMARY KEY (name, alert_key));
CREATE TABLE locks (
    name TEXT PRIMARY KEY, token TEXT NOT NULL, owner TEXT NOT NULL, machine TEXT NOT NULL, host TEXT NOT NULL,
    pid INTEGER NOT NULL, started TEXT NOT NULL, namespace TEXT NOT NULL, since TEXT NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""The n-th brings a file of version n - 1 to version n; a statement ends its line.

What was once released is never changed: add another.
"""


def open_history(path: Path, migrations: Sequence[str] = MIGRATIONS) -> sqlite3.Connection:
    """Open the file at `path`, make it where there is none, and bring it up to date; all or nothing.

    Raises:
        sqlite3.Error: it is not SQLite's, is damaged, or cannot be written.
        StoreError: it is another program's, or was written by a later evalkit.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S, check_same_thread=False)
    try:
        if _version(db, path, migrations) < len(migrations):
            turn_to_wal(db, _PATIENCE_S)
            _migrate(db, path, migrations)
        db.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        with suppress(sqlite3.Error):
            db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Apply what is missing in one transaction; another process may have done so while this one waited."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for migration in migrations[_version(db, path, migrations) :]:
            for statement in _statements(migration):
                db.execute(statement)
        db.execute(f"PRAGMA user_version={len(migrations)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    kept = ""
    for line in script.splitlines(keepends=True):
        kept += line
        if sqlite3.complete_statement(kept):
            yield kept
            kept = ""


def _version(db: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> int:
    # One statement sees one state of the file, whoever is making its tables just now.
    version, tables = db.execute(
        "SELECT user_version, (SELECT COUNT(*) FROM sqlite_master) FROM pragma_user_version"
    ).fetchone()
    if version > len(migrations):
        raise StoreError(
            f"{path}: written by a later evalkit (version {version}; this one reads up to {len(migrations)}); "
            "use that one, or another EVALKIT_HOME"
        )
    if version == 0 and tables:
        raise StoreError(f"{path}: a database, but not evalkit's history; move it away, or use another EVALKIT_HOME")
    return int(version)
