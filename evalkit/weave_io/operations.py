"""Every operation of the trace server that the store offers, by the SDK's name for it: a request to an answer."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evalkit.weave_io.store_errors import not_found, unprocessable
from evalkit.weave_io.trace_store import TraceStore

__all__ = ["INTAKE", "OPERATIONS", "STREAMS", "Operation"]

Request = Mapping[str, Any]
Operation = Callable[[TraceStore, Request], Any]
"""A request, as it goes over the wire, to its answer; raises RequestError."""

_NOTHING: dict[str, Any] = {}


def _server_info(_store: TraceStore, _request: Request) -> Any:
    return {"min_required_weave_python_version": "0.0.0", "trace_server_version": "0.0.0"}


def _call_start(store: TraceStore, request: Request) -> Any:
    start = {**request["start"]}
    start["id"] = start.get("id") or str(uuid.uuid4())
    start["trace_id"] = start.get("trace_id") or start["id"]
    store.intake.start(start)
    return {"id": start["id"], "trace_id": start["trace_id"]}


def _call_end(store: TraceStore, request: Request) -> Any:
    store.intake.end(request["end"])
    return _NOTHING


def _call_start_batch(store: TraceStore, request: Request) -> Any:
    takers = {"start": _call_start, "end": _call_end}
    batch: Iterable[Request] = request["batch"]
    return {"res": [takers[item["mode"]](store, item["req"]) for item in batch]}


def _calls_complete(store: TraceStore, request: Request) -> Any:
    store.intake.complete(request["batch"])
    return _NOTHING


def _call_update(store: TraceStore, request: Request) -> Any:
    store.intake.update(request["project_id"], request["call_id"], request.get("display_name"))
    return _NOTHING


def _calls_delete(store: TraceStore, request: Request) -> Any:
    return {"num_deleted": store.intake.delete(request["project_id"], request["call_ids"])}


def _call_read(store: TraceStore, request: Request) -> Any:
    return {"call": store.calls.read(request["project_id"], request["id"])}


def _calls_query_stream(store: TraceStore, request: Request) -> Any:
    return store.calls.stream(request)


def _calls_query_stats(store: TraceStore, request: Request) -> Any:
    return {"count": store.calls.count(request)}


def _calls_usage(store: TraceStore, request: Request) -> Any:
    return store.usage.of_calls(request["project_id"], request["call_ids"])


def _trace_usage(store: TraceStore, request: Request) -> Any:
    chosen = {key: request.get(key) for key in ("project_id", "filter", "query", "limit")}
    ids = [call["id"] for call in store.calls.stream({**chosen, "columns": ["id"]})]
    return store.usage.of_calls(request["project_id"], ids)


def _obj_create(store: TraceStore, request: Request) -> Any:
    return {"digest": store.objects.create(request["obj"])}


def _obj_read(store: TraceStore, request: Request) -> Any:
    return {"obj": store.objects.read(request)}


def _objs_query(store: TraceStore, request: Request) -> Any:
    return {"objs": store.objects.query(request)}


def _obj_delete(store: TraceStore, request: Request) -> Any:
    gone = store.objects.delete(request["project_id"], request["object_id"], request.get("digests"))
    kept = ("digest", "base_object_class", "leaf_object_class")
    return {"num_deleted": len(gone), "deleted_versions": [{key: item[key] for key in kept} for item in gone]}


def _obj_add_tags(store: TraceStore, request: Request) -> Any:
    store.labels.add_tags(request["project_id"], request["object_id"], request["digest"], request["tags"])
    return _NOTHING


def _obj_remove_tags(store: TraceStore, request: Request) -> Any:
    store.labels.remove_tags(request["project_id"], request["object_id"], request["digest"], request["tags"])
    return _NOTHING


def _obj_set_aliases(store: TraceStore, request: Request) -> Any:
    store.labels.set_aliases(request["project_id"], request["object_id"], request["digest"], request["aliases"])
    return _NOTHING


def _obj_remove_aliases(store: TraceStore, request: Request) -> Any:
    store.labels.remove_aliases(request["project_id"], request["object_id"], request["aliases"])
    return _NOTHING


def _tags_list(store: TraceStore, request: Request) -> Any:
    return {"tags": store.labels.names(request["project_id"], "tag")}


def _aliases_list(store: TraceStore, request: Request) -> Any:
    return {"aliases": store.labels.names(request["project_id"], "alias")}


def _table_create(store: TraceStore, request: Request) -> Any:
    table = request["table"]
    digest, rows = store.tables.create(table["project_id"], table["rows"], table.get("expected_digest"))
    return {"digest": digest, "row_digests": rows}


def _table_create_from_digests(store: TraceStore, request: Request) -> Any:
    rows, expected = request["row_digests"], request.get("expected_digest")
    return {"digest": store.tables.create_from_digests(request["project_id"], rows, expected)}


def _table_update(store: TraceStore, request: Request) -> Any:
    digest, rows = store.tables.update(request["project_id"], request["base_digest"], request["updates"])
    return {"digest": digest, "updated_row_digests": rows}


def _table_query(store: TraceStore, request: Request) -> Any:
    return {"rows": store.tables.query(request)}


def _table_query_stats(store: TraceStore, request: Request) -> Any:
    found = store.tables.sizes(request["project_id"], [request["digest"]])
    if not found:
        raise not_found(f"no table {request['digest']} in {request['project_id']}")
    return {"count": found[0]["count"]}


def _table_query_stats_batch(store: TraceStore, request: Request) -> Any:
    return {"tables": store.tables.sizes(request["project_id"], request.get("digests") or [])}


def _refs_read_batch(store: TraceStore, request: Request) -> Any:
    return {"vals": store.refs.read_batch(request["refs"])}


def _file_create(store: TraceStore, request: Request) -> Any:
    name, content = request["file"][:2]
    return {"digest": store.files.create(request["project_id"], name, bytes(content), request.get("expected_digest"))}


def _file_content_read(store: TraceStore, request: Request) -> Any:
    return {"content": store.files.read(request["project_id"], request["digest"])}


def _files_stats(store: TraceStore, request: Request) -> Any:
    return {"total_size_bytes": store.files.total_size(request["project_id"])}


def _feedback_create(store: TraceStore, request: Request) -> Any:
    return store.feedback.create(request)


def _feedback_create_batch(store: TraceStore, request: Request) -> Any:
    return {"res": [store.feedback.create(item) for item in request["batch"]]}


def _feedback_query(store: TraceStore, request: Request) -> Any:
    return {"result": store.feedback.query(request), "total_count": store.feedback.count(request)}


def _feedback_purge(store: TraceStore, request: Request) -> Any:
    store.feedback.purge(request)
    return _NOTHING


def _feedback_replace(store: TraceStore, request: Request) -> Any:
    return store.feedback.replace(request)


def _cost_query(_store: TraceStore, _request: Request) -> Any:
    return {"results": []}  # prices live in evalkit's config; the store knows none


def _checked(operation: Operation) -> Operation:
    def checked(store: TraceStore, request: Request) -> Any:
        try:
            return operation(store, request)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise unprocessable(f"the request does not have the expected shape: {error!r}") from error

    return checked


_ALL: tuple[Operation, ...] = (
    _server_info, _call_start, _call_end, _call_start_batch, _calls_complete, _call_update, _calls_delete, _call_read,
    _calls_query_stream, _calls_query_stats, _calls_usage, _trace_usage, _obj_create, _obj_read, _objs_query,
    _obj_delete, _obj_add_tags, _obj_remove_tags, _obj_set_aliases, _obj_remove_aliases, _tags_list, _aliases_list,
    _table_create, _table_create_from_digests, _table_update, _table_query, _table_query_stats,
    _table_query_stats_batch, _refs_read_batch, _file_create, _file_content_read, _files_stats, _feedback_create,
    _feedback_create_batch, _feedback_query, _feedback_purge, _feedback_replace, _cost_query,
)  # fmt: skip

OPERATIONS: Mapping[str, Operation] = {operation.__name__.removeprefix("_"): _checked(operation) for operation in _ALL}  # pyright: ignore[reportAttributeAccessIssue]  they are functions
"""Each operation by the name of the SDK's method."""

INTAKE = frozenset(
    {"call_start", "call_end", "call_start_batch", "calls_complete", "feedback_create", "feedback_create_batch"}
)
"""Operations that answer before what they took is on disk."""

STREAMS = frozenset({"calls_query_stream"})
"""Operations whose answer is an iterator."""
