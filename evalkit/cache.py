"""Answers that later runs may use again: one SQLite file that many processes read and write at once.

A cache never fails a run: the first thing that goes wrong is its `problem`. When it cannot be read, every question is
asked as without it; when it cannot be written, what it holds is used and nothing is added.
"""

import contextlib
import dataclasses
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from evalkit.cache_schema import open_cache
from evalkit.codec import decode_prediction, encode_json, encode_messages, encode_prediction
from evalkit.digest import digest_text
from evalkit.environment import describe_versions
from evalkit.errors import StoreError
from evalkit.protocols import Model
from evalkit.records import CallKey, Json, Prediction, PredictionOutcome, Request

__all__ = ["KEPT", "Cached", "SharedCache", "cache_path", "read_answer"]

KEPT = frozenset({PredictionOutcome.OK, PredictionOutcome.TRUNCATED})
"""Outcomes that a later run may take for its own: the model's own words. A refusal or a failure is asked again."""

_GROUP_S = 0.05
"""How long a write waits for others to share its commit."""

_READER_PATIENCE_MS = 500
"""How long a look-up, which keeps every other call waiting, may wait for a lock that readers hardly ever meet."""

_PUT_QUESTION = "INSERT OR IGNORE INTO questions VALUES (?, ?)"
_PUT_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FIND = "SELECT prediction FROM answers WHERE request = ? AND sample_id = ? AND trial = ? AND slot = ?"


def cache_path(env: Mapping[str, str], base: Path) -> Path:
    """Return where the shared cache is: below `$EVALKIT_HOME`, else below `.evalkit` in `base`."""
    home = env.get("EVALKIT_HOME")
    return (Path(home).expanduser() if home else base / ".evalkit") / "cache.sqlite"


def read_answer(text: str) -> Prediction | None:
    """Return a kept answer, marked as the cache's; None when it cannot be read or should not have been kept."""
    try:
        found = decode_prediction(text)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return dataclasses.replace(found, from_cache=True) if found.outcome in KEPT else None


class SharedCache:
    """The cache of one run: it reads where it is asked, and writes in a thread of its own, many answers a commit."""

    def __init__(self, path: Path, *, run_id: str = "") -> None:
        """Open or create the file at `path`; when that cannot be, `problem` says why and nothing is ever found.

        `run_id` is kept beside each answer, which tells later where it comes from.
        """
        self.path = path
        self._run_id = run_id
        self.problem: str | None = None
        self._queue: list[tuple[Json, ...]] = []
        self._waiting = threading.Condition()
        self._is_closing = False
        self._db: sqlite3.Connection | None = None
        self._writer: threading.Thread | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = open_cache(path)
            self._db.execute(f"PRAGMA busy_timeout={_READER_PATIENCE_MS}")
        except (OSError, sqlite3.Error, StoreError) as error:
            self._give_up(error, "cannot be used", "the run did without it")
            self._stop_reading()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, key: CallKey) -> Prediction | None:
        """Return the kept answer to exactly this call, marked as the cache's; None where there is none."""
        if self._db is None:
            return None
        try:
            row = self._db.execute(_FIND, (key.request, key.sample_id, key.trial, key.slot)).fetchone()
        except sqlite3.Error as error:
            self._give_up(error, "cannot be read", "from there on, every call was asked")
            self._stop_reading()
            return None
        return None if row is None else read_answer(row[0])

    def put(self, request: Request, url: str, prediction: Prediction) -> None:
        """Queue an answer in place of an older one to the same call; one that is not KEPT is passed over."""
        if self.problem is not None or prediction.outcome not in KEPT:
            return
        key, messages = request.key, encode_messages(request.messages)
        row = (
            *(key.request, key.sample_id, key.trial, key.slot),
            *(url, request.model, encode_json(request.params), digest_text(messages)),
            *(encode_prediction(prediction), prediction.timing.started_at or time.time(), messages),
        )
        with self._waiting:
            self._queue.append(row)
            self._waiting.notify()
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_on, name="evalkit-cache", daemon=True)
            self._writer.start()

    def close(self) -> None:
        """Write what is queued and close the file; whoever is asked later finds nothing."""
        with self._waiting:
            self._is_closing = True
            self._waiting.notify()
        if self._writer is not None:
            self._writer.join()
        self._stop_reading()

    def _stop_reading(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def _write_on(self) -> None:
        try:
            version = describe_versions().get("evalkit", "")
            with contextlib.closing(open_cache(self.path)) as db:
                while rows := self._next_rows():
                    _write(db, rows, (version, self._run_id))
        except (OSError, ValueError, sqlite3.Error, StoreError) as error:
            self._give_up(error, "cannot be written", "from there on, no answer was kept")

    def _next_rows(self) -> Sequence[tuple[Json, ...]]:
        """Wait for rows, and a moment for more of them; none are left when the cache is closed."""
        with self._waiting:
            self._waiting.wait_for(lambda: self._queue or self._is_closing)
            self._waiting.wait_for(lambda: self._is_closing, timeout=_GROUP_S)
            rows, self._queue = self._queue, []
        return rows

    def _give_up(self, error: Exception, what: str, effect: str) -> None:
        """Keep the first problem alone; nothing is written any more."""
        with self._waiting:
            self._queue.clear()
            advice = f"{effect}; `evalkit cache clear` empties it, EVALKIT_HOME moves it"
            self.problem = self.problem or f"the shared cache {self.path} {what} ({error}); {advice}"


def _write(db: sqlite3.Connection, rows: Sequence[tuple[Json, ...]], origin: tuple[str, str]) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany(_PUT_QUESTION, [(row[7], row[-1]) for row in rows])
        db.executemany(_PUT_ANSWER, [(*row[:-1], *origin) for row in rows])
        db.execute("COMMIT")
    except sqlite3.Error:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


class Cached:
    """Answers a call from the shared cache, else asks the model under it and keeps the answer.

    With `refresh` every call is asked, and its answer takes the place of the kept one.
    """

    __slots__ = ("_cache", "_model", "_refresh", "_url")

    def __init__(self, model: Model, cache: SharedCache, *, url: str, refresh: bool = False) -> None:
        """Keep answers beside the `url` they came from, which says later why a call is not found."""
        self._model, self._cache, self._url, self._refresh = model, cache, url, refresh

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the kept answer, or ask, keep and return."""
        known = None if self._refresh else self._cache.find(request.key)
        if known is not None:
            if on_text is not None and known.text:
                on_text(known.text)
            return known
        prediction = await self._model.predict(request, on_text)
        self._cache.put(request, self._url, prediction)
        return prediction
