"""Rows' texts in compressed chunks of equal row counts, held to a budget where there is one."""

import base64
import gzip
import io
from array import array
from collections.abc import Callable

__all__ = ["ROWS_A_CHUNK", "GzipText", "TextChunks"]

ROWS_A_CHUNK = 500
_LEVEL = 6


class GzipText:
    """Bytes compressed as they come, to base64; no time and no name in it, so that equal bytes stay equal."""

    def __init__(self) -> None:
        self._packed = io.BytesIO()
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=self._packed, mtime=0)
        self.size = 0

    def write(self, content: bytes) -> None:
        """Append content."""
        self._gzip.write(content)
        self.size += len(content)

    def close(self) -> tuple[str, int]:
        """Return the base64 text, and how many bytes it stands for."""
        self._gzip.close()
        packed = self._packed.getvalue()
        return base64.b64encode(packed).decode("ascii"), len(packed)


class TextChunks:
    """The texts of rows by chunk; once they outgrow `budget(rows)`, only their sizes are kept."""

    def __init__(self, budget: Callable[[int], float]) -> None:
        self.chunks: list[str] = []
        self.is_whole = True
        self._budget = budget
        self._row_bytes = array("q")
        self._chunk_ratios = array("d")
        self._packed_bytes = 0
        self._open: GzipText | None = None

    def add(self, encoded: bytes) -> None:
        """Append the texts of one row."""
        if self._open is None:
            self._open = GzipText()
        self._open.write(b"," if self._open.size else b"[")
        self._open.write(encoded)
        self._row_bytes.append(len(encoded))
        if len(self._row_bytes) % ROWS_A_CHUNK == 0:
            self._end_chunk(self._open)

    def close(self) -> None:
        """End the last chunk."""
        if self._open is not None:
            self._end_chunk(self._open)

    def cost(self, row: int) -> float:
        """Return about how many compressed bytes a row takes."""
        return self._row_bytes[row] * self._chunk_ratios[row // ROWS_A_CHUNK]

    def _end_chunk(self, chunk: GzipText) -> None:
        chunk.write(b"]")
        text, packed_bytes = chunk.close()
        self._open = None
        self._packed_bytes += packed_bytes
        self._chunk_ratios.append(packed_bytes / chunk.size)
        if self._packed_bytes > self._budget(len(self._row_bytes)):
            self.is_whole = False
            self.chunks.clear()
        if self.is_whole:
            self.chunks.append(text)
