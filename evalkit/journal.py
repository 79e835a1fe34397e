"""Finished calls on disk as they happen: the SQLite file that resuming, re-scoring and publishing read."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from evalkit.codec import (
    decode_prediction,
    encode_json,
    encode_messages,
    encode_prediction,
    encode_sample,
    encode_scores,
)
from evalkit.errors import StoreError
from evalkit.journal_schema import create_tables
from evalkit.records import (
    CallKey,
    Json,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    SampleResult,
)
from evalkit.tokens import Tokens, billed_tokens

__all__ = ["ASK_AGAIN", "Journal", "settle_journal"]

ASK_AGAIN = frozenset({PredictionOutcome.INFRA_ERROR, PredictionOutcome.NOT_RUN, PredictionOutcome.REJECTED})
"""Outcomes that a continued run asks again: no model answered and nothing was paid. Every other answer stands."""

_INSERT_ATTEMPT = (
    "INSERT INTO attempts (id, request, sample_id, trial, slot, started_at, provider, model, guessed_prompt, "
    "guessed_completion) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_END_ATTEMPT = "UPDATE attempts SET ended_at = ?, outcome = ?, status = ?, served_model = ?, usage = ? WHERE id = ?"
_INSERT_CALL = "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_RESULT = (
    "INSERT OR REPLACE INTO results (cell, position, trial, sample_id, request, slot, outcome, scores) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_STATEMENTS = (_INSERT_ATTEMPT, _END_ATTEMPT, _INSERT_CALL, _INSERT_RESULT)
_ATTEMPT, _END, _CALL, _RESULT = range(4)


class Journal:
    """The writing end. Rows queued in one turn of the event loop share one commit.

    WAL with synchronous=NORMAL: a committed row survives the death of this process, however it dies.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file at `path`.

        Raises:
            StoreError: it is not a journal, or cannot be written.
        """
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            create_tables(self._db)
            (self._attempts,) = self._db.execute("SELECT coalesce(max(id), 0) FROM attempts").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be used as a journal ({error}); check the disk and the folder") from None
        self._queues: tuple[list[tuple[Json, ...]], ...] = ([], [], [], [])
        self._committed: asyncio.Future[None] | None = None
        self._failure: StoreError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued and close the file."""
        self._flush()
        self._db.close()

    def put_samples(self, dataset: str, samples: Iterable[Sample]) -> None:
        """Keep the samples of a dataset, in order; what was kept under that name is replaced."""
        rows = ((dataset, position, s.id, encode_sample(s)) for position, s in enumerate(samples))
        with self._transaction():
            self._db.execute("DELETE FROM samples WHERE dataset = ?", (dataset,))
            self._db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)

    def find(self, key: CallKey) -> Prediction | None:
        """Return the journaled answer to exactly this call, or None when it must be asked (again)."""
        prediction = self.last(key)
        return None if prediction is None or prediction.outcome in ASK_AGAIN else prediction

    def last(self, key: CallKey) -> Prediction | None:
        """Return how this call ended when it was last asked, a failure that would be asked again included."""
        row = self._db.execute(
            "SELECT prediction FROM calls WHERE request = ? AND sample_id = ? AND trial = ? AND slot = ?",
            (key.request, key.sample_id, key.trial, key.slot),
        ).fetchone()
        return None if row is None else decode_prediction(row[0], from_journal=True)

    async def start_attempt(
        self,
        key: CallKey,
        started_at: float,
        *,
        provider: str | None = None,
        model: str | None = None,
        guess: Tokens | None = None,
    ) -> int:
        """Write that a request is about to be sent; return the attempt's number once that is on disk.

        `guess` stands for its tokens should they never be told.
        """
        self._attempts += 1
        number = self._attempts
        guessed = (0, 0) if guess is None else (guess.prompt, guess.completion)
        row = (number, key.request, key.sample_id, key.trial, key.slot, started_at, provider, model, *guessed)
        await self._commit(_ATTEMPT, row)
        return number

    def end_attempt(self, number: int, prediction: Prediction, ended_at: float) -> None:
        """Queue how an attempt ended; it shares the commit of the answer that follows."""
        tokens = encode_json(billed_tokens(prediction))
        failure = prediction.failure
        outcome = prediction.outcome if failure is None else failure.kind
        status = 200 if failure is None else failure.status
        self._queue(_END, (ended_at, outcome, status, prediction.served_model, tokens, number))

    async def put_call(self, request: Request, prediction: Prediction) -> None:
        """Keep the answer to a call; returns once it is on disk, before anyone may use it."""
        key = request.key
        await self._commit(
            _CALL,
            (
                key.request,
                key.sample_id,
                key.trial,
                key.slot,
                request.model,
                prediction.outcome,
                encode_messages(request.messages),
                encode_json(request.params),
                encode_prediction(prediction),
            ),
        )

    def put_result(self, result: SampleResult, position: int) -> None:
        """Queue the scored result of the sample at `position` of its dataset; it can be made again from the call."""
        self._queue(
            _RESULT,
            (
                result.cell,
                position,
                result.trial,
                result.sample_id,
                result.key.request,
                result.key.slot,
                result.prediction.outcome,
                encode_scores(result.scores),
            ),
        )

    def put_cell(self, cell: str, aggregate: Mapping[str, Json]) -> None:
        """Write a cell's aggregate; everything queued before it is on disk first."""
        self._flush()
        self._db.execute("INSERT OR REPLACE INTO cells VALUES (?, ?)", (cell, encode_json(aggregate)))

    def flush(self) -> None:
        """Write everything queued, now."""
        self._flush()

    def forget_results(self) -> None:
        """Drop results and aggregates of an earlier, unfinished try: they are made again from the calls."""
        with self._transaction():
            self._db.execute("DELETE FROM results")
            self._db.execute("DELETE FROM cells")

    def _queue(self, kind: int, row: tuple[Json, ...]) -> asyncio.Future[None]:
        if self._failure is not None:
            raise self._failure
        self._queues[kind].append(row)
        if self._committed is None:
            loop = asyncio.get_running_loop()
            self._committed = loop.create_future()
            loop.call_soon(self._flush)
        return self._committed

    async def _commit(self, kind: int, row: tuple[Json, ...]) -> None:
        await asyncio.shield(self._queue(kind, row))

    def _flush(self) -> None:
        done, self._committed = self._committed, None
        try:
            self._write()
        except sqlite3.Error as error:
            self._failure = StoreError(
                f"{self.path}: cannot write ({error}); check the disk, then run the same command again"
            )
        if done is not None and not done.done():
            if self._failure is None:
                done.set_result(None)
            else:
                done.set_exception(self._failure)
                done.exception()  # whoever queued without waiting hears of it with the next row
        if self._failure is not None and done is None:
            raise self._failure

    def _write(self) -> None:
        if not any(self._queues):
            return
        with self._transaction():
            for statement, rows in zip(_STATEMENTS, self._queues, strict=True):
                if rows:
                    self._db.executemany(statement, rows)
        for rows in self._queues:
            rows.clear()

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """BEGIN IMMEDIATE, then COMMIT, or ROLLBACK when the body raised."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise
        else:
            self._db.execute("ROLLBACK")


def settle_journal(path: Path) -> None:
    """Make a journal that nobody writes any more one plain file, readable from a read-only folder too."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db, contextlib.suppress(sqlite3.Error):
        db.execute("PRAGMA journal_mode=DELETE")
