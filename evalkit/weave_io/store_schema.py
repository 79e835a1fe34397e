"""The tables of the embedded Weave store, and how its SQLite file is opened."""

import sqlite3
import time
from pathlib import Path

from evalkit.errors import StoreError

__all__ = ["BUSY_TIMEOUT_S", "connect", "prepare"]

BUSY_TIMEOUT_S = 30.0
"""Longest wait for another process's write, in seconds."""

_VERSION = 1
_APPLICATION_ID = 0x65766B77

_TABLES = """
CREATE TABLE projects (
  project_id TEXT PRIMARY KEY, created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE writers (
  writer TEXT PRIMARY KEY, pid INTEGER NOT NULL, started TEXT NOT NULL, realm TEXT NOT NULL,
  opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE calls (
  call_no INTEGER PRIMARY KEY, project_id TEXT NOT NULL, id TEXT NOT NULL,
  trace_id TEXT, parent_id TEXT, op_name TEXT, display_name TEXT, thread_id TEXT, turn_id TEXT,
  started_at INTEGER, ended_at INTEGER, exception TEXT,
  attributes TEXT, inputs TEXT, output TEXT, summary TEXT, otel_dump TEXT,
  wb_user_id TEXT, wb_run_id TEXT, wb_run_step INTEGER, wb_run_step_end INTEGER,
  writer TEXT, reaped INTEGER NOT NULL DEFAULT 0, deleted_at INTEGER,
  UNIQUE (project_id, id)
);
CREATE INDEX calls_by_time ON calls (project_id, started_at);
CREATE INDEX calls_by_trace ON calls (project_id, trace_id);
CREATE INDEX calls_by_parent ON calls (project_id, parent_id);
CREATE INDEX calls_by_op ON calls (project_id, op_name);
CREATE INDEX calls_open ON calls (writer) WHERE ended_at IS NULL;

CREATE TABLE call_refs (
  ref BLOB NOT NULL, side INTEGER NOT NULL, call_no INTEGER NOT NULL, PRIMARY KEY (ref, side, call_no)
) WITHOUT ROWID;

CREATE TABLE objects (
  project_id TEXT NOT NULL, kind TEXT NOT NULL, object_id TEXT NOT NULL, version_index INTEGER NOT NULL,
  digest TEXT NOT NULL, val TEXT NOT NULL, base_object_class TEXT, leaf_object_class TEXT,
  created_at INTEGER NOT NULL, deleted_at INTEGER, wb_user_id TEXT,
  PRIMARY KEY (project_id, kind, object_id, version_index), UNIQUE (project_id, kind, object_id, digest)
);
CREATE INDEX objects_by_name ON objects (project_id, object_id);

CREATE TABLE labels (
  project_id TEXT NOT NULL, object_id TEXT NOT NULL, sort TEXT NOT NULL, label TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (project_id, object_id, sort, label, digest)
) WITHOUT ROWID;

CREATE TABLE rows (
  row_no INTEGER PRIMARY KEY, project_id TEXT NOT NULL, digest TEXT NOT NULL, val TEXT NOT NULL,
  UNIQUE (project_id, digest)
);
CREATE TABLE tables (
  table_no INTEGER PRIMARY KEY, project_id TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
  UNIQUE (project_id, digest)
);
CREATE TABLE table_rows (
  table_no INTEGER NOT NULL, position INTEGER NOT NULL, row_no INTEGER NOT NULL, PRIMARY KEY (table_no, position)
) WITHOUT ROWID;

CREATE TABLE files (
  file_no INTEGER PRIMARY KEY, project_id TEXT NOT NULL, digest TEXT NOT NULL, name TEXT, content BLOB NOT NULL,
  UNIQUE (project_id, digest)
);

CREATE TABLE feedback (
  feedback_no INTEGER PRIMARY KEY, project_id TEXT NOT NULL, id TEXT NOT NULL, weave_ref TEXT NOT NULL,
  feedback_type TEXT NOT NULL, creator TEXT, created_at INTEGER NOT NULL, wb_user_id TEXT NOT NULL,
  runnable_ref TEXT, call_ref TEXT, annotation_ref TEXT, trigger_ref TEXT, payload TEXT NOT NULL, more TEXT NOT NULL,
  UNIQUE (project_id, id)
);
CREATE INDEX feedback_by_ref ON feedback (project_id, weave_ref);
"""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection in autocommit mode that may be handed from thread to thread."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def prepare(path: Path) -> None:
    """Create the file and its tables when missing.

    Raises:
        StoreError: the file is not a store, is of a newer version, or cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = connect(path)
        try:
            _enter_wal(connection)
            _create(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be opened as a Weave store: {error}; name another file") from error


def _enter_wal(connection: sqlite3.Connection) -> None:
    # The change of journal mode ignores the busy timeout, and several processes may open a new file at once.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _create(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_new(connection, path):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if tables and application != _APPLICATION_ID:
        raise StoreError(f"{path} is a SQLite file of another program, not a Weave store; name another file")
    if version > _VERSION:
        raise StoreError(f"{path} was written by a newer evalkit (store version {version}); upgrade evalkit")
    return not tables
