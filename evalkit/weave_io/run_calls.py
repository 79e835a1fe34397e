"""The evaluate calls that a run has in Weave: found by its id, read back, counted, deleted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weave.trace.weave_client import WeaveClient

from evalkit.records import Json

__all__ = [
    "ATTRIBUTES",
    "ROWS_FORMAT",
    "EvaluateCall",
    "attribute_query",
    "attributes_of",
    "count_rows",
    "delete_calls",
    "find_calls",
    "op_filter",
    "read_call",
    "run_query",
]

ATTRIBUTES = "evalkit"
"""The attribute under which every published call names its run, cell, plan and commit."""

ROWS_FORMAT = 2
"""What the rows below an evaluate call hold; rows of another format are published again."""

_COLUMNS = ["id", "attributes", "inputs", "output", "exception", "ended_at"]


@dataclass(frozen=True, slots=True)
class EvaluateCall:
    """One `Evaluation.evaluate` call as it is stored; `output` is None until it has ended well."""

    id: str
    cell: str
    evaluation_ref: str
    model_ref: str
    output: Mapping[str, Json] | None
    run_id: str = ""
    rows_format: int = 1


def run_query(run_id: str) -> dict[str, Json]:
    """Return the query that keeps the calls of one run."""
    return attribute_query(run_id=run_id)


def attribute_query(**wanted: Json) -> dict[str, Json]:
    """Return the query that keeps the calls with one of our attributes at a value."""
    ((name, value),) = wanted.items()
    return {"$expr": {"$eq": [{"$getField": f"attributes.{ATTRIBUTES}.{name}"}, {"$literal": value}]}}


def op_filter(client: WeaveClient, name: str, **more: Json) -> dict[str, Json]:
    """Return the filter that keeps the calls of an op, in any version of it."""
    return {"op_names": [f"weave:///{client.project_id}/op/{name}:*"], **more}


def find_calls(client: WeaveClient, run_id: str) -> list[EvaluateCall]:
    """Return the evaluate calls of a run, oldest first, however they ended."""
    request: Json = {
        "project_id": client.project_id,
        "filter": op_filter(client, "Evaluation.evaluate", trace_roots_only=True),
        "query": run_query(run_id),
        "sort_by": [{"field": "started_at", "direction": "asc"}],
        "columns": _COLUMNS,
    }
    return [
        _read(row) for row in client.server.calls_query_stream(request) if attributes_of(row).get("run_id") == run_id
    ]


def read_call(client: WeaveClient, call_id: str) -> EvaluateCall | None:
    """Return an evaluate call by its id, None while the store does not show it."""
    filter_ = {"call_ids": [call_id]}
    request: Json = {"project_id": client.project_id, "filter": filter_, "columns": _COLUMNS}
    return next((_read(row) for row in client.server.calls_query_stream(request)), None)


def count_rows(client: WeaveClient, call_id: str) -> int:
    """Return how many rows of an evaluate call are stored."""
    filter_ = op_filter(client, "Evaluation.predict_and_score", parent_ids=[call_id])
    request: Json = {"project_id": client.project_id, "filter": filter_}
    return client.server.calls_query_stats(request).count


def delete_calls(client: WeaveClient, ids: Iterable[str]) -> None:
    """Delete calls with everything below them."""
    if wanted := list(ids):
        client.delete_calls(wanted)


def attributes_of(row: Json) -> Mapping[str, Json]:
    """Return our attributes of a call as the store gives it."""
    attributes: Mapping[str, Json] = row.attributes or {}
    return attributes.get(ATTRIBUTES) or {}


def _read(row: Json) -> EvaluateCall:
    inputs: Mapping[str, Json] = row.inputs or {}
    output: Mapping[str, Json] | None = row.output or None
    ours = attributes_of(row)
    finished = row.ended_at is not None and row.exception is None
    return EvaluateCall(
        id=row.id,
        cell=str(ours.get("cell")),
        evaluation_ref=str(inputs.get("self")),
        model_ref=str(inputs.get("model")),
        output=output if finished else None,
        run_id=str(ours.get("run_id") or ""),
        rows_format=ours.get("rows") or 1,
    )
