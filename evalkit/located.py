"""A row that knows where it came from, and the making of JSON out of what a source hands over."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from sys import intern
from typing import Any, cast
from uuid import UUID

from evalkit.records import Json

__all__ = ["LocatedRow", "json_value", "place_of"]


class LocatedRow(dict[str, Json]):
    """One row, and the place it was read from: `LocatedRow({"id": 1}, "datasets/qa.jsonl:", 17)`."""

    __slots__ = ("_number", "_prefix")

    def __init__(self, values: Iterable[tuple[str, Json]] = (), prefix: str = "row ", number: int = 0) -> None:
        super().__init__((intern(key), value) for key, value in values)
        self._prefix = prefix
        self._number = number

    @property
    def where(self) -> str:
        """The row's place, for messages: datasets/qa.jsonl:17."""
        return f"{self._prefix}{self._number}"


def place_of(row: object, index: int) -> str:
    """Return where `row` was read from; a row that does not know is named by its number, from 1."""
    return row.where if isinstance(row, LocatedRow) else f"row {index + 1}"


def json_value(value: object, name: str) -> Json:
    """Return `value` as JSON: dates as ISO text, exact decimals as text, arrays as lists.

    Args:
        value: what a parquet file, a Hugging Face dataset, YAML or a function gave.
        name: what to call it in an error, such as the column.

    Raises:
        ValueError: it has no JSON form (bytes, NaN, an image object).
    """
    if value is None or isinstance(value, (bool, str)):
        return value if type(value) in {bool, str, type(None)} else str(value)
    if isinstance(value, (int, float)):
        return _number(value, name)
    if isinstance(value, Mapping):
        return _object(cast("Mapping[Any, object]", value), name)
    if isinstance(value, (list, tuple)):
        items = cast("Iterable[object]", value)
        return [json_value(item, f"{name}[{place}]") for place, item in enumerate(items)]
    if isinstance(value, (datetime, date, time)) and value == value:  # noqa: PLR0124  pandas' NaT is a datetime unequal to itself
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return json_value(cast("Any", value).tolist(), name)
    raise ValueError(f"{name} holds {_kind(value)}, which has no JSON form")


def _number(value: float, name: str) -> Json:
    if isinstance(value, int):
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, which JSON cannot say")
    return float(value)


def _object(value: Mapping[Any, object], name: str) -> Json:
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"{name} has the key {key!r}, which is not text")  # noqa: TRY004  one kind of error for every value
    return {str(key): json_value(item, f"{name}.{key}") for key, item in value.items()}


def _kind(value: object) -> str:
    return "bytes" if isinstance(value, (bytes, bytearray, memoryview)) else f"a {type(value).__name__}"
