"""One file of rows, by its suffix: every row located, every fault named by file and line."""

import csv
import gzip
import importlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from evalkit.errors import DatasetError
from evalkit.located import LocatedRow, located_row
from evalkit.records import Json
from evalkit.strictjson import JsonTextError, parse_json

__all__ = ["SUFFIXES", "read_rows"]

SUFFIXES = ".jsonl, .json, .csv, .tsv (each also .gz) and .parquet"
"""What a file of rows may end with, in words."""

_PARQUET_BATCH = 1024
_PARQUET_IMAGES = 16
_LONGEST_CELL = 2**31 - 1


def read_rows(file: Path, shown: str, *, keeps_bytes: bool = False) -> Iterator[LocatedRow]:
    """Yield the rows of one file, read as its suffix says; memory stays flat for all but json.

    Args:
        file: where it lies.
        shown: what to call it in errors.
        keeps_bytes: let the bytes of a parquet file stay in its rows, for images.

    Raises:
        DatasetError: with file and line; a file without rows is an error too.
    """
    packed = file.suffix.lower() == ".gz"
    suffix = (file.with_suffix("") if packed else file).suffix.lower()
    if suffix not in _READERS or (packed and suffix == ".parquet"):
        raise DatasetError(f"{shown}: rows are read from {SUFFIXES}; rename or convert the file")
    empty = True
    try:
        read = partial(_parquet, keeps_bytes=keeps_bytes) if suffix == ".parquet" else _READERS[suffix]
        for row in read(file, shown):
            empty = False
            yield row
    except OSError as error:
        raise DatasetError(f"{shown}: cannot be read: {error.strerror or error}") from None
    if empty:
        raise DatasetError(f"{shown}: the file holds no rows")


def _lines(file: Path, shown: str) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of each line; a byte order mark is dropped."""
    number = 0
    try:
        with _opened(file) as stream:
            for number, raw in enumerate(stream, 1):
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{shown}:{number}: not UTF-8 ({error.reason}); save the file as UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(f"{shown}: the gzip data is broken after line {number}: {error}") from None


def _opened(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file, "rb")) if file.suffix.lower() == ".gz" else file.open("rb")


def _jsonl(file: Path, shown: str) -> Iterator[LocatedRow]:
    for number, line in _lines(file, shown):
        if line.strip():
            try:
                value = parse_json(line)
            except JsonTextError as error:
                raise DatasetError(f"{shown}:{number}: {error}") from None
            yield _row(value, f"{shown}:", number)


def _json(file: Path, shown: str) -> Iterator[LocatedRow]:
    text = "".join(line for _, line in _lines(file, shown))
    if not text.strip():
        return
    if _is_one_value_a_line(text):
        yield from _jsonl(file, shown)
        return
    try:
        records = _records(parse_json(text), shown)
    except JsonTextError as error:
        raise DatasetError(f"{shown}{'' if error.line is None else f':{error.line}'}: {error}") from None
    for number, value in enumerate(records, 1):
        yield _row(value, f"{shown}, row ", number)


def _is_one_value_a_line(text: str) -> bool:
    """Tell JSON lines under the name .json: the first line alone is a whole object, and more follows."""
    head, _, rest = text.lstrip().partition("\n")
    if not rest.strip():
        return False
    try:
        return isinstance(json.loads(head), dict)
    except (ValueError, RecursionError):
        return False


def _records(value: Json, shown: str) -> list[Json]:
    """Return the list of rows: the value itself, or the one list of objects inside it."""
    if isinstance(value, list):
        return cast("list[Json]", value)
    if not isinstance(value, dict):
        raise DatasetError(f"{shown}: must hold a list of objects, not {_kind(value)}")
    lists = {key: item for key, item in cast("dict[str, Json]", value).items() if _is_table(item)}
    if len(lists) == 1:
        return next(iter(lists.values()))
    found = f"several lists of objects ({', '.join(lists)}); keep one a file" if lists else "no list of objects"
    raise DatasetError(f"{shown}: the object in it has {found}")


def _is_table(value: Json) -> bool:
    items = cast("list[Json]", value) if isinstance(value, list) else []
    return bool(items) and all(isinstance(item, dict) for item in items)


def _row(value: Json, prefix: str, number: int) -> LocatedRow:
    if not isinstance(value, dict):
        raise DatasetError(f"{prefix}{number}: a row must be an object, not {_kind(value)}")
    return LocatedRow(cast("dict[str, Json]", value).items(), prefix, number)


def _kind(value: Json) -> str:
    names = {"list": "a list", "dict": "an object", "str": "text", "bool": "a boolean", "NoneType": "null"}
    return names.get(type(value).__name__, "a number")


def _separated(separator: str, file: Path, shown: str) -> Iterator[LocatedRow]:
    csv.field_size_limit(_LONGEST_CELL)  # the default refuses a cell of more than 131,072 characters
    header: list[str] | None = None
    for line, values in _records_of(separator, file, shown):
        if header is None:
            header = _checked_header(values, f"{shown}:{line}")
        elif len(values) != len(header):
            raise DatasetError(f"{shown}:{line}: {len(values)} values for {len(header)} columns ({', '.join(header)})")
        else:
            yield LocatedRow(zip(header, values, strict=True), f"{shown}:", line)


def _records_of(separator: str, file: Path, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line a record starts on, values); blank lines are left out."""
    # strict: without it a quote that is never closed swallows the rest of the file, rows and all
    reader = csv.reader((line for _, line in _lines(file, shown)), delimiter=separator, strict=True)
    start = 1
    try:
        for values in reader:
            if values:
                yield start, values
            start = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"{shown}:{start}: not rows separated by {separator!r}: {error}") from None


def _checked_header(names: list[str], where: str) -> list[str]:
    for place, name in enumerate(names, 1):
        if not name.strip():
            raise DatasetError(f"{where}: column {place} has no name; the first line must name every column")
        if names.count(name) > 1:
            raise DatasetError(f"{where}: two columns are called {name!r}; rename one")
    return names


def _parquet(file: Path, shown: str, *, keeps_bytes: bool = False) -> Iterator[LocatedRow]:
    arrow: Any = importlib.import_module("pyarrow")  # by name, for it has no types
    parquet: Any = importlib.import_module("pyarrow.parquet")
    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            _checked_header(list(table.schema_arrow.names), shown)
            is_large = any("binary" in str(column.type) for column in table.schema_arrow)  # such as images
            for batch in table.iter_batches(batch_size=_PARQUET_IMAGES if is_large else _PARQUET_BATCH):
                for row in cast("Iterable[dict[str, object]]", batch.to_pylist()):
                    number += 1
                    yield located_row(row, f"{shown}, row ", number, keeps_bytes=keeps_bytes)
    except arrow.ArrowException as error:
        raise DatasetError(f"{shown}: not a readable parquet file (after row {number}): {error}") from None


_READERS: dict[str, Callable[[Path, str], Iterator[LocatedRow]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": partial(_separated, ","),
    ".tsv": partial(_separated, "\t"),
    ".parquet": _parquet,
}
