from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.weave_io.store_errors import RequestError
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import PROJECT, at, end, op, start

EVALUATION = "weave:///team/project/object/QA:v"
ROW = "weave:///team/project/object/Dataset:d/attr/rows/id/r1"


def field(name: str) -> dict[str, str]:
    return {"$getField": name}


def literal(value: object) -> dict[str, object]:
    return {"$literal": value}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TraceStore]:
    with TraceStore(tmp_path_factory.mktemp("query") / "weave.sqlite") as opened:
        calls = [
            start("root", op_name=op("Evaluation.evaluate", "v1"), inputs={"self": EVALUATION}, display_name="run"),
            start("one", second=1, parent_id="root", inputs={"n": 1, "row": ROW, "tags": ["x", "y"]}, wb_run_id="r"),
            start("two", second=2, parent_id="root", inputs={"n": 2, "text": "Two words"}, thread_id="t"),
            start("ten", second=3, op_name=op("predict", "other"), trace_id="second", inputs={"n": 10, "flag": True}),
            start("text", second=4, op_name=op("predictor"), trace_id="second", inputs={"n": "10", "a.b": 1}),
        ]
        for call in calls:
            opened.intake.start(call)
        opened.intake.end(end("one", second=1.25, output={"score": 0.5, "ref": EVALUATION}))
        opened.intake.end(end("two", second=4, output=None, exception="ValueError"))
        opened.intake.end(end("root", second=9, summary={"usage": {"m": {"total_tokens": 30}}}))
        opened.feedback.create({
            "project_id": PROJECT, "weave_ref": f"weave:///{PROJECT}/call/one", "feedback_type": "wandb.runnable.exact",
            "payload": {"output": {"value": 0.5}}, "runnable_ref": op("exact"),
        })  # fmt: skip
        yield opened


def ids(store: TraceStore, **request: Any) -> list[str]:
    found = [call["id"] for call in store.calls.stream({"project_id": PROJECT, **request})]
    unpaged = {key: value for key, value in request.items() if key in {"filter", "query"}}
    if "limit" not in request and "offset" not in request:
        assert store.calls.count({"project_id": PROJECT, **unpaged}) == len(found)
    return found


FILTERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "everything": ({}, ["root", "one", "two", "ten", "text"]),
    "exact-op": ({"op_names": [op("predict")]}, ["one", "two"]),
    "any-version": ({"op_names": [op("predict", "*")]}, ["one", "two", "ten"]),
    "two-ops": ({"op_names": [op("predictor"), op("Evaluation.evaluate", "*")]}, ["root", "text"]),
    "no-op": ({"op_names": []}, []),
    "input-ref": ({"input_refs": [EVALUATION]}, ["root"]),
    "row-ref": ({"input_refs": [ROW]}, ["one"]),
    "input-ref-any-version": ({"input_refs": ["weave:///team/project/object/QA:*"]}, ["root"]),
    "output-ref": ({"output_refs": [EVALUATION]}, ["one"]),
    "not-a-prefix": ({"input_refs": ["weave:///team/project/object/Dataset:d"]}, []),
    "parent": ({"parent_ids": ["root"]}, ["one", "two"]),
    "trace": ({"trace_ids": ["second"]}, ["ten", "text"]),
    "roots": ({"trace_roots_only": True}, ["root", "ten", "text"]),
    "ids": ({"call_ids": ["two", "one", "nobody"]}, ["one", "two"]),
    "thread": ({"thread_ids": ["t"]}, ["two"]),
    "run": ({"wb_run_ids": ["r"]}, ["one"]),
    "both": ({"op_names": [op("predict", "*")], "trace_ids": ["second"]}, ["ten"]),
}


@pytest.mark.parametrize(("chosen", "expected"), FILTERS.values(), ids=FILTERS)
def test_filters(store: TraceStore, chosen: dict[str, Any], expected: list[str]) -> None:
    assert ids(store, filter=chosen) == expected


QUERIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "eq": ({"$eq": [field("display_name"), literal("run")]}, ["root"]),
    "eq-number": ({"$eq": [field("inputs.n"), literal(10)]}, ["ten"]),
    "eq-text-is-not-number": ({"$eq": [field("inputs.n"), literal("10")]}, ["text"]),
    "eq-bool": ({"$eq": [field("inputs.flag"), literal(True)]}, ["ten"]),
    "eq-null": ({"$eq": [field("exception"), literal(None)]}, ["root", "one", "ten", "text"]),
    "not-eq-counts-missing": (
        {"$not": [{"$eq": [field("display_name"), literal("run")]}]}, ["one", "two", "ten", "text"]
    ),
    "exists": ({"$not": [{"$eq": [field("inputs.text"), literal("")]}]}, ["two"]),
    "gt-ignores-text": ({"$gt": [field("inputs.n"), literal(1)]}, ["two", "ten"]),
    "gte-lt": (
        {"$and": [{"$gte": [field("inputs.n"), literal(1)]}, {"$lt": [field("inputs.n"), literal(10)]}]}, ["one", "two"]
    ),
    "lte-left-literal": ({"$lte": [literal(2), field("inputs.n")]}, ["two", "ten"]),
    "or": ({"$or": [{"$eq": [field("id"), literal("one")]}, {"$eq": [field("id"), literal("ten")]}]}, ["one", "ten"]),
    "in": ({"$in": [field("id"), [literal("one"), literal("two")]]}, ["one", "two"]),
    "in-nothing": ({"$in": [field("id"), []]}, []),
    "contains": ({"$contains": {"input": field("inputs.text"), "substr": literal("words")}}, ["two"]),
    "contains-case": ({"$contains": {"input": field("inputs.text"), "substr": literal("WORDS")}}, []),
    "contains-any-case": (
        {"$contains": {"input": field("inputs.text"), "substr": literal("WORDS"), "case_insensitive": True}}, ["two"]
    ),
    "position": ({"$eq": [field("inputs.tags.1"), literal("y")]}, ["one"]),
    "convert": ({"$eq": [{"$convert": {"input": field("inputs.n"), "to": "double"}}, literal(10)]}, ["ten", "text"]),
    "convert-exists": ({"$eq": [{"$convert": {"input": field("inputs.text"), "to": "exists"}}, literal(1)]}, ["two"]),
    "time-seconds": ({"$gte": [field("started_at"), literal(1772355603)]}, ["ten", "text"]),
    "time-text": ({"$lt": [field("started_at"), literal(at(1))]}, ["root"]),
    "running": ({"$eq": [field("summary.weave.status"), literal("running")]}, ["ten", "text"]),
    "latency": ({"$gt": [field("summary.weave.latency_ms"), literal(1000)]}, ["root", "two"]),
    "trace-name": ({"$eq": [field("summary.weave.trace_name"), literal("predict")]}, ["one", "two", "ten"]),
    "usage": ({"$gte": [field("summary.usage.m.total_tokens"), literal(30)]}, ["root"]),
    "feedback-ref": ({"$eq": [field("feedback.[wandb.runnable.exact].runnable_ref"), literal(op("exact"))]}, ["one"]),
    "feedback-value": ({"$gt": [field("feedback.[wandb.runnable.exact].payload.output.value"), literal(0.1)]}, ["one"]),
    "feedback-other": ({"$not": [{"$eq": [field("feedback.[wandb.runnable.other].payload.output"), literal("")]}]}, []),
}  # fmt: skip


@pytest.mark.parametrize(("expr", "expected"), QUERIES.values(), ids=QUERIES)
def test_queries(store: TraceStore, expr: dict[str, Any], expected: list[str]) -> None:
    assert ids(store, query={"$expr": expr}) == expected


