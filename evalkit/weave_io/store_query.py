"""Calls out of the store: filters, the query language, order, columns, and what is computed on reading."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.weave_io.store_calls import INPUT, OUTPUT, ref_key
from evalkit.weave_io.store_codec import decode_json, encode_json, from_micros
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_errors import bad_request
from evalkit.weave_io.store_expr import Operand, Sql, compile_expr, json_field
from evalkit.weave_io.store_feedback import feedback_field, feedback_of_call

__all__ = ["CallQueries"]

_PLAIN = (
    "id", "project_id", "trace_id", "parent_id", "op_name", "display_name", "thread_id", "turn_id", "exception",
    "wb_user_id", "wb_run_id", "wb_run_step", "wb_run_step_end",
)  # fmt: skip
_TIMES = ("started_at", "ended_at", "deleted_at")
_HEAVY = ("attributes", "inputs", "output", "summary")
_ID_FILTERS = {
    "call_ids": "id", "parent_ids": "parent_id", "trace_ids": "trace_id", "thread_ids": "thread_id",
    "turn_ids": "turn_id", "wb_user_ids": "wb_user_id", "wb_run_ids": "wb_run_id",
}  # fmt: skip

_STATUS = (
    "CASE WHEN exception IS NOT NULL THEN 'error' WHEN ended_at IS NULL THEN 'running'"
    " WHEN json_extract(summary, '$.status_counts.error') > 0 THEN 'descendant_error' ELSE 'success' END"
)
_NAME = "substr(op_name, instr(op_name, '/op/') + 4)"
_TRACE_NAME = (
    f"COALESCE(display_name, CASE WHEN op_name LIKE 'weave:///%' AND instr(op_name, '/op/')"
    f" THEN substr({_NAME}, 1, instr({_NAME} || ':', ':') - 1) ELSE op_name END)"
)
_COMPUTED = {
    "summary.weave.status": _STATUS,
    "summary.weave.trace_name": _TRACE_NAME,
    "summary.weave.latency_ms": "(ended_at - started_at) / 1000",
}
# A plus before started_at keeps the planner from walking a whole project by time where a filter has a better index.
_VISIBLE = "project_id = ? AND deleted_at IS NULL AND +started_at IS NOT NULL"
_PAGE = 200
_EMPTY: Mapping[str, Any] = {}


class CallQueries:
    """Answers questions about calls. A call whose start has not arrived is not there yet."""

    def __init__(self, database: StoreDatabase) -> None:
        """Read from `database`."""
        self._database = database

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the calls that the request selects, in its order (by start when it names none)."""
        heavy = _heavy_columns(request.get("columns"))
        where = _where(request)
        order = _order(request.get("sort_by") or (), is_narrow=_is_narrow(request.get("filter") or _EMPTY))
        selected = ", ".join((*_PLAIN, *_TIMES, *heavy))
        text = f"SELECT {selected} FROM calls WHERE {where.text} ORDER BY {order.text} LIMIT ? OFFSET ?"  # noqa: S608  values are bound
        limit = request.get("limit")
        values = (*where.values, *order.values, -1 if limit is None else limit, request.get("offset") or 0)
        with self._database.reading() as connection:
            cursor = connection.execute(text, values)
            while rows := cursor.fetchmany(_PAGE):
                for row in rows:
                    call = _call(row, heavy)
                    if request.get("include_feedback"):
                        _add_feedback(connection, call)
                    yield call

    def count(self, request: Mapping[str, Any]) -> int:
        """Return how many calls the request selects."""
        where = _where(request)
        limit = request.get("limit")
        values = (*where.values, -1 if limit is None else limit)
        with self._database.reading() as connection:
            text = f"SELECT COUNT(*) FROM (SELECT 1 FROM calls WHERE {where.text} LIMIT ?)"  # noqa: S608  values are bound
            return connection.execute(text, values).fetchone()[0]

    def read(self, project_id: str, call_id: str) -> dict[str, Any] | None:
        """Return one call, None when it is not there."""
        return next(self.stream({"project_id": project_id, "filter": {"call_ids": [call_id]}}), None)


def _heavy_columns(columns: Sequence[str] | None) -> tuple[str, ...]:
    if columns is None:
        return _HEAVY
    roots = {column.split(".", 1)[0] for column in columns}
    return tuple(name for name in _HEAVY if name in roots)


def _where(request: Mapping[str, Any]) -> Sql:
    if request.get("expand_columns"):
        raise bad_request("the embedded store does not look behind refs in a query; leave expand_columns out")
    parts = [Sql(_VISIBLE, (request["project_id"],)), *_filters(request.get("filter") or _EMPTY)]
    query = request.get("query")
    if query:
        if "$expr" not in query:
            raise bad_request("a query is an object with the key $expr")
        parts.append(compile_expr(query["$expr"], _field))
    return Sql(" AND ".join(f"({part.text})" for part in parts), tuple(v for part in parts for v in part.values))


