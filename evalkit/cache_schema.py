"""The shared cache's tables, and how its file is opened.

Tables (written by any number of processes at once):
    questions   digest -> the messages, once for all models and trials that were asked them
    answers     call key -> url, model, params, the question's digest, answer, when, by which evalkit, in which run
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

from evalkit.errors import StoreError
from evalkit.sqlite_wal import turn_to_wal

__all__ = ["CACHE_VERSION", "open_cache", "read_cache"]

CACHE_VERSION = 2

_PATIENCE_S = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS questions (digest TEXT PRIMARY KEY, messages TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    request TEXT NOT NULL, sample_id TEXT NOT NULL, trial INTEGER NOT NULL, slot TEXT NOT NULL, url TEXT NOT NULL,
    model TEXT NOT NULL, params TEXT NOT NULL, question TEXT NOT NULL, prediction TEXT NOT NULL,
    answered_at REAL NOT NULL, version TEXT NOT NULL, run_id TEXT NOT NULL,
    PRIMARY KEY (request, sample_id, trial, slot));
CREATE INDEX IF NOT EXISTS answers_of_a_sample ON answers (sample_id, model);
CREATE INDEX IF NOT EXISTS answers_to_a_question ON answers (question, model);
"""


def open_cache(path: Path) -> sqlite3.Connection:
    """Open the file at `path` to read and write; make it where there is none.

    Raises:
        sqlite3.Error: it is not SQLite's, is damaged, or cannot be written.
        StoreError: it was written by an evalkit that keeps answers otherwise.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    try:
        turn_to_wal(db, _PATIENCE_S)
        db.execute("PRAGMA synchronous=NORMAL")
        if not _version(db, path):
            db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version={CACHE_VERSION}; COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.close()
        raise
    return db


def read_cache(path: Path) -> sqlite3.Connection:
    """Open the file at `path` to look at what it holds; an empty cache where there is none.

    Raises:
        StoreError: it cannot be read, or was written by an evalkit that keeps answers otherwise.
    """
    try:
        if path.exists():
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S)
            if _version(db, path):
                return db
            db.close()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read ({error}); `evalkit cache clear` removes it") from None
    empty = sqlite3.connect(":memory:")
    empty.executescript(_TABLES)
    return empty


def _version(db: sqlite3.Connection, path: Path) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in {0, CACHE_VERSION}:
        raise StoreError(f"{path}: written by another evalkit (version {version}; this one reads {CACHE_VERSION})")
    return int(version)
