"""One file of rows, by its suffix: every row located, every fault named by file and line."""

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from evalkit.errors import DatasetError
from evalkit.located import LocatedRow, json_value
from evalkit.records import Json

__all__ = ["SUFFIXES", "read_rows"]

_PARQUET_BATCH = 1024
_LONGEST_CELL = 2**31 - 1


def read_rows(file: Path, shown: str) -> Iterator[LocatedRow]:
    """Yield the rows of one file, read as its suffix says; memory stays flat for all but json.

    Args:
        file: where it lies.
        shown: what to call it in errors.

    Raises:
        DatasetError: with file and line; a file without rows is an error too.
    """
    packed = file.suffix.lower() == ".gz"
    suffix = (file.with_suffix("") if packed else file).suffix.lower()
    if suffix not in _READERS or (packed and suffix == ".parquet"):
        raise DatasetError(f"{shown}: rows are read from {SUFFIXES}; rename or convert the file")
    found = False
    try:
        for found, row in enumerate(_READERS[suffix](file, shown), 1):  # noqa: B007  only whether there was any
            yield row
    except OSError as error:
        raise DatasetError(f"{shown}: cannot be read: {error.strerror or error}") from None
    if not found:
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
            value = _decoded(line, f"{shown}:{number}")
            yield LocatedRow(_object(value, f"{shown}:{number}").items(), f"{shown}:", number)


def _json(file: Path, shown: str) -> Iterator[LocatedRow]:
    text = "".join(line for _, line in _lines(file, shown))
    if not text.strip():
        return
    if _is_one_value_a_line(text):
        yield from _jsonl(file, shown)
        return
    for number, value in enumerate(_records(_decoded(text, shown), shown), 1):
        yield LocatedRow(_object(value, f"{shown}, row {number}").items(), f"{shown}, row ", number)


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
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in cast("list[Json]", value))


def _object(value: Json, where: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: a row must be an object, not {_kind(value)}")
    return cast("dict[str, Json]", value)


def _kind(value: Json) -> str:
    names = {list: "a list", dict: "an object", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(cast("type", type(value)), "a number")


def _decoded(text: str, where: str) -> Json:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        line = f":{error.lineno}" if text.count("\n") > 1 else ""
        raise DatasetError(f"{where}{line}: not JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise DatasetError(f"{where}: not JSON that can be read: nested too deeply") from None
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"not JSON: {word}")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)


def _table(separator: str) -> Callable[[Path, str], Iterator[LocatedRow]]:
    def read(file: Path, shown: str) -> Iterator[LocatedRow]:
        csv.field_size_limit(_LONGEST_CELL)  # the default refuses a cell of more than 131,072 characters
        lines = (line for _, line in _lines(file, shown))
        # strict: a quote that is never closed would otherwise swallow the rest of the file
        records = _csv_records(csv.reader(lines, delimiter=separator, strict=True), shown)
        header: list[str] | None = None
        for line, values in records:
            if header is None:
                header = _checked_header(values, f"{shown}:{line}")
            elif len(values) != len(header):
                raise DatasetError(f"{shown}:{line}: {len(values)} values for {len(header)} columns ({', '.join(header)})")
            else:
                yield LocatedRow(zip(header, values, strict=True), f"{shown}:", line)

    return read


def _csv_records(reader: Any, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line a record starts on, values); blank lines are left out."""
    start = 1
    try:
        for values in reader:
            if values:
                yield start, values
            start = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"{shown}:{start}: not {reader.dialect.delimiter!r}-separated rows: {error}") from None


def _checked_header(names: list[str], where: str) -> list[str]:
    for place, name in enumerate(names, 1):
        if not name.strip():
            raise DatasetError(f"{where}: column {place} has no name; the first line must name every column")
        if names.count(name) > 1:
            raise DatasetError(f"{where}: two columns are called {name!r}; rename one")
    return names


def _parquet(file: Path, shown: str) -> Iterator[LocatedRow]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(file) as table:
            _checked_header(list(table.schema_arrow.names), shown)
            for batch in table.iter_batches(batch_size=_PARQUET_BATCH):
                for row in cast("Iterable[dict[str, object]]", batch.to_pylist()):
                    number += 1
                    yield _plain_row(row, f"{shown}, row ", number)
    except ArrowException as error:
        raise DatasetError(f"{shown}: not a readable parquet file after row {number}: {error}") from None


def _plain_row(row: dict[str, object], prefix: str, number: int) -> LocatedRow:
    try:
        return LocatedRow(((key, json_value(value, key)) for key, value in row.items()), prefix, number)
    except ValueError as error:
        raise DatasetError(f"{prefix}{number}: {error}") from None


_READERS: dict[str, Callable[[Path, str], Iterator[LocatedRow]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _table(","),
    ".tsv": _table("\t"),
    ".parquet": _parquet,
}
SUFFIXES = ".jsonl, .json, .csv, .tsv (each also .gz) and .parquet"
