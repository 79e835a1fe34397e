"""Calls into the store: a start and an end are separate facts that may come in any order, once or twice."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalkit.weave_io.store_codec import encode_json, now_micros, storable_text, to_micros
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_errors import unprocessable

__all__ = ["INPUT", "OUTPUT", "CallIntake", "ref_key"]

INPUT = 0
OUTPUT = 1

_ROOT_OP = "/op/Evaluation.evaluate:"

_START = (
    "id", "project_id", "trace_id", "parent_id", "op_name", "display_name", "thread_id", "turn_id", "started_at",
    "attributes", "inputs", "otel_dump", "wb_user_id", "wb_run_id", "wb_run_step", "writer",
)  # fmt: skip
_END = ("id", "project_id", "ended_at", "exception", "output", "summary", "wb_run_step_end")
_JSON = frozenset({"attributes", "inputs", "otel_dump", "output", "summary"})
_TIMES = frozenset({"started_at", "ended_at"})


def _upsert(columns: tuple[str, ...], *, also: str = "", condition: str = "", keep: str = "") -> str:
    marks = ", ".join("?" * len(columns))
    changes = [
        f"{name} = COALESCE(calls.{name}, excluded.{name})" if name == keep else f"{name} = excluded.{name}"
        for name in columns
        if name not in {"id", "project_id"}
    ]
    return (
        f"INSERT INTO calls ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  only names from this file
        f" ON CONFLICT (project_id, id) DO UPDATE SET {', '.join(changes)}{also} {condition} RETURNING call_no"
    )


# The first start stands: a repeated one must not undo a display name given since.
_UPSERT_START = _upsert(_START, condition="WHERE calls.started_at IS NULL", keep="display_name")
# The last end stands: a real one replaces the one that the reaper wrote.
_UPSERT_END = _upsert(_END, also=", reaped = 0")
_RENAME = (
    "INSERT INTO calls (project_id, id, display_name) VALUES (?, ?, ?)"
    " ON CONFLICT (project_id, id) DO UPDATE SET display_name = excluded.display_name"
)


class CallIntake:
    """Takes call events; what it takes is on disk within 50 ms, an evaluation's own start and end at once."""

    def __init__(self, database: StoreDatabase) -> None:
        """Write to `database`."""
        self._database = database
        self._open_roots: set[str] = set()

    def start(self, start: Mapping[str, Any]) -> None:
        """Take the beginning of a call."""
        if not isinstance(start.get("op_name"), str) or start.get("started_at") is None:
            raise unprocessable("the start of a call needs an op_name and a started_at")
        values = _values(_START, {**start, "writer": self._database.writer.name})
        refs = [(ref_key(ref), INPUT) for ref in set(_refs(start.get("inputs")))]
        is_root = start.get("parent_id") is None and _ROOT_OP in start["op_name"]
        if is_root:
            self._open_roots.add(start["id"])
        self._database.put(lambda connection: _store(connection, _UPSERT_START, values, refs), urgent=is_root)

    def end(self, end: Mapping[str, Any]) -> None:
        """Take the end of a call."""
        if end.get("ended_at") is None:
            raise unprocessable("the end of a call needs an ended_at")
        values = _values(_END, end)
        refs = [(ref_key(ref), OUTPUT) for ref in set(_refs(end.get("output")))]
        is_root = end["id"] in self._open_roots
        self._open_roots.discard(end["id"])
        self._database.put(lambda connection: _store(connection, _UPSERT_END, values, refs), urgent=is_root)

    def complete(self, calls: Iterable[Mapping[str, Any]]) -> None:
        """Take calls that were finished when they were sent."""
        for call in calls:
            self.start(call)
            self.end(call)

    def update(self, project_id: str, call_id: str, display_name: str | None) -> None:
        """Rename a call, whether or not its start has arrived; an empty name removes the display name."""
        if display_name is None:
            return
        values = (project_id, call_id, storable_text(display_name) or None)
        self._database.write(lambda connection: connection.execute(_RENAME, values) and None)

    def delete(self, project_id: str, call_ids: Iterable[str]) -> int:
        """Hide calls with all their descendants, and return how many were hidden.

        A call whose start has not arrived yet stays hidden when it does.
        """
        wanted = list(dict.fromkeys(call_ids))

        def hide(connection: sqlite3.Connection) -> int:
            return sum(_hide(connection, project_id, call_id) for call_id in wanted)

        return self._database.write(hide)


def ref_key(ref: str) -> bytes:
    """Return the 16 bytes under which a ref is indexed."""
    return hashlib.blake2b(ref.encode("utf-8", "replace"), digest_size=16).digest()


def _store(connection: sqlite3.Connection, statement: str, values: list[Any], refs: list[tuple[bytes, int]]) -> None:
    row = connection.execute(statement, values).fetchone()
    if row is not None and refs:
        connection.executemany(
            "INSERT OR IGNORE INTO call_refs VALUES (?, ?, ?)", [(ref, side, row[0]) for ref, side in refs]
        )


def _hide(connection: sqlite3.Connection, project_id: str, call_id: str) -> int:
    now = now_micros()
    hidden = connection.execute(
        "UPDATE calls SET deleted_at = ? WHERE project_id = ? AND deleted_at IS NULL AND started_at IS NOT NULL"
        " AND id IN (WITH RECURSIVE family (id) AS (VALUES (?) UNION SELECT calls.id FROM calls JOIN family"
        " ON calls.parent_id = family.id WHERE calls.project_id = ?) SELECT id FROM family)",
        (now, project_id, call_id, project_id),
    ).rowcount
    connection.execute(
        "INSERT INTO calls (project_id, id, deleted_at) VALUES (?, ?, ?)"
        " ON CONFLICT (project_id, id) DO UPDATE SET deleted_at = COALESCE(deleted_at, excluded.deleted_at)",
        (project_id, call_id, now),
    )
    return hidden


def _values(columns: tuple[str, ...], event: Mapping[str, Any]) -> list[Any]:
    try:
        if event["id"] is None or event["project_id"] is None:
            raise unprocessable("a call needs an id and a project_id")
        return [_column(name, event.get(name)) for name in columns]
    except (KeyError, TypeError, ValueError) as error:
        raise unprocessable(f"not a call event: {error!r}") from error


def _column(name: str, value: Any) -> Any:
    if name in _JSON:
        return None if value is None else encode_json(value)
    if name in _TIMES:
        return to_micros(value)
    return storable_text(value) if isinstance(value, str) else value


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("weave:///"):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():  # pyright: ignore[reportUnknownVariableType]  any JSON
            yield from _refs(item)
    elif isinstance(value, (list, tuple)):
        for item in value:  # pyright: ignore[reportUnknownVariableType]  any JSON
            yield from _refs(item)
