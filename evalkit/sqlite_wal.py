"""The write-ahead log of a database that several processes open at once."""

import sqlite3
import time
from contextlib import closing

__all__ = ["turn_to_wal"]

_PAUSE_S = 0.02


def turn_to_wal(db: sqlite3.Connection, patience_s: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait by itself for another process that does so too.

    Raises:
        sqlite3.Error: it cannot be written, or stayed locked for `patience_s` seconds.
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            with closing(db.execute("PRAGMA journal_mode=WAL")) as mode:
                mode.fetchall()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
