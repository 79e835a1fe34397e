"""The journal's reading end: sees every committed row, also while the run goes on."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from evalkit.codec import decode_messages, decode_prediction, decode_sample, decode_scores
from evalkit.errors import StoreError
from evalkit.journal_columns import StoredColumns, read_groupings, read_results, read_sample_names
from evalkit.journal_schema import ATTEMPT_COLUMNS, attempt_columns
from evalkit.records import CallKey, Json, Message, Prediction, PredictionOutcome, Sample, SampleResult
from evalkit.spending import Account, Caller

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

    def samples_of(self, dataset: str, sample_ids: Sequence[str]) -> list[Sample]:
        """Return those samples of a dataset, in its order."""
        marks = ", ".join("?" * len(sample_ids))
        query = f"SELECT content FROM samples WHERE dataset = ? AND sample_id IN ({marks}) ORDER BY position"  # noqa: S608  marks
        return [decode_sample(content) for (content,) in self._db.execute(query, (dataset, *sample_ids))]

    def results_of(self, cell: str, sample_ids: Sequence[str]) -> list[StoredResult]:
        """Return a cell's results of those samples, by sample, then trial."""
        marks = ", ".join("?" * len(sample_ids))
        chosen = f"WHERE r.cell = ? AND r.sample_id IN ({marks}) ORDER BY r.position, r.trial"
        return [_stored(row) for row in self._db.execute(self._COLUMNS + chosen, (cell, *sample_ids))]

    def sample_names(self, dataset: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ids and the content digests of a dataset's samples, in its order."""
        return read_sample_names(self._db, dataset)

    def sample_groupings(self, dataset: str) -> Iterator[tuple[int, str]]:
        """Yield the position and [group, slices] as JSON of each sample of a dataset that has either."""
        return read_groupings(self._db, dataset)

    def result_columns(self, cell: str, scorers: Sequence[str], *, trials: int) -> Iterator[StoredColumns]:
        """Yield how a cell's results ended, without their texts, in stretches: half a second for a million."""
        return read_results(self._db, cell, scorers, trials=trials)

    def token_columns(self, cell: str) -> list[tuple[int, int | None, int | None]]:
        """Return each result's position, and its prompt's and answer's tokens: None unknown, 0 where none are paid."""
        return self._db.execute(_USAGE_COLUMNS, (cell,)).fetchall()

    def serving_columns(self, cell: str) -> list[tuple[str | None, str | None, float | None, int | None]]:
        """Return each answered call's served model, fingerprint, service seconds and output tokens, None where untold.

        Answers that an earlier run paid for are left out: they say nothing of how this one was served.
        """
        return self._db.execute(_SERVING_COLUMNS, (cell,)).fetchall()

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

    def judge_calls(self) -> dict[str, int]:
        """Return how many calls of each scorer's judge have an answer, anchors included and reformats apart."""
        query = "SELECT slot FROM calls WHERE slot <> '' AND outcome NOT IN ('infra_error', 'not_run', 'rejected')"
        slots = (slot.split(":") for (slot,) in self._db.execute(query))
        return Counter(parts[1] for parts in slots if len(parts) == _SLOT_PARTS)

    def accounts(self) -> dict[Caller, Account]:
        """Return what the requests sent came to, by provider and model.

        A request that nobody ended, because the process was killed, counts with the tokens guessed for it.
        """
        present = attempt_columns(self._db)
        columns = {name: name if name in present else f"NULL AS {name}" for name in ATTEMPT_COLUMNS}
        rows = self._db.execute(_ACCOUNTS.format(**columns))
        return {(provider, model): Account(*counts) for provider, model, *counts in rows}


_SLOT_PARTS = 3
_USAGE_COLUMNS = """
SELECT position, CASE WHEN is_free THEN 0 ELSE json_extract(usage, '$[0]') END,
  CASE WHEN is_free THEN 0 ELSE json_extract(usage, '$[1]') END
FROM (SELECT r.position, json_extract(c.prediction, '$.usage') AS usage,
    r.outcome IN ('rejected', 'too_long', 'infra_error', 'not_run') OR (r.outcome IN ('refused', 'filtered')
      AND coalesce(json_extract(c.prediction, '$.failure[2]'), 0) >= 400) AS is_free
  FROM results r LEFT JOIN calls c
  ON c.request = r.request AND c.sample_id = r.sample_id AND c.trial = r.trial AND c.slot = r.slot WHERE r.cell = ?)
"""
_SERVING_COLUMNS = """
SELECT json_extract(c.prediction, '$.served_model'), json_extract(c.prediction, '$.fingerprint'),
  json_extract(c.prediction, '$.timing[2]'), json_extract(c.prediction, '$.usage[1]')
FROM results r JOIN calls c
ON c.request = r.request AND c.sample_id = r.sample_id AND c.trial = r.trial AND c.slot = r.slot
WHERE r.cell = ? AND r.outcome IN ('ok', 'truncated') AND json_extract(c.prediction, '$.from_cache') IS NULL
ORDER BY r.position, r.trial
"""

_ACCOUNTS = """
SELECT provider, model, count(*), sum(coalesce(prompt, 0)), sum(coalesce(completion, 0)),
  sum(CASE WHEN prompt IS NULL THEN coalesce(guessed_prompt, 0) ELSE 0 END),
  sum(CASE WHEN completion IS NULL THEN coalesce(guessed_completion, 0) ELSE 0 END),
  sum(prompt IS NULL OR completion IS NULL)
FROM (
  SELECT provider, guessed_prompt, guessed_completion, coalesce(model, (SELECT model FROM calls c
      WHERE c.request = a.request AND c.sample_id = a.sample_id AND c.trial = a.trial AND c.slot = a.slot)) AS model,
    CASE WHEN status >= 400 THEN 0 ELSE json_extract(usage, '$[0]') END AS prompt,
    CASE WHEN status >= 400 THEN 0 ELSE json_extract(usage, '$[1]') END AS completion
  FROM (SELECT request, sample_id, trial, slot, status, usage, {provider}, {model}, {guessed_prompt},
    {guessed_completion} FROM attempts) a)
GROUP BY provider, model
"""
"""Sums by provider and model; where an older journal does not say the model of an attempt, its call does."""


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
