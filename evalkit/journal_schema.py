"""The journal's tables, and what journals of earlier versions lack.

Tables (written by one process, read by any number):
    samples   dataset, position -> the sample as it was read
    calls     call key -> request as sent, answer, usage
    attempts  one row for each request sent: provider, model, start and the tokens guessed for it (written before the
              send), end, status, served model, and the tokens it is billed for as [prompt, answer], null where untold
    results   cell, sample, trial -> outcome, extracted answers, scores and reasons
    cells     cell -> its aggregate, written when the cell has ended
"""

import sqlite3

__all__ = ["ATTEMPT_COLUMNS", "attempt_columns", "create_tables"]

_TABLES = """
CREATE TABLE IF NOT EXISTS samples (
    dataset TEXT NOT NULL, position INTEGER NOT NULL, sample_id TEXT NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (dataset, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    request TEXT NOT NULL, sample_id TEXT NOT NULL, trial INTEGER NOT NULL, slot TEXT NOT NULL, model TEXT NOT NULL,
    outcome TEXT NOT NULL, messages TEXT NOT NULL, params TEXT NOT NULL, prediction TEXT NOT NULL,
    PRIMARY KEY (request, sample_id, trial, slot));
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY, request TEXT NOT NULL, sample_id TEXT NOT NULL, trial INTEGER NOT NULL, slot TEXT NOT NULL,
    started_at REAL NOT NULL, ended_at REAL, outcome TEXT, status INTEGER, served_model TEXT, usage TEXT,
    provider TEXT, model TEXT, guessed_prompt INTEGER, guessed_completion INTEGER);
CREATE TABLE IF NOT EXISTS results (
    id INTEGER PRIMARY KEY, cell TEXT NOT NULL, position INTEGER NOT NULL, trial INTEGER NOT NULL,
    sample_id TEXT NOT NULL, request TEXT NOT NULL, slot TEXT NOT NULL, outcome TEXT NOT NULL, scores TEXT NOT NULL,
    UNIQUE (cell, position, trial));
CREATE TABLE IF NOT EXISTS cells (cell TEXT PRIMARY KEY, aggregate TEXT NOT NULL) WITHOUT ROWID;
"""

ATTEMPT_COLUMNS = {"provider": "TEXT", "model": "TEXT", "guessed_prompt": "INTEGER", "guessed_completion": "INTEGER"}
"""The columns of attempts that journals of earlier versions lack, with their types."""


def create_tables(db: sqlite3.Connection) -> None:
    """Make what is not there yet: the tables, and the columns that an earlier version did not write."""
    db.executescript(_TABLES)
    present = attempt_columns(db)
    for name, kind in ATTEMPT_COLUMNS.items():
        if name not in present:
            db.execute(f"ALTER TABLE attempts ADD COLUMN {name} {kind}")


def attempt_columns(db: sqlite3.Connection, schema: str = "main") -> tuple[str, ...]:
    """Return the names of the columns that attempts has, in their order."""
    return tuple(name for _, name, *_ in db.execute(f"PRAGMA {schema}.table_info(attempts)"))
