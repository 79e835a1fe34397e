"""Answers that later runs may use again: one SQLite file that many processes read and write at once.

A cache never fails a run: a file that cannot be used is one `problem`, and every question is asked as without it.
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

_PUT_QUESTION = "INSERT OR IGNORE INTO questions VALUES (?, ?)"
_PUT_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
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

    def __init__(self, path: Path) -> None:
        """Open or create the file at `path`; when that cannot be, `problem` says why and nothing is ever found."""
        self.path = path
        self.problem: str | None = None
        self._queue: list[tuple[Json, ...]] = []
        self._waiting = threading.Condition()
        self._is_closing = False
        self._db: sqlite3.Connection | None = None
        self._writer: threading.Thread | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = open_cache(path)
        except (OSError, sqlite3.Error, StoreError) as error:
            self._give_up(error)

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
            self._give_up(error)
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
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def _write_on(self) -> None:
        try:
            version = describe_versions().get("evalkit", "")
            with contextlib.closing(open_cache(self.path)) as db:
                while rows := self._next_rows():
                    _write(db, rows, version)
        except (OSError, ValueError, sqlite3.Error, StoreError) as error:
            self._give_up(error)

    def _next_rows(self) -> Sequence[tuple[Json, ...]]:
        """Wait for rows, and a moment for more of them; none are left when the cache is closed."""
        with self._waiting:
            self._waiting.wait_for(lambda: self._queue or self._is_closing)
            self._waiting.wait_for(lambda: self._is_closing, timeout=_GROUP_S)
            rows, self._queue = self._queue, []
        return rows

    def _give_up(self, error: Exception) -> None:
        """Keep the first problem alone: the run goes on without the cache."""
        with self._waiting:
            self._queue.clear()
            advice = "the run did without it; `evalkit cache clear` removes it, EVALKIT_HOME moves it"
            self.problem = self.problem or f"the shared cache {self.path} cannot be used ({error}); {advice}"


def _write(db: sqlite3.Connection, rows: Sequence[tuple[Json, ...]], version: str) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany(_PUT_QUESTION, [(row[7], row[-1]) for row in rows])
        db.executemany(_PUT_ANSWER, [(*row[:-1], version) for row in rows])
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
