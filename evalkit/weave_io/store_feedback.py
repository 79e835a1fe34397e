"""Feedback on calls and objects: scores of a scorer, reactions, notes."""

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.weave_io.store_codec import decode_json, encode_json, from_micros, now_micros, storable_text, to_micros
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_errors import bad_request, not_found
from evalkit.weave_io.store_expr import Operand, Sql, compile_expr, json_field

__all__ = ["FeedbackRoom", "feedback_field", "feedback_of_call"]

_TEXTS = (
    "id", "project_id", "weave_ref", "feedback_type", "creator", "wb_user_id", "runnable_ref", "call_ref",
    "annotation_ref", "trigger_ref",
)  # fmt: skip
_COLUMNS = (*_TEXTS, "created_at", "payload", "more")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM feedback"  # noqa: S608  only names from this file
_INSERT = (
    f"INSERT INTO feedback ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  as above
    " ON CONFLICT (project_id, id) DO NOTHING"
)


class FeedbackRoom:
    """Takes and answers feedback. The same id twice is one feedback."""

    def __init__(self, database: StoreDatabase) -> None:
        """Use `database`."""
        self._database = database

    def create(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Take one feedback, to be on disk within 50 ms, and return its receipt."""
        values = _values(item)
        self._database.put(lambda connection: connection.execute(_INSERT, values) and None)
        return {
            "id": values[0],
            "created_at": from_micros(values[len(_TEXTS)]),
            "wb_user_id": item.get("wb_user_id") or "",
            "payload": item.get("payload") or {},
        }

    def query(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the feedback that the request selects."""
        where = _where(request)
        order = ", ".join([*_order(request.get("sort_by") or ()), "feedback_no"])
        limit = request.get("limit")
        values = (*where.values, -1 if limit is None else limit, request.get("offset") or 0)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE {where.text} ORDER BY {order} LIMIT ? OFFSET ?",
                values,
            ).fetchall()
        fields = request.get("fields")
        return [_only(_feedback(row), fields) for row in rows]

    def count(self, request: Mapping[str, Any]) -> int:
        """Return how many feedbacks the request selects, whatever its limit."""
        where = _where(request)
        with self._database.reading() as connection:
            text = f"SELECT COUNT(*) FROM feedback WHERE {where.text}"  # noqa: S608  values are bound
            return connection.execute(text, where.values).fetchone()[0]

    def purge(self, request: Mapping[str, Any]) -> None:
        """Remove the feedback that the request selects."""
        if not request.get("query"):
            raise bad_request("purging feedback needs a query")
        where = _where(request)
        text = f"DELETE FROM feedback WHERE {where.text}"  # noqa: S608  values are bound
        self._database.write(lambda connection: connection.execute(text, where.values) and None)

    def replace(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Put a new feedback in the place of `feedback_id`."""
        item = {key: value for key, value in request.items() if key != "feedback_id"}
        project_id, old = request["project_id"], request["feedback_id"]

        def remove(connection: sqlite3.Connection) -> None:
            text = "DELETE FROM feedback WHERE project_id = ? AND id = ?"
            if not connection.execute(text, (project_id, old)).rowcount:
                raise not_found(f"no feedback {old} in {project_id}")

        self._database.write(remove)
        return self.create(item)


def feedback_field(path: str) -> Operand:
    """Return the operand for `[<feedback type>].<field>` of a call: its newest feedback of that type that has it."""
    kind, closed, rest = path.removeprefix("[").partition("].")
    if not path.startswith("[") or not closed:
        raise bad_request(f"a feedback field looks like feedback.[type].payload.output, not feedback.{path}")
    inner = _field(rest).sql
    text = (
        f"(SELECT {inner.text} FROM feedback WHERE feedback.project_id = calls.project_id"  # noqa: S608  values are bound
        " AND feedback.weave_ref = 'weave:///' || calls.project_id || '/call/' || calls.id"
        f" AND (feedback_type = ? OR ? = '*') AND {inner.text} IS NOT NULL ORDER BY feedback_no DESC LIMIT 1)"
    )
    return Operand(Sql(text, (*inner.values, kind, kind, *inner.values)))


def feedback_of_call(connection: sqlite3.Connection, project_id: str, call_id: str) -> list[dict[str, Any]]:
    """Return all feedback on one call, oldest first."""
    text = f"{_SELECT} WHERE project_id = ? AND weave_ref = ? ORDER BY feedback_no"
    values = (project_id, f"weave:///{project_id}/call/{call_id}")
    return [_feedback(row) for row in connection.execute(text, values)]


def _values(item: Mapping[str, Any]) -> list[Any]:
    known = dict(item)
    try:
        known["id"] = known.get("id") or str(uuid.uuid4())
        known["wb_user_id"] = known.get("wb_user_id") or ""
        texts = [storable_text(known.pop(name, None)) for name in _TEXTS]
        created = to_micros(known.pop("created_at", None)) or now_micros()
        payload = encode_json(known.pop("payload", None) or {})
    except (TypeError, ValueError, AttributeError) as error:
        raise bad_request(f"not a feedback: {error!r}") from error
    if not (texts[1] and texts[2] and texts[3]):
        raise bad_request("a feedback needs project_id, weave_ref and feedback_type")
    return [*texts, created, payload, encode_json({key: value for key, value in known.items() if value is not None})]


def _where(request: Mapping[str, Any]) -> Sql:
    query = request.get("query")
    chosen = compile_expr(query["$expr"], _field) if query else Sql("1")
    return Sql(f"feedback.project_id = ? AND ({chosen.text})", (request["project_id"], *chosen.values))


def _order(sort_by: Sequence[Mapping[str, str]]) -> list[str]:
    terms: list[str] = []
    for item in sort_by:
        operand = _field(item["field"]).sql
        if operand.values:
            raise bad_request(f"feedback cannot be sorted by {item['field']!r}")
        terms.append(f"{operand.text} {'DESC' if item['direction'].lower() == 'desc' else 'ASC'}")
    return terms


def _field(name: str) -> Operand:
    if name == "created_at":
        return Operand(Sql("feedback.created_at"), is_time=True)
    if name in _TEXTS:
        return Operand(Sql(f"feedback.{name}"))
    root, _, path = name.partition(".")
    return json_field("feedback.payload", path) if root == "payload" else json_field("feedback.more", name)


def _feedback(row: tuple[Any, ...]) -> dict[str, Any]:
    item = dict(zip(_COLUMNS, row, strict=True))
    item["created_at"] = from_micros(item["created_at"])
    item["payload"] = decode_json(item["payload"])
    return {**(decode_json(item.pop("more")) or {}), **item}


def _only(item: dict[str, Any], fields: Sequence[str] | None) -> dict[str, Any]:
    return item if not fields else {name: item.get(name) for name in fields}
