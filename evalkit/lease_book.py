"""The small SQLite file where processes that call one endpoint write down what they hold; it outlives none of them."""

import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from evalkit.process_identity import ProcessIdentity, is_gone
from evalkit.shares import Knowledge, Member

__all__ = ["BookBusyError", "LeaseBook", "Page", "Row", "count_others", "is_damaged"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS processes (
    pid INTEGER, started TEXT, namespace TEXT, heartbeat REAL,
    name TEXT PRIMARY KEY, held INTEGER, wanted INTEGER, in_flight INTEGER, most INTEGER, knows INTEGER, turn_at REAL);
CREATE TABLE IF NOT EXISTS knowledge (
    one INTEGER PRIMARY KEY CHECK (one = 1), total INTEGER, refused_at INTEGER, fell_from INTEGER,
    news_from REAL, grow_at REAL, probe_at REAL, cool_down_s REAL, deaf_s REAL);
"""
_SILENCE_S = 60.0
"""A process that looks four times a second and was silent for so long is gone, or frozen for good."""

_UNEVEN_S = 1.0
_MEMBER = ", ".join(field.name for field in fields(Member))
_KNOWLEDGE = ", ".join(field.name for field in fields(Knowledge))


class BookBusyError(Exception):
    """Another process writes just now."""


@dataclass(frozen=True, slots=True)
class Row:
    """One process's line: who it is, when it last looked, and its place at the table."""

    process: ProcessIdentity
    heartbeat: float
    member: Member

    def is_dead(self, now: float, is_gone: Callable[[ProcessIdentity], bool]) -> bool:
        """Say whether it ended, is silent for too long, or wrote before the machine's clock began anew."""
        return not -_UNEVEN_S <= now - self.heartbeat <= _SILENCE_S or is_gone(self.process)


class Page:
    """The book inside one transaction: what is read here stays true until it is written."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self) -> list[Row]:
        """Return every process's line."""
        found = self._db.execute(f"SELECT pid, started, namespace, heartbeat, {_MEMBER} FROM processes")  # noqa: S608  our own field names
        return [Row(ProcessIdentity(*row[:3]), row[3], Member(*row[4:])) for row in found]

    def write(self, row: Row) -> None:
        """Write a process's line."""
        values = (*astuple(row.process), row.heartbeat, *astuple(row.member))
        names = f"pid, started, namespace, heartbeat, {_MEMBER}"
        self._db.execute(f"INSERT OR REPLACE INTO processes ({names}) VALUES ({_marks(values)})", values)  # noqa: S608  our own field names

    def remove(self, names: Sequence[str]) -> None:
        """Strike processes from the book."""
        self._db.executemany("DELETE FROM processes WHERE name = ?", [(name,) for name in names])

    def knowledge(self) -> Knowledge:
        """Return what all learned together."""
        found = self._db.execute(f"SELECT {_KNOWLEDGE} FROM knowledge").fetchone()  # noqa: S608  our own field names
        return Knowledge(*found) if found else Knowledge()

    def learn(self, knowledge: Knowledge) -> None:
        """Write what all learned together."""
        values = (1, *astuple(knowledge))
        self._db.execute(f"INSERT OR REPLACE INTO knowledge (one, {_KNOWLEDGE}) VALUES ({_marks(values)})", values)  # noqa: S608  our own field names


class LeaseBook:
    """One file, opened anew for each transaction: whoever replaces it is noticed, and nothing is held between."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, name: str, folder: Path) -> "LeaseBook":
        """Return the book of this name, whose form is the one that this version of evalkit reads."""
        return cls(folder / f"{name}.1.sqlite")

    @contextmanager
    def page(self) -> Generator[Page]:
        """Hold the book alone; what was written stands when the block ends, unless it raised.

        Raises:
            BookBusyError: another process holds it.
            OSError: the folder cannot be made.
            sqlite3.Error: the file cannot be used.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        db = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        try:
            yield from self._transact(db)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise BookBusyError from None
            raise
        finally:
            db.close()

    def _transact(self, db: sqlite3.Connection) -> Generator[Page]:
        # A machine that stops loses every process in the book, so there is nothing to sync for.
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN EXCLUSIVE")  # so that a commit never finds a reader in its way
        try:
            for statement in _SCHEMA.split(";")[:-1]:
                db.execute(statement)
            yield Page(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def discard(self) -> None:
        """Remove a file that cannot be read; the next page starts a new one."""
        for suffix in ("", "-journal"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def count_others(*, name: str, folder: Path, clock: Callable[[], float] = time.monotonic) -> int:
    """Return how many processes share a book just now, without taking a place.

    Raises:
        OSError: the folder cannot be used.
        sqlite3.Error: the book cannot be read.
    """
    book = LeaseBook.of(name, folder)
    if not book.path.exists():
        return 0
    with book.page() as page:
        return sum(not row.is_dead(clock(), is_gone) for row in page.rows())


def is_damaged(error: sqlite3.DatabaseError) -> bool:
    """Say whether an error means that the file is no book: not a database, torn, or of another shape."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
