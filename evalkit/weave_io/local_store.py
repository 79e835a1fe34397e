"""The embedded store behind the SDK's own server interface, in this process."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.weave_io.operations import OPERATIONS
from evalkit.weave_io.store_errors import RequestError, not_found
from evalkit.weave_io.trace_store import TraceStore

__all__ = ["LocalTraceStore"]

_FLUSH_S = 60.0

_ANSWERS = {
    "server_info": "ServerInfoRes",
    "call_start": "CallStartResponse",
    "call_start_batch": "CallUpsertBatchResponse",
    "calls_delete": "CallDeleteResponse",
    "call_read": "CallReadResponse",
    "calls_query_stats": "CallQueryStatsResponse",
    "calls_usage": "CallUsageResponse",
    "trace_usage": "TraceUsageResponse",
    "obj_create": "ObjectCreateResponse",
    "obj_read": "ObjectReadResponse",
    "objs_query": "ObjectQueryResponse",
    "obj_delete": "ObjectDeleteResponse",
    "tags_list": "objects.TagListResponse",
    "aliases_list": "objects.AliasListResponse",
    "table_create": "TableCreateResponse",
    "table_create_from_digests": "TableCreateFromDigestsResponse",
    "table_update": "TableUpdateResponse",
    "table_query": "TableQueryResponse",
    "table_query_stats": "TableQueryStatsResponse",
    "table_query_stats_batch": "TableQueryStatsBatchResponse",
    "refs_read_batch": "RefReadBatchResponse",
    "file_create": "FileCreateResponse",
    "files_stats": "FileStatsResponse",
    "feedback_create": "FeedbackCreateResponse",
    "feedback_create_batch": "FeedbackBatchCreateResponse",
    "feedback_query": "FeedbackQueryResponse",
    "feedback_replace": "FeedbackReplaceResponse",
    "cost_query": "CostQueryResponse",
}
"""The SDK's type of each answer, below `weave.vendor.weave_server_sdk.types`; the others are answered as they are."""


class LocalTraceStore:
    """What a `WeaveClient` takes as its server: the SDK's interface over an embedded store.

    Every operation of the SDK's interface is an attribute; one that the store does not have answers 404, as the
    HTTP face does.
    """

    def __init__(self, path: Path) -> None:
        """Open the store at `path`, creating it when missing.

        Raises:
            StoreError: the file is not a store, is of a newer version, or cannot be created.
        """
        self.store = TraceStore(path)

    def __getattr__(self, name: str) -> Callable[[Mapping[str, Any]], Any]:
        from weave.trace_server_bindings.client_interface import TraceServerClientInterface

        if name.startswith("_") or not hasattr(TraceServerClientInterface, name):
            raise AttributeError(f"the SDK's server interface has no {name!r}")
        method = _method(self.store, name)
        setattr(self, name, method)
        return method

    def server_info(self) -> Any:
        """Return the versions that the SDK checks."""
        return _typed("server_info", OPERATIONS["server_info"](self.store, {}))

    def ensure_project_exists(self, entity: str, project: str) -> Any:
        """Create a project when missing."""
        from weave.trace_server_bindings.models import EnsureProjectExistsRes

        self.store.ensure_project(f"{entity}/{project}")
        return EnsureProjectExistsRes(project_name=project)

    def calls_query_stream(self, req: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the calls that a request selects."""
        from weave.vendor.weave_server_sdk.types.call_read_response import Call

        for call in _raising_http(lambda: OPERATIONS["calls_query_stream"](self.store, _plain(req)))():
            yield Call.model_validate(call)

    def calls_query(self, req: Mapping[str, Any]) -> Any:
        """Return the calls that a request selects."""
        from weave.trace_server_bindings.models import CallsQueryRes

        return CallsQueryRes(calls=list(self.calls_query_stream(req)))

    def table_query_stream(self, req: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the rows that a request selects."""
        yield from self.table_query(req).rows

    def file_content_read(self, req: Mapping[str, Any]) -> Any:
        """Return a file's content."""
        from weave.trace_server_bindings.models import FileContentReadRes

        answer = _raising_http(lambda: OPERATIONS["file_content_read"](self.store, _plain(req)))()
        return FileContentReadRes(content=answer["content"])

    def get_feedback_processor(self) -> "_Flush":
        """Return what the client drains when it flushes, so that `client.finish()` means: on disk."""
        return _Flush(self.store)

    def flush(self, timeout_s: float = _FLUSH_S) -> None:
        """Return once everything taken so far is on disk.

        Raises:
            StoreError: a change could not be written, or the time ran out.
        """
        self.store.flush(timeout_s)

    def close(self) -> None:
        """Write what is pending, end what this process left unfinished, and close the file."""
        self.store.close()


class _Flush:
    """The part of the SDK's batch processor that a flushing client uses."""

    num_outstanding_jobs = 0

    def __init__(self, store: TraceStore) -> None:
        self._store = store

    def stop_accepting_new_work_and_flush_queue(self) -> None:
        self._store.flush(_FLUSH_S)

    def accept_new_work(self) -> None:
        pass


def _method(store: TraceStore, name: str) -> Callable[[Mapping[str, Any]], Any]:
    operation = OPERATIONS.get(name)

    def method(req: Mapping[str, Any]) -> Any:
        def run() -> Any:
            if operation is None:
                raise not_found(f"the embedded store has no {name}")
            return _typed(name, operation(store, _as_sent(name, _plain(req))))

        return _raising_http(run)()

    return method


def _raising_http(run: Callable[[], Any]) -> Callable[[], Any]:
    def raising() -> Any:
        try:
            return run()
        except RequestError as error:
            raise _http_error(error) from error

    return raising


def _http_error(error: RequestError) -> Exception:
    import httpx

    request = httpx.Request("POST", "http://embedded.invalid/")
    response = httpx.Response(error.status, json=dict(error.body), request=request)
    return httpx.HTTPStatusError(str(error), request=request, response=response)


def _typed(name: str, answer: Any) -> Any:
    if name not in _ANSWERS:
        return answer
    from weave.vendor.weave_server_sdk import types

    owner: Any = types
    for part in _ANSWERS[name].split("."):
        owner = getattr(owner, part)
    return owner.model_validate(answer)


def _plain(req: Any) -> Mapping[str, Any]:
    return req if isinstance(req, Mapping) else req.model_dump(by_alias=True)  # pyright: ignore[reportUnknownVariableType]  a request


def _as_sent(name: str, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring values into the form in which they would arrive over HTTP, so that digests are the same."""
    from weave.trace.serialization.json_dict_keys import to_jsonable_with_json_keys

    if name == "obj_create":
        return {"obj": {**req["obj"], "val": to_jsonable_with_json_keys(req["obj"]["val"], inf_nan_mode="null")}}
    if name == "table_create":
        rows = to_jsonable_with_json_keys(list(req["table"]["rows"]), inf_nan_mode="null")
        return {"table": {**req["table"], "rows": rows}}
    if name == "table_update":
        return {**req, "updates": to_jsonable_with_json_keys(list(req["updates"]), inf_nan_mode="null")}
    return req