def _filters(chosen: Mapping[str, Any]) -> Iterator[Sql]:
    for key, column in _ID_FILTERS.items():
        if (wanted := chosen.get(key)) is not None:
            yield Sql(f"{column} IN (SELECT value FROM json_each(?))", (encode_json(list(wanted)),))  # noqa: S608  only names from this file
    if chosen.get("trace_roots_only"):
        yield Sql("parent_id IS NULL")
    if (names := chosen.get("op_names")) is not None:
        yield _any_of([_op_named(name) for name in names])
    for key, side, column in (("input_refs", INPUT, "inputs"), ("output_refs", OUTPUT, "output")):
        if (refs := chosen.get(key)) is not None:
            yield _any_of([_refers_to(ref, side, column) for ref in refs])


def _any_of(parts: Sequence[Sql]) -> Sql:
    return Sql(" OR ".join(part.text for part in parts) or "0", tuple(v for part in parts for v in part.values))


def _op_named(name: str) -> Sql:
    if name.endswith(":*"):
        stem = name[:-1]
        # Every version sorts between "name:" and "name;", so the index serves the wildcard.
        return Sql("(op_name >= ? AND op_name < ?)", (stem, stem[:-1] + ";"))
    return Sql("op_name = ?", (name,))


def _refers_to(ref: str, side: int, column: str) -> Sql:
    if ref.endswith(":*"):
        return Sql(f"instr({column}, ?) > 0", ('"' + ref[:-1],))
    return Sql("call_no IN (SELECT call_no FROM call_refs WHERE ref = ? AND side = ?)", (ref_key(ref), side))


def _is_narrow(chosen: Mapping[str, Any]) -> bool:
    return any(chosen.get(key) is not None for key in (*_ID_FILTERS, "input_refs", "output_refs"))


def _order(sort_by: Sequence[Mapping[str, str]], *, is_narrow: bool) -> Sql:
    terms: list[str] = []
    values: list[Any] = []
    for item in sort_by:
        operand = _field(item["field"]).sql
        direction = "DESC" if item["direction"].lower() == "desc" else "ASC"
        terms.append(f"{operand.text} {direction} NULLS LAST")
        values.extend(operand.values)
    if not sort_by:
        terms.append("+started_at ASC" if is_narrow else "started_at ASC")
    return Sql(", ".join([*terms, "call_no ASC"]), tuple(values))


def _field(name: str) -> Operand:
    if name in _TIMES:
        return Operand(Sql(name), is_time=True)
    if name in _PLAIN:
        return Operand(Sql(name))
    if name in _COMPUTED:
        return Operand(Sql(_COMPUTED[name]))
    if name.startswith("feedback."):
        return feedback_field(name.removeprefix("feedback."))
    root, _, path = name.partition(".")
    if root in _HEAVY:
        return json_field(root, path)
    raise bad_request(f"calls have no field {name!r}; they have {', '.join((*_PLAIN, *_TIMES, *_HEAVY))}")


def _call(row: tuple[Any, ...], heavy: tuple[str, ...]) -> dict[str, Any]:
    names = (*_PLAIN, *_TIMES, *heavy)
    call: dict[str, Any] = {"attributes": {}, "inputs": {}, **dict(zip(names, row, strict=True))}
    for name in heavy:
        call[name] = decode_json(call[name])
    call["attributes"], call["inputs"] = call["attributes"] or {}, call["inputs"] or {}
    if "summary" in heavy:
        call["summary"] = {**(call["summary"] or {}), "weave": _computed(call)}
    for name in _TIMES:
        call[name] = from_micros(call[name])
    return call


def _computed(call: Mapping[str, Any]) -> dict[str, Any]:
    status, summary = "success", call["summary"] or _EMPTY
    errors = (summary.get("status_counts") or _EMPTY).get("error")
    if call["exception"] is not None:
        status = "error"
    elif call["ended_at"] is None:
        status = "running"
    elif isinstance(errors, (int, float)) and errors > 0:
        status = "descendant_error"
    latency = None if call["ended_at"] is None else (call["ended_at"] - call["started_at"]) // 1000
    return {"status": status, "trace_name": _trace_name(call), "latency_ms": latency}


def _trace_name(call: Mapping[str, Any]) -> str:
    name: str = call["display_name"] or call["op_name"] or ""
    if call["display_name"] or not name.startswith("weave:///"):
        return name
    return name.rpartition("/op/")[2].partition(":")[0]


def _add_feedback(connection: sqlite3.Connection, call: dict[str, Any]) -> None:
    if "summary" in call:
        call["summary"]["weave"]["feedback"] = feedback_of_call(connection, call["project_id"], call["id"])
