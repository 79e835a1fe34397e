"""The explorer's data inside the page: a head, an index of all samples, and their texts in compressed chunks."""

import base64
import gzip
import hashlib
import io
import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evalkit.journal import StoredResult
from evalkit.records import Json, PredictionOutcome, RunResult, ScoreOutcome
from evalkit.report.assets import load_samples_section
from evalkit.report.sample_rows import Board, SampleRow, lay_out, read_rows
from evalkit.report.sample_texts import describe_texts, preview
from evalkit.store import RunFolder

__all__ = ["SAMPLES_SECTION", "PackedSamples", "pack_samples"]

SAMPLES_SECTION = load_samples_section()
"""The explorer's static markup: filters, list and detail, filled by the page's script."""

_ROWS_A_CHUNK = 500
_ALWAYS_WHOLE = 5_000
_BUDGET_BYTES = 150_000
_BUDGET_BYTES_A_ROW = 500
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ABSENT = "."
_VALUE_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class PackedSamples:
    """The page's data tags, what the page must say about texts left out, and how many samples it lists."""

    tags: str
    note: str | None
    count: int


def pack_samples(folder: RunFolder, run: RunResult) -> PackedSamples:
    """Pack the samples of a stored run; the same run gives the same bytes.

    Above 5,000 samples the texts have a budget: failures come first, then a part drawn with the run's seed.
    """
    board = lay_out(run)
    index, texts = _Index(board), _Chunks(has_budget=True)
    with folder.reader() as reader:
        for row in read_rows(reader, board):
            index.add(row)
            texts.add(_encode(describe_texts(row, board)))
    note = None
    if not texts.close():
        chosen = _choose(texts, index.failures, run.seed)
        texts = _pack_chosen(folder, board, chosen)
        note = _note(sum(chosen), index.count, run.seed)
    head = _script("head", "application/json", _escape(index.head()))
    packed_index = _Gzip()
    packed_index.write(_encode(index.columns()))
    chunks = (_packed(f"c{number}", chunk) for number, chunk in enumerate(texts.chunks))
    return PackedSamples("".join([head, _packed("index", packed_index.close()), *chunks]), note, index.count)


def _choose(texts: "_Chunks", failures: bytearray, seed: int) -> bytearray:
    """Mark the rows whose texts are embedded: every failure, then others in a seeded order while they fit."""
    chosen = bytearray(failures)
    left = _budget(len(failures)) - sum(texts.cost(row) for row, failed in enumerate(failures) if failed)
    others = (row for row, failed in enumerate(failures) if not failed)
    for row in sorted(others, key=lambda row: hashlib.sha256(f"{seed}:{row}".encode()).digest()):
        left -= texts.cost(row)
        if left < 0:
            break
        chosen[row] = 1
    return chosen


def _pack_chosen(folder: RunFolder, board: Board, chosen: bytearray) -> "_Chunks":
    texts = _Chunks(has_budget=False)
    with folder.reader() as reader:
        for place, row in enumerate(read_rows(reader, board)):
            texts.add(_encode(describe_texts(row, board)) if chosen[place] else b"null")
    texts.close()
    return texts


def _note(embedded: int, count: int, seed: int) -> str:
    return (
        f"The texts of {embedded:,} of {count:,} samples are in this page: every sample with a prediction that was "
        f"not scored, and others drawn with seed {seed}. All texts are in samples.parquet."
    )


def _budget(rows: int) -> int:
    return _BUDGET_BYTES + _BUDGET_BYTES_A_ROW * rows


