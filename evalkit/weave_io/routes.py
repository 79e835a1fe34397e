"""The HTTP routes of the trace server: method and path to the operation behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.weave_io.trace_store import TraceStore

__all__ = ["ROUTES", "Route", "answer_graphql"]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. What its path holds in braces joins the request."""

    method: str
    path: str
    operation: str


def _post(path: str, operation: str) -> Route:
    return Route("POST", path, operation)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/server_info", "server_info"),
    _post("/call/start", "call_start"),
    _post("/call/end", "call_end"),
    _post("/call/upsert_batch", "call_start_batch"),
    _post("/v2/{entity}/{project}/call/start", "call_start"),
    _post("/v2/{entity}/{project}/call/end", "call_end"),
    _post("/v2/{entity}/{project}/calls/complete", "calls_complete"),
    _post("/call/update", "call_update"),
    _post("/call/read", "call_read"),
    _post("/calls/delete", "calls_delete"),
    _post("/calls/stream_query", "calls_query_stream"),
    _post("/calls/query_stats", "calls_query_stats"),
    _post("/calls/usage", "calls_usage"),
    _post("/trace/usage", "trace_usage"),
    _post("/obj/create", "obj_create"),
    _post("/obj/read", "obj_read"),
    _post("/objs/query", "objs_query"),
    _post("/obj/delete", "obj_delete"),
    Route("PUT", "/objs/{object_id}/versions/{digest}/tags", "obj_add_tags"),
    _post("/objs/{object_id}/versions/{digest}/tags/remove", "obj_remove_tags"),
    Route("PUT", "/objs/{object_id}/aliases", "obj_set_aliases"),
    _post("/objs/{object_id}/aliases/remove", "obj_remove_aliases"),
    Route("GET", "/tags", "tags_list"),
    Route("GET", "/aliases", "aliases_list"),
    _post("/table/create", "table_create"),
    _post("/table/create_from_digests", "table_create_from_digests"),
    _post("/table/update", "table_update"),
    _post("/table/query", "table_query"),
    _post("/table/query_stats", "table_query_stats"),
    _post("/table/query_stats_batch", "table_query_stats_batch"),
    _post("/refs/read_batch", "refs_read_batch"),
    _post("/file/create", "file_create"),
    _post("/file/content", "file_content_read"),
    _post("/files/query_stats", "files_stats"),
    _post("/feedback/create", "feedback_create"),
    _post("/feedback/batch/create", "feedback_create_batch"),
    _post("/feedback/query", "feedback_query"),
    _post("/feedback/purge", "feedback_purge"),
    _post("/feedback/replace", "feedback_replace"),
    _post("/cost/query", "cost_query"),
)


def answer_graphql(store: TraceStore, request: Mapping[str, Any]) -> Any:
    """Answer the few account questions that `weave.init` asks; every project exists here."""
    query = str(request.get("query", ""))
    variables: Mapping[str, Any] = request.get("variables") or {}
    data: dict[str, Any] = {}
    name, entity = variables.get("name"), variables.get("entityName") or variables.get("entity")
    if name is not None and entity is not None and ("upsertModel" in query or "project(" in query):
        store.ensure_project(f"{entity}/{name}")
    if "upsertModel" in query:
        data["upsertModel"] = {"model": {"name": name, "description": variables.get("description")}}
    if "project(" in query:
        data["project"] = {"name": name}
    if "viewer" in query:
        data["viewer"] = {"username": "local", "defaultEntity": {"name": "local"}}
    if "entity(" in query:
        data["entity"] = {"readOnly": False}
    if "serverInfo" in query:
        data["serverInfo"] = {"frontendHost": None}
    if not data:
        return {"data": None, "errors": [{"message": "the embedded store answers only the queries of weave.init"}]}
    return {"data": data}
