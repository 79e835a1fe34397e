"""A file of an earlier version is brought up to date whole or not at all; a later one is left alone."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.history import History
from evalkit.history_schema import MIGRATIONS, open_history
from tests.remembering import stored

SECOND = """
ALTER TABLE runs ADD COLUMN team TEXT;
CREATE TABLE notes (run_id TEXT PRIMARY KEY, text TEXT NOT NULL);
"""
BROKEN = """
CREATE TABLE notes (run_id TEXT PRIMARY KEY);
INSERT INTO nowhere VALUES (1);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_later_evalkit_reads_a_file_of_this_one(path: Path, tmp_path: Path) -> None:
    folder, run = stored(tmp_path, rows=3)
    with History(path) as history:
        past = history.register(folder, run)
    with closing(open_history(path, (*MIGRATIONS, SECOND))) as db:
        assert db.execute("SELECT run_id, team FROM runs").fetchall() == [(past.run_id, None)]
    assert version(path) == len(MIGRATIONS) + 1
    assert "notes" in tables(path)


def test_a_file_of_a_later_evalkit_is_left_alone(path: Path) -> None:
    open_history(path, (*MIGRATIONS, SECOND)).close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="written by a later evalkit"):
        History(path)
    assert path.read_bytes() == before


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    open_history(path).close()
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_history(path, (*MIGRATIONS, BROKEN))
    assert version(path) == len(MIGRATIONS)
    assert "notes" not in tables(path)


def test_another_program_s_file_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(StoreError, match="not evalkit's history"):
        History(path)
    assert tables(path) == {"theirs"}


def test_many_may_make_the_file_at_once(path: Path) -> None:
    failed: list[Exception] = []

    def make() -> None:
        try:
            open_history(path).close()
        except (sqlite3.Error, StoreError) as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert version(path) == len(MIGRATIONS)