class _Index:
    """Columns over all samples, small enough to hold and to filter as a whole."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._ids: list[str] = []
        self._evaluations: list[int] = []
        self._previews: list[str] = []
        self._slices: list[list[int]] = []
        self._slice_numbers: dict[tuple[str, str], int] = {}
        self._outcome_numbers: dict[tuple[str, str], int] = {}
        self._outcomes = [io.StringIO() for _ in board.models]
        self._values: list[list[float | None]] = [[] for _ in board.models]
        self.failures = bytearray()

    @property
    def count(self) -> int:
        """How many samples there are; one asked by two evaluations is two."""
        return len(self._ids)

    def add(self, row: SampleRow) -> None:
        """Append one sample."""
        numbers = self._slice_numbers
        self._ids.append(row.sample.id)
        self._evaluations.append(row.evaluation)
        self._previews.append(preview(row.sample))
        self._slices.append([numbers.setdefault(pair, len(numbers)) for pair in row.sample.slices.items()])
        scorer = self._board.evaluations[row.evaluation].scorers[0]
        failed = [self._add_results(model, results, scorer) for model, results in enumerate(row.results)]
        self.failures.append(any(failed))

    def _add_results(self, model: int, results: tuple[StoredResult, ...], scorer: str) -> bool:
        codes = [_ABSENT] * self._board.trials
        values: list[float | None] = [None] * self._board.trials
        failed = False
        for stored in results:
            outcome, value = _judged(stored, scorer)
            number = self._outcome_numbers.setdefault(outcome, len(self._outcome_numbers))
            codes[stored.result.trial] = _DIGITS[number]
            values[stored.result.trial] = None if value is None else round(value, _VALUE_DECIMALS)
            failed = failed or value is None
        self._outcomes[model].write("".join(codes))
        self._values[model].extend(values)
        return failed

    def head(self) -> dict[str, Json]:
        """Return what the page needs before it opens anything."""
        return {
            "models": list(self._board.models),
            "evaluations": [
                {"name": e.name, "scorers": list(e.scorers), "counts_as": e.counts_as} for e in self._board.evaluations
            ],
            "outcomes": [{"score": score, "call": call} for score, call in self._outcome_numbers],
            "slices": [list(pair) for pair in self._slice_numbers],
            "trials": self._board.trials,
            "chunk": _ROWS_A_CHUNK,
        }

    def columns(self) -> dict[str, Json]:
        """Return all columns."""
        return {
            "ids": self._ids,
            "evaluations": self._evaluations,
            "previews": self._previews,
            "slices": self._slices,
            "outcomes": [codes.getvalue() for codes in self._outcomes],
            "values": self._values,
        }


def _judged(stored: StoredResult, scorer: str) -> tuple[tuple[str, str], float | None]:
    """Return how scoring and call ended, and the value; an unanswered prediction hands its outcome down."""
    call = stored.result.prediction.outcome
    score = stored.result.scores.get(scorer)
    if score is not None:
        return (score.outcome.value, call.value), score.value
    handed_down = ScoreOutcome.NOT_RUN if call in (PredictionOutcome.OK, PredictionOutcome.TRUNCATED) else call
    return (handed_down.value, call.value), None


class _Chunks:
    """Rows' texts, compressed as they come; beyond the budget only their sizes are kept."""

    def __init__(self, *, has_budget: bool) -> None:
        self.chunks: list[str] = []
        self._has_budget = has_budget
        self._is_whole = True
        self._row_bytes = array("q")
        self._chunk_ratios = array("d")
        self._open: _Gzip | None = None
        self._packed_bytes = 0

    def add(self, encoded: bytes) -> None:
        """Append the texts of one row."""
        if self._open is None:
            self._open = _Gzip()
        self._open.write(b"," if self._open.size else b"[")
        self._open.write(encoded)
        self._row_bytes.append(len(encoded))
        if len(self._row_bytes) % _ROWS_A_CHUNK == 0:
            self._end_chunk(self._open)

    def close(self) -> bool:
        """End the last chunk; return whether all of them are kept."""
        if self._open is not None:
            self._end_chunk(self._open)
        return self._is_whole

    def cost(self, row: int) -> float:
        """Return about how many compressed bytes a row takes."""
        return self._row_bytes[row] * self._chunk_ratios[row // _ROWS_A_CHUNK]

    def _end_chunk(self, chunk: "_Gzip") -> None:
        chunk.write(b"]")
        raw, packed = chunk.size, chunk.close()
        self._open = None
        self._packed_bytes += 3 * len(packed) // 4
        self._chunk_ratios.append(3 * len(packed) / 4 / raw)
        rows = len(self._row_bytes)
        if self._has_budget and rows > _ALWAYS_WHOLE and self._packed_bytes > _budget(rows):
            self._is_whole = False
            self.chunks.clear()
        if self._is_whole:
            self.chunks.append(packed)
