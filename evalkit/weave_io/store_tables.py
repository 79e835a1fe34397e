"""Tables of rows and files: content that is stored once per digest and project."""

import itertools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.weave_io.store_codec import decode_json, encode_json
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_digests import digest_rows, digest_table
from evalkit.weave_io.store_errors import bad_request, not_found
from evalkit.weave_io.store_expr import json_field

__all__ = ["TableRoom", "read_row"]

_LOOKUP_CHUNK = 500


class TableRoom:
    """Takes and answers tables. A table is the ordered list of its rows' digests."""

    def __init__(self, database: StoreDatabase) -> None:
        """Use `database`."""
        self._database = database

    def create(self, project_id: str, rows: Iterable[Mapping[str, Any]], expected: str | None) -> tuple[str, list[str]]:
        """Store rows as a table; return the table's digest and each row's.

        Raises:
            RequestError: a row is not an object, or `expected` is another digest.
        """
        digests, texts = _digested(rows)
        digest = digest_table(digests, expected)

        def store(connection: sqlite3.Connection) -> None:
            _keep_rows(connection, project_id, digests, texts)
            _keep_table(connection, project_id, digest, _row_numbers(connection, project_id, digests))

        self._database.write(store)
        return digest, digests

    def create_from_digests(self, project_id: str, digests: Sequence[str], expected: str | None) -> str:
        """Make a table of rows that are already stored and return its digest.

        Raises:
            RequestError: a row is missing, or `expected` is another digest.
        """
        digest = digest_table(digests, expected)

        def store(connection: sqlite3.Connection) -> None:
            _keep_table(connection, project_id, digest, _row_numbers(connection, project_id, digests))

        if digests:  # the SDK asks with none only to learn whether this can be asked
            self._database.write(store)
        return digest

    def update(self, project_id: str, base: str, updates: Iterable[Mapping[str, Any]]) -> tuple[str, list[str]]:
        """Make a new table out of `base` by appending, inserting and removing rows; return its and the rows' digests.

        Raises:
            RequestError: there is no such table, or an update makes no sense.
        """
        changes = list(updates)
        digests, texts = _digested(_new_row(change) for change in changes if "pop" not in change)

        def store(connection: sqlite3.Connection) -> tuple[str, list[str]]:
            order = _row_digests(connection, project_id, base)
            touched = _apply(order, changes, digests)
            _keep_rows(connection, project_id, digests, texts)
            digest = digest_table(order, None)
            _keep_table(connection, project_id, digest, _row_numbers(connection, project_id, order))
            return digest, touched

        return self._database.write(store)

    def query(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return rows of a table, in its own order unless `sort_by` names another."""
        chosen: Mapping[str, Any] = request.get("filter") or {}
        wanted: Sequence[str] | None = chosen.get("row_digests")
        asked = () if wanted is None else (encode_json(list(wanted)),)
        order, order_values = _order(request.get("sort_by") or ())
        limit = request.get("limit")
        with self._database.reading() as connection:
            table = _table_number(connection, request["project_id"], request["digest"])
            only = "" if wanted is None else "AND rows.digest IN (SELECT value FROM json_each(?))"
            rows = connection.execute(
                "SELECT rows.digest, rows.val, table_rows.position FROM table_rows JOIN rows USING (row_no)"  # noqa: S608  values are bound
                f" WHERE table_no = ? {only} ORDER BY {order} LIMIT ? OFFSET ?",
                (table, *asked, *order_values, -1 if limit is None else limit, request.get("offset") or 0),
            ).fetchall()
        return [
            {"digest": digest, "val": decode_json(val), "original_index": position} for digest, val, position in rows
        ]

    def sizes(self, project_id: str, digests: Sequence[str]) -> list[dict[str, Any]]:
        """Return the row count of each table that exists."""
        with self._database.reading() as connection:
            text = "SELECT size FROM tables WHERE project_id = ? AND digest = ?"
            found = [(digest, connection.execute(text, (project_id, digest)).fetchone()) for digest in digests]
        return [{"digest": digest, "count": row[0]} for digest, row in found if row is not None]


def read_row(connection: sqlite3.Connection, project_id: str, digest: str) -> Any:
    """Return the content of one row.

    Raises:
        RequestError: there is no such row.
    """
    text = "SELECT val FROM rows WHERE project_id = ? AND digest = ?"
    row = connection.execute(text, (project_id, digest)).fetchone()
    if row is None:
        raise not_found(f"no table row {digest} in {project_id}")
    return decode_json(row[0])


def _digested(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    listed = list(rows)
    if not all(isinstance(row, Mapping) for row in listed):  # pyright: ignore[reportUnnecessaryIsInstance]  it came from outside
        raise bad_request("every row of a table is an object")
    return digest_rows(listed), [encode_json(row) for row in listed]


def _keep_rows(connection: sqlite3.Connection, project_id: str, digests: Sequence[str], texts: Sequence[str]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO rows (project_id, digest, val) VALUES (?, ?, ?)",
        ((project_id, digest, text) for digest, text in zip(digests, texts, strict=True)),
    )


def _row_numbers(connection: sqlite3.Connection, project_id: str, digests: Sequence[str]) -> list[int]:
    numbers: dict[str, int] = {}
    distinct = iter(dict.fromkeys(digests))
    while chunk := list(itertools.islice(distinct, _LOOKUP_CHUNK)):
        marks = ", ".join("?" * len(chunk))
        text = f"SELECT digest, row_no FROM rows WHERE project_id = ? AND digest IN ({marks})"  # noqa: S608  values are bound
        numbers.update(connection.execute(text, (project_id, *chunk)).fetchall())
    missing = next((digest for digest in digests if digest not in numbers), None)
    if missing is not None:
        raise not_found(f"no table row {missing} in {project_id}")
    return [numbers[digest] for digest in digests]


def _keep_table(connection: sqlite3.Connection, project_id: str, digest: str, rows: Sequence[int]) -> None:
    table = connection.execute(
        "INSERT INTO tables (project_id, digest, size) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING table_no",
        (project_id, digest, len(rows)),
    ).fetchone()
    if table is not None:
        values = ((table[0], position, row) for position, row in enumerate(rows))
        connection.executemany("INSERT INTO table_rows VALUES (?, ?, ?)", values)


def _table_number(connection: sqlite3.Connection, project_id: str, digest: str) -> int:
    text = "SELECT table_no FROM tables WHERE project_id = ? AND digest = ?"
    row = connection.execute(text, (project_id, digest)).fetchone()
    if row is None:
        raise not_found(f"no table {digest} in {project_id}")
    return row[0]


def _row_digests(connection: sqlite3.Connection, project_id: str, digest: str) -> list[str]:
    table = _table_number(connection, project_id, digest)
    text = "SELECT digest FROM table_rows JOIN rows USING (row_no) WHERE table_no = ? ORDER BY position"
    return [row[0] for row in connection.execute(text, (table,))]


def _new_row(change: Mapping[str, Any]) -> Mapping[str, Any]:
    for kind in ("append", "insert"):
        if kind in change:
            return change[kind]["row"]
    raise bad_request(f"a table update appends, inserts or pops, not {', '.join(change)}")


def _apply(order: list[str], changes: Iterable[Mapping[str, Any]], digests: Sequence[str]) -> list[str]:
    """Change `order` in place and return the digest that each change touched."""
    fresh = iter(digests)
    touched: list[str] = []
    for change in changes:
        place: Mapping[str, int] = change.get("pop") or change.get("insert") or {}
        where = place.get("index", len(order))
        if not 0 <= where <= len(order) - ("pop" in change):
            raise bad_request(f"a table of {len(order)} rows has no position {where}")
        if "pop" in change:
            touched.append(order.pop(where))
        else:
            touched.append(next(fresh))
            order.insert(where, touched[-1])
    return touched


def _order(sort_by: Iterable[Mapping[str, str]]) -> tuple[str, list[Any]]:
    terms: list[str] = []
    values: list[Any] = []
    for item in sort_by:
        operand = json_field("rows.val", item["field"]).sql
        terms.append(f"{operand.text} {'DESC' if item['direction'].lower() == 'desc' else 'ASC'} NULLS LAST")
        values.extend(operand.values)
    return ", ".join([*terms, "table_rows.position"]), values
