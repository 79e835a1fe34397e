"""A journal read by columns: a million samples or results in a second, and never more than a stretch of texts held."""

import json
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["StoredColumns", "read_groupings", "read_results", "read_sample_names"]

_STRETCH = 50_000
"""How many positions are read at once."""

_NAMES = """
SELECT json_group_array(sample_id), json_group_array(digest) FROM (
  SELECT sample_id, json_extract(content, '$.digest') AS digest FROM samples
  WHERE dataset = ? AND position >= ? AND position < ? ORDER BY position)
"""
_GROUPINGS = """
SELECT position, grouping FROM (
  SELECT position, json_extract(content, '$.group', '$.slices') AS grouping FROM samples WHERE dataset = ?)
WHERE grouping <> '[null,null]' ORDER BY position
"""
_RESULTS = """
SELECT {lines} FROM (
  SELECT {columns} FROM results WHERE cell = ? AND position >= ? AND position < ? ORDER BY position, trial)
"""
_ROW = "position * ? + trial"
_IN_SQL = "outcome || json_extract(scores, ?, ?)"
_IN_PYTHON = "outcome || scoring(scores, ?)"


@dataclass(frozen=True, slots=True)
class StoredColumns:
    """How a stretch of a cell's results ended, column by column: rows are position x trials + trial, ascending.

    `rows` is a range where no result of the stretch is missing. `scorings` holds, by scorer, the prediction's outcome
    followed by [value, outcome] of its score as JSON, both null where there is no score.
    """

    rows: Sequence[int]
    scorings: Mapping[str, Sequence[str]]


def read_sample_names(db: sqlite3.Connection, dataset: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids and the content digests of a dataset's samples, in its order."""
    ids: list[str] = []
    digests: list[str] = []
    for start, stop in _stretches(db, "SELECT max(position) FROM samples WHERE dataset = ?", dataset):
        some_ids, some_digests = db.execute(_NAMES, (dataset, start, stop)).fetchone()
        ids += json.loads(some_ids)
        digests += json.loads(some_digests)
    return tuple(ids), tuple(digests)


def read_groupings(db: sqlite3.Connection, dataset: str) -> Iterator[tuple[int, str]]:
    """Yield the position and [group, slices] as JSON of each sample of a dataset that has either."""
    return db.execute(_GROUPINGS, (dataset,))


def read_results(db: sqlite3.Connection, cell: str, scorers: Sequence[str], *, trials: int) -> Iterator[StoredColumns]:
    """Yield how a cell's results ended, without their texts, a stretch of positions at a time."""
    db.create_function("scoring", 2, _scoring, deterministic=True)
    columns = [_IN_SQL if _is_plain(scorer) else _IN_PYTHON for scorer in scorers]
    paths = [path for scorer in scorers for path in _paths(scorer)]
    for start, stop in _stretches(db, "SELECT max(position) FROM results WHERE cell = ?", cell):
        of = (cell, start, stop)
        texts = db.execute(_query(columns), (*paths, *of)).fetchone()
        rows: Sequence[int] = range(start * trials, stop * trials)
        if _count(texts[0]) < len(rows):
            numbers, *texts = db.execute(_query([_ROW, *columns]), (trials, *paths, *of)).fetchone()
            rows = array("q", map(int, _lines(numbers)))
        yield StoredColumns(rows, dict(zip(scorers, map(_lines, texts), strict=True)))


def _query(columns: Sequence[str]) -> str:
    names = [f"c{number}" for number in range(len(columns))]
    return _RESULTS.format(
        lines=", ".join([f"group_concat({name}, char(10))" for name in names]),
        columns=", ".join([f"{column} AS {name}" for column, name in zip(columns, names, strict=True)]),
    )


def _count(text: str | None) -> int:
    return text.count("\n") + 1 if text else 0


def _lines(text: str | None) -> list[str]:
    return text.split("\n") if text else []


def _stretches(db: sqlite3.Connection, last: str, of: str) -> Iterator[tuple[int, int]]:
    """Yield where the stretches of a dataset's or cell's positions begin and end."""
    (position,) = db.execute(last, (of,)).fetchone()
    size: int = 0 if position is None else position + 1
    return ((start, min(size, start + _STRETCH)) for start in range(0, size, _STRETCH))


def _paths(scorer: str) -> list[str]:
    return [f'$."{scorer}"[0]', f'$."{scorer}"[1]'] if _is_plain(scorer) else [scorer]


def _is_plain(name: str) -> bool:
    """Say whether a name can stand in an SQL path to a JSON value."""
    return name.isascii() and name.isprintable() and not set(name) & {'"', "\\"}


def _scoring(scores: str, name: str) -> str:
    return json.dumps((json.loads(scores).get(name) or [None, None])[:2])
