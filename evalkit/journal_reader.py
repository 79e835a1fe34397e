"""The journal's reading end: sees every committed row, also while the run goes on."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from evalkit.codec import decode_messages, decode_prediction, decode_sample, decode_scores
from evalkit.errors import StoreError
from evalkit.records import CallKey, Json, Message, Prediction, PredictionOutcome, Sample, SampleResult

__all__ = ["JournalReader", "StoredResult"]


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One result as it was journaled, with the request that was sent for it."""

    result: SampleResult
    messages: tuple[Message, ...]
    params: Mapping[str, Json]


class JournalReader:
    """The reading end: sees every committed row, also while the run goes on."""

    _COLUMNS = (
        "SELECT r.id, r.cell, r.sample_id, r.trial, r.request, r.slot, r.outcome, r.scores, "
        "c.messages, c.params, c.prediction FROM results r LEFT JOIN calls c "
        "ON c.request = r.request AND c.sample_id = r.sample_id AND c.trial = r.trial AND c.slot = r.slot "
    )

    def __init__(self, path: Path) -> None:
        """Open the journal at `path` for reading.

        Raises:
            StoreError: there is none.
        """
        if not path.is_file():
            raise StoreError(f"{path}: no journal there; name a run folder that holds calls.sqlite")
        try:
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30)
            self._db.execute("SELECT 1 FROM cells LIMIT 1")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: not a journal that can be read ({error})") from None
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def datasets(self) -> tuple[str, ...]:
        """Return the names of the datasets kept here, sorted."""
        return tuple(name for (name,) in self._db.execute("SELECT DISTINCT dataset FROM samples ORDER BY dataset"))

    def samples(self, dataset: str) -> Iterator[Sample]:
        """Yield a dataset's samples in their order."""
        rows = self._db.execute("SELECT content FROM samples WHERE dataset = ? ORDER BY position", (dataset,))
        return (decode_sample(content) for (content,) in rows)

    def results(self, cell: str, *, sample_id: str | None = None) -> Iterator[StoredResult]:
        """Yield a cell's results, or those of one of its samples, by sample, then trial."""
        one = "" if sample_id is None else "AND r.sample_id = ? "
        values = (cell,) if sample_id is None else (cell, sample_id)
        rows = self._db.execute(self._COLUMNS + f"WHERE r.cell = ? {one}ORDER BY r.position, r.trial", values)
        return (_stored(row) for row in rows)

    def results_after(self, rowid: int, *, limit: int = 1000) -> list[tuple[int, StoredResult]]:
        """Return at most `limit` results written after `rowid`, oldest first, of any cell."""
        rows = self._db.execute(self._COLUMNS + "WHERE r.id > ? ORDER BY r.id LIMIT ?", (rowid, limit))
        return [(row[0], _stored(row)) for row in rows]

    def cell(self, cell: str) -> dict[str, Json] | None:
        """Return a cell's aggregate, or None while it has not ended."""
        row = self._db.execute("SELECT aggregate FROM cells WHERE cell = ?", (cell,)).fetchone()
        return None if row is None else json.loads(row[0])

    def attempts_by_status(self) -> dict[str, int]:
        """Return how many requests were sent, by HTTP status; "none" where no reply came."""
        rows = self._db.execute("SELECT coalesce(status, 'none'), count(*) FROM attempts GROUP BY 1 ORDER BY 1")
        return {str(status): number for status, number in rows}


def _stored(row: tuple[Json, ...]) -> StoredResult:
    _, cell, sample_id, trial, request, slot, outcome, scores, messages, params, prediction = row
    return StoredResult(
        result=SampleResult(
            cell=cell,
            sample_id=sample_id,
            trial=trial,
            prediction=Prediction(PredictionOutcome(outcome)) if prediction is None else decode_prediction(prediction),
            scores=decode_scores(scores),
            key=CallKey(request, sample_id, trial, slot),
        ),
        messages=() if messages is None else decode_messages(messages),
        params={} if params is None else json.loads(params),
    )