@pytest.mark.parametrize(
    ("sort_by", "expected"),
    [
        ([("started_at", "desc")], ["text", "ten", "two", "one", "root"]),
        ([("summary.weave.latency_ms", "desc")], ["root", "two", "one", "ten", "text"]),
        ([("inputs.n", "asc")], ["one", "two", "ten", "text", "root"]),
        ([("op_name", "asc"), ("started_at", "desc")], ["root", "two", "one", "ten", "text"]),
    ],
    ids=["newest", "slowest-unfinished-last", "json-missing-last", "two-fields"],
)
def test_order(store: TraceStore, sort_by: list[tuple[str, str]], expected: list[str]) -> None:
    assert ids(store, sort_by=[{"field": name, "direction": way} for name, way in sort_by]) == expected


def test_any_number_of_ids_may_be_asked_for(store: TraceStore) -> None:
    assert ids(store, filter={"call_ids": [*map(str, range(300_000)), "two"]}) == ["two"]


def test_pages_are_disjoint_and_complete(store: TraceStore) -> None:
    pages = [ids(store, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert pages == [["root", "one"], ["two", "ten"], ["text"], []]
    assert store.calls.count({"project_id": PROJECT, "limit": 3}) == 3


def test_columns_left_out_are_not_read(store: TraceStore) -> None:
    (call,) = store.calls.stream({"project_id": PROJECT, "filter": {"call_ids": ["one"]}, "columns": ["inputs.n"]})
    assert call["inputs"] == {"n": 1, "row": ROW, "tags": ["x", "y"]}
    assert call["attributes"] == {}
    assert not {"output", "summary"} & call.keys()


def test_feedback_comes_with_the_call_when_asked(store: TraceStore) -> None:
    request = {"project_id": PROJECT, "filter": {"call_ids": ["one", "two"]}, "include_feedback": True}
    found = {call["id"]: call["summary"]["weave"]["feedback"] for call in store.calls.stream(request)}
    assert [item["payload"] for item in found["one"]] == [{"output": {"value": 0.5}}]
    assert found["two"] == []


@pytest.mark.parametrize(
    "request_",
    [
        {"query": {"$expr": {"$near": []}}},
        {"query": {"$expr": {"$eq": [field("password"), literal(1)]}}},
        {"query": {"$eq": []}},
        {"query": {"$expr": {"$gt": [field("started_at"), literal("soon")]}}},
        {"query": {"$expr": {"$eq": [field('inputs.a"b'), literal(1)]}}},
        {"sort_by": [{"field": "nothing", "direction": "asc"}]},
        {"expand_columns": ["inputs.model"]},
    ],
    ids=["operation", "field", "shape", "time", "quote", "sort", "expand"],
)
def test_what_cannot_be_answered_is_refused(store: TraceStore, request_: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        list(store.calls.stream({"project_id": PROJECT, **request_}))
    assert caught.value.status == 400


def test_usage_is_counted_once_where_it_was_measured(tmp_path: Path) -> None:
    usage = {"m": {"requests": 1, "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    with TraceStore(tmp_path / "usage.sqlite") as store:
        for call_id, parent in (
            ("root", None),
            ("row", "root"),
            ("first", "row"),
            ("second", "row"),
            ("score", "root"),
        ):
            store.intake.start(start(call_id, parent_id=parent))
        for call_id in ("first", "second"):
            store.intake.end(end(call_id, summary={"usage": usage}))
        doubled = {"m": {name: 2 * count for name, count in usage["m"].items()}}
        store.intake.end(end("row", summary={"usage": doubled}))
        answer = store.usage.of_calls(PROJECT, ["root", "row", "first", "score"])
    line = {**doubled["m"], "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    assert answer["call_usage"]["root"] == answer["call_usage"]["row"] == {"m": line}
    assert answer["call_usage"]["first"]["m"]["total_tokens"] == 5
    assert answer["call_usage"]["score"] == {}
    assert answer["unfinished_call_ids"] == ["root", "score"]
