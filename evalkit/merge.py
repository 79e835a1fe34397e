"""Joins the journals of a plan's shards: a union by call key that refuses unequal answers."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from evalkit.errors import StoreError
from evalkit.journal import ASK_AGAIN
from evalkit.journal_schema import attempt_columns, create_tables

__all__ = ["forget_attempts", "forget_judgements", "forget_samples", "merge_journals"]

_SAME_CALL = (
    "ours.request = theirs.request AND ours.sample_id = theirs.sample_id "
    "AND ours.trial = theirs.trial AND ours.slot = theirs.slot"
)
_UNEQUAL = f"""
SELECT theirs.sample_id, theirs.trial FROM part.calls theirs JOIN main.calls ours ON {_SAME_CALL}
WHERE ours.outcome IN ('ok', 'truncated') AND theirs.outcome IN ('ok', 'truncated')
  AND json_extract(ours.prediction, '$.text') <> json_extract(theirs.prediction, '$.text') LIMIT 1
"""  # noqa: S608  made of constants
_ASK_AGAIN = "(" + ", ".join(f"'{outcome}'" for outcome in sorted(ASK_AGAIN)) + ")"
_COPY = f"""
INSERT OR IGNORE INTO main.samples SELECT * FROM part.samples;
DELETE FROM main.calls AS ours WHERE ours.outcome IN {_ASK_AGAIN} AND EXISTS (
  SELECT 1 FROM part.calls theirs WHERE {_SAME_CALL} AND theirs.outcome NOT IN {_ASK_AGAIN});
INSERT OR IGNORE INTO main.calls SELECT * FROM part.calls;
"""  # noqa: S608  made of constants


def merge_journals(parts: Sequence[Path], into: Path) -> None:
    """Write to `into` every sample, call and attempt of the journals `parts`.

    An answer beats a failure that would be asked again. Results are not copied: they are made from the calls.

    Raises:
        StoreError: two journals hold different answers to one call, or one cannot be read.
    """
    db = sqlite3.connect(into, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        create_tables(db)
        for number, part in enumerate(parts):
            if part.resolve() in {other.resolve() for other in parts[:number]}:
                raise StoreError(f"{part}: named twice; name every shard once")
            if not part.is_file():
                raise StoreError(f"{part}: no journal there; every shard's run folder holds a calls.sqlite")
            db.execute("ATTACH ? AS part", (str(part),))
            if unequal := db.execute(_UNEQUAL).fetchone():
                sample_id, trial = unequal
                raise StoreError(
                    f"{part}: another answer to sample {sample_id!r}, trial {trial}, than an earlier shard holds; "
                    "merge the shards of one run only, each once"
                )
            attempts = ", ".join(name for name in attempt_columns(db, "part") if name != "id")
            copy = f"INSERT INTO main.attempts ({attempts}) SELECT {attempts} FROM part.attempts;"  # noqa: S608  names
            db.executescript(f"BEGIN IMMEDIATE; {_COPY} {copy} COMMIT;")
            db.execute("DETACH part")
    except sqlite3.Error as error:
        raise StoreError(f"cannot merge journals ({error}); check that each is the calls.sqlite of a run") from None
    finally:
        db.close()


def forget_judgements(journal: Path) -> None:
    """Drop what judges replied from a journal that nobody writes; what candidates answered stays.

    Raises:
        StoreError: it cannot be written.
    """
    _forget(journal, "calls WHERE slot <> ''")


def forget_attempts(journal: Path) -> None:
    """Drop the requests that were sent from a journal that nobody writes; the answers stay.

    Raises:
        StoreError: it cannot be written.
    """
    _forget(journal, "attempts")


def forget_samples(journal: Path) -> None:
    """Drop the samples from a journal that nobody writes; the answers stay.

    Raises:
        StoreError: it cannot be written.
    """
    _forget(journal, "samples")


def _forget(journal: Path, rows: str) -> None:
    try:
        with contextlib.closing(sqlite3.connect(journal)) as db, db:
            db.execute(f"DELETE FROM {rows}")  # noqa: S608  our own words
    except sqlite3.Error as error:
        raise StoreError(f"{journal}: cannot be written ({error}); check the disk and the folder") from None
