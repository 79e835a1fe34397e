"""A row that knows where it came from, and the making of JSON out of what a source hands over."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from sys import intern
from typing import Any, cast
from uuid import UUID

from evalkit.errors import DatasetError
from evalkit.records import Json

__all__ = ["LocatedRow", "json_value", "located_row", "place_of"]


class LocatedRow(dict[str, Json]):
    """One row, and the place it was read from: `LocatedRow({"id": 1}, "datasets/qa.jsonl:", 17)`.

    `folder` is where paths in it start, if it came from a file; `bytes_at` names a value that is bytes, if it has one.
    """

    __slots__ = ("_number", "_prefix", "bytes_at", "folder")

    def __init__(self, values: Iterable[tuple[str, Json]] = (), prefix: str = "row ", number: int = 0) -> None:
        super().__init__((intern(key), value) for key, value in values)
        self._prefix = prefix
        self._number = number
        self.folder: Path | None = None
        self.bytes_at = ""

    def with_values(self, values: Iterable[tuple[str, Json]]) -> "LocatedRow":
        """Return the row with other values, free of bytes."""
        row = LocatedRow(values, self._prefix, self._number)
        row.folder = self.folder
        return row

    @property
    def where(self) -> str:
        """The row's place, for messages: datasets/qa.jsonl:17."""
        return f"{self._prefix}{self._number}"


def place_of(row: object, index: int) -> str:
    """Return where `row` was read from; a row that does not know is named by its number, from 1."""
    return row.where if isinstance(row, LocatedRow) else f"row {index + 1}"


class _BytesError(ValueError):
    """A value is bytes; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} holds bytes, which has no JSON form")
        self.name = name


def located_row(values: Mapping[Any, object], prefix: str, number: int, *, keeps_bytes: bool = False) -> LocatedRow:
    """Return a row of whatever values a library or a function gave, made JSON.

    With `keeps_bytes`, bytes stay bytes, and the row's `bytes_at` says so: images are read from them.

    Raises:
        DatasetError: a column's name is not text, or its value has no JSON form.
    """
    bytes_at = ""
    try:
        try:
            plain = _object(values, "")
        except _BytesError as error:
            if not keeps_bytes:
                raise
            bytes_at, plain = error.name, _object(values, "", keeps_bytes=True)
    except ValueError as error:
        raise DatasetError(f"{prefix}{number}: {error}") from None
    row = LocatedRow(plain.items(), prefix, number)
    row.bytes_at = bytes_at
    return row


def json_value(value: object, name: str, *, keeps_bytes: bool = False) -> Json:  # noqa: PLR0911  one return a kind of value
    """Return `value` as JSON: dates as ISO text, exact decimals as text, arrays as lists.

    Args:
        value: what a parquet file, a Hugging Face dataset, YAML or a function gave.
        name: what to call it in an error, such as the column.
        keeps_bytes: let bytes stay what they are.

    Raises:
        ValueError: it has no JSON form (bytes, NaN, an image object).
    """
    if value is None or isinstance(value, (bool, str)):
        return value if type(value) in {bool, str, type(None)} else str(value)
    if isinstance(value, (int, float)):
        return _number(value, name)
    if isinstance(value, Mapping):
        return _object(cast("Mapping[Any, object]", value), name, keeps_bytes=keeps_bytes)
    if isinstance(value, (list, tuple)):
        items = cast("Iterable[object]", value)
        return [json_value(item, f"{name}[{place}]", keeps_bytes=keeps_bytes) for place, item in enumerate(items)]
    if isinstance(value, (bytes, bytearray, memoryview)):
        if keeps_bytes:
            return bytes(cast("bytes", value))
        raise _BytesError(name)
    if isinstance(value, (datetime, date, time)) and value == value:  # noqa: PLR0124  pandas' NaT is a datetime unequal to itself
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return json_value(cast("Any", value).tolist(), name)
    raise ValueError(f"{name} holds a {type(value).__name__}, which has no JSON form")


def _number(value: float, name: str) -> Json:
    if isinstance(value, int):
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, which JSON cannot say")
    return float(value)


def _object(value: Mapping[Any, object], name: str, *, keeps_bytes: bool = False) -> dict[str, Json]:
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r}{f' in {name}' if name else ''} is not text")  # noqa: TRY004  one kind of error for every value
    return {
        str(key): json_value(item, f"{name}.{key}" if name else str(key), keeps_bytes=keeps_bytes)
        for key, item in value.items()
    }
