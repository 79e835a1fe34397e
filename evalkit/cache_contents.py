"""What the shared cache holds, and how to be rid of it."""

import contextlib
import sqlite3
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from evalkit.cache_schema import open_cache, read_cache
from evalkit.errors import StoreError

__all__ = ["CacheContents", "Chosen", "KeptModel", "clear_cache", "count_chosen", "describe_cache"]


@dataclass(frozen=True, slots=True)
class KeptModel:
    """The answers of one model at one endpoint; `oldest` and `newest` are Unix times."""

    model: str
    url: str
    answers: int
    samples: int
    oldest: float
    newest: float


@dataclass(frozen=True, slots=True)
class CacheContents:
    """A cache as a whole; `size` is the bytes of its files."""

    path: Path
    size: int
    models: tuple[KeptModel, ...]

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return sum(kept.answers for kept in self.models)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which answers are meant: of models whose id matches a pattern, given before a Unix time; else all of them."""

    model: str | None = None
    before: float | None = None

    @property
    def condition(self) -> tuple[str, dict[str, str | float | None]]:
        """Return what SQL's WHERE says, and its values."""
        said = "(:model IS NULL OR model GLOB :model) AND (:before IS NULL OR answered_at < :before)"
        return said, {"model": self.model, "before": self.before}


def describe_cache(path: Path) -> CacheContents:
    """Return what the cache at `path` holds, by model and endpoint.

    Raises:
        StoreError: it cannot be read.
    """
    with _reading(path) as db:
        rows = db.execute(
            "SELECT model, url, count(*), count(DISTINCT sample_id), min(answered_at), max(answered_at) FROM answers "
            "GROUP BY model, url ORDER BY model, url"
        ).fetchall()
    return CacheContents(path, sum(_size(file) for file in _files(path)), tuple(KeptModel(*row) for row in rows))


def count_chosen(path: Path, chosen: Chosen) -> int:
    """Return how many answers are meant.

    Raises:
        StoreError: the cache cannot be read.
    """
    condition, values = chosen.condition
    with _reading(path) as db:
        (count,) = db.execute(f"SELECT count(*) FROM answers WHERE {condition}", values).fetchone()  # noqa: S608  our own words
    return int(count)


def clear_cache(path: Path, chosen: Chosen) -> int:
    """Forget the answers that are meant, and return how many; a file that cannot be read goes when all are.

    Raises:
        StoreError: some are to be kept and the file cannot be read, or it cannot be written.
    """
    if not path.exists():
        return 0
    try:
        with contextlib.closing(open_cache(path)) as db:
            return _delete(db, chosen)
    except (sqlite3.Error, StoreError) as error:
        is_busy = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
        if chosen != Chosen() or is_busy:
            raise StoreError(f"{path}: cannot be cleared ({error}); nothing was removed") from None
    try:
        for file in _files(path):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from None
    return 0


def _delete(db: sqlite3.Connection, chosen: Chosen) -> int:
    condition, values = chosen.condition
    db.execute("BEGIN IMMEDIATE")
    removed = db.execute(f"DELETE FROM answers WHERE {condition}", values).rowcount  # noqa: S608  our own words
    db.execute("DELETE FROM questions WHERE digest NOT IN (SELECT question FROM answers)")
    db.execute("COMMIT")
    with contextlib.suppress(sqlite3.OperationalError):  # a run is reading: its space is used again later
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed


@contextlib.contextmanager
def _reading(path: Path) -> Generator[sqlite3.Connection]:
    try:
        with contextlib.closing(read_cache(path)) as db:
            yield db
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read ({error}); `evalkit cache clear` removes it") from None


def _files(path: Path) -> tuple[Path, ...]:
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
