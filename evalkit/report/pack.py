"""The explorer's data inside the page: a head, an index of all samples, and their texts in compressed chunks."""

import hashlib
import json
import math
from dataclasses import dataclass

from evalkit.image_store import ImageStore
from evalkit.records import Json
from evalkit.report.assets import load_samples_section
from evalkit.report.chunks import ROWS_A_CHUNK, GzipText, TextChunks
from evalkit.report.sample_index import SampleIndex
from evalkit.report.sample_rows import Board, lay_out, read_rows
from evalkit.report.sample_texts import describe_texts
from evalkit.report.shown_images import Thumbnails
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["SAMPLES_SECTION", "PackedSamples", "pack_samples"]

SAMPLES_SECTION = load_samples_section()
"""The explorer's static markup: filters, list and detail, filled by the page's script."""

_ALWAYS_WHOLE = 5_000
_BUDGET_BYTES = 150_000
_BUDGET_BYTES_A_ROW = 500


@dataclass(frozen=True, slots=True)
class PackedSamples:
    """The page's data tags, what the page must say about texts left out, and how many samples it lists.

    A sample asked by two evaluations counts as two.
    """

    tags: str
    note: str | None
    count: int


def pack_samples(folder: RunFolder, run: RunResult) -> PackedSamples:
    """Pack the samples of a stored run; the same run gives the same bytes.

    Above 5,000 samples the texts have a budget: failures come first, then a part drawn with the run's seed.
    """
    board = lay_out(run)
    index, texts = SampleIndex(board), TextChunks(_budget)
    thumbnails = Thumbnails(ImageStore(folder.images))
    with folder.reader() as reader:
        for row in read_rows(reader, board):
            index.add(row)
            texts.add(_encode(describe_texts(row, board, thumbnails)))
    texts.close()
    note = None
    if not texts.is_whole:
        chosen = _choose(texts, index.failures, run.seed)
        texts = _pack_chosen(folder, board, chosen)
        note = _note(sum(chosen), index.count, run.seed)
    return PackedSamples(_tags(index, texts), note, index.count)


def _choose(texts: TextChunks, failures: bytearray, seed: int) -> bytearray:
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


def _pack_chosen(folder: RunFolder, board: Board, chosen: bytearray) -> TextChunks:
    texts = TextChunks(budget=lambda _rows: math.inf)
    thumbnails = Thumbnails(ImageStore(folder.images))
    with folder.reader() as reader:
        for place, row in enumerate(read_rows(reader, board)):
            texts.add(_encode(describe_texts(row, board, thumbnails)) if chosen[place] else b"null")
    texts.close()
    return texts


def _budget(rows: int) -> float:
    return math.inf if rows <= _ALWAYS_WHOLE else _BUDGET_BYTES + _BUDGET_BYTES_A_ROW * rows


def _note(embedded: int, count: int, seed: int) -> str | None:
    if embedded == count:
        return None
    return (
        f"The texts of {embedded:,} of {count:,} samples are in this page: every sample with a prediction that was "
        f"not scored, and others drawn with seed {seed}. All texts are in samples.parquet."
    )


def _tags(index: SampleIndex, texts: TextChunks) -> str:
    head = _encode({**index.head(), "chunk": ROWS_A_CHUNK}, ascii_only=True).decode("ascii")
    columns = GzipText()
    columns.write(_encode(index.columns()))
    packed_index, _ = columns.close()
    lines = [
        _tag("json", "head", head.replace("<", "\\u003c").replace("&", "\\u0026")),
        _tag("gzip", "index", packed_index),
        *(_tag("gzip", f"c{number}", chunk) for number, chunk in enumerate(texts.chunks)),
    ]
    return "".join(lines)


def _tag(kind: str, name: str, content: str) -> str:
    return f'<script type="application/{kind}" id="{name}">{content}</script>\n'


def _encode(value: Json, *, ascii_only: bool = False) -> bytes:
    """Return compact JSON; text that UTF-8 cannot carry (a lone surrogate) is escaped."""
    text = json.dumps(value, ensure_ascii=ascii_only, sort_keys=True, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _encode(value, ascii_only=True)
