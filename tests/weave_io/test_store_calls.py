import itertools
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.weave_io.store_calls import ref_key
from evalkit.weave_io.store_errors import RequestError
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import PROJECT, at, end, op, start


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with TraceStore(tmp_path / "weave.sqlite") as opened:
        yield opened


def read(store: TraceStore, call_id: str) -> dict:
    call = store.calls.read(PROJECT, call_id)
    assert call is not None
    return call


def test_a_call_reads_back_as_it_was_sent(store: TraceStore) -> None:
    store.intake.start(start("a", inputs={"x": [1, None, "ü"]}, display_name="mine", thread_id="t", turn_id="u"))
    store.intake.end(end("a", second=1.5, output={"text": "4"}, summary={"usage": {"m": {"requests": 1}}}))
    call = read(store, "a")
    assert (call["inputs"], call["output"]) == ({"x": [1, None, "ü"]}, {"text": "4"})
    assert (call["started_at"], call["ended_at"]) == (at(0), at(1.5))
    assert (call["display_name"], call["thread_id"], call["turn_id"]) == ("mine", "t", "u")
    assert call["attributes"] == {"weave": {"client_version": "0.54.0"}}
    assert call["summary"]["usage"] == {"m": {"requests": 1}}
    assert call["summary"]["weave"] == {"status": "success", "trace_name": "mine", "latency_ms": 1500}


EVENTS = [("start", "a"), ("end", "a"), ("start", "b"), ("end", "b")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.sampled_from(EVENTS), min_size=4, max_size=12).filter(lambda sent: set(sent) == set(EVENTS)))
def test_any_order_and_any_repetition_gives_the_same_calls(store: TraceStore, order: list[tuple[str, str]]) -> None:
    project = f"team/{uuid.uuid4().hex}"
    for kind, call_id in order:
        if kind == "start":
            store.intake.start(start(call_id, project_id=project, inputs={"model": op("M")}))
        else:
            store.intake.end(end(call_id, project_id=project))
    calls = list(store.calls.stream({"project_id": project}))
    assert sorted(call["id"] for call in calls) == ["a", "b"]
    assert {call["summary"]["weave"]["status"] for call in calls} == {"success"}
    assert store.calls.count({"project_id": project, "filter": {"input_refs": [op("M")]}}) == 2


def test_an_end_without_its_start_is_not_a_call_yet(store: TraceStore) -> None:
    store.intake.end(end("a"))
    assert store.calls.read(PROJECT, "a") is None
    store.intake.start(start("a"))
    assert read(store, "a")["output"] == "4"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"exception": "boom"}, "error"),
        ({"summary": {"status_counts": {"success": 1, "error": 2}}}, "descendant_error"),
        ({"summary": None}, "success"),
        (None, "running"),
    ],
    ids=["error", "descendant", "no-summary", "running"],
)
def test_status_is_computed(store: TraceStore, changes: dict | None, status: str) -> None:
    store.intake.start(start("a"))
    if changes is not None:
        store.intake.end(end("a", **changes))
    assert read(store, "a")["summary"]["weave"]["status"] == status
    expr = {"$expr": {"$eq": [{"$getField": "summary.weave.status"}, {"$literal": status}]}}
    assert store.calls.count({"project_id": PROJECT, "query": expr}) == 1


@pytest.mark.parametrize("before_start", [True, False], ids=["before-start", "after-start"])
def test_a_rename_stands_whenever_the_start_comes(store: TraceStore, *, before_start: bool) -> None:
    for step in ("rename", "start") if before_start else ("start", "rename", "start"):
        if step == "rename":
            store.intake.update(PROJECT, "a", "better")
        else:
            store.intake.start(start("a", display_name="first"))
    assert read(store, "a")["display_name"] == "better"


def test_deleting_hides_the_whole_family_and_nothing_else(store: TraceStore) -> None:
    family = {"root": None, "child": "root", "grandchild": "child", "stranger": None}
    for call_id, parent in family.items():
        store.intake.start(start(call_id, parent_id=parent))
    assert store.intake.delete(PROJECT, ["root"]) == 3
    assert [call["id"] for call in store.calls.stream({"project_id": PROJECT})] == ["stranger"]
    store.intake.start(start("root"))
    store.intake.end(end("root"))
    assert store.calls.read(PROJECT, "root") is None


def test_deleting_before_the_start_arrives_still_hides(store: TraceStore) -> None:
    assert store.intake.delete(PROJECT, ["a"]) == 0
    store.intake.start(start("a"))
    assert store.calls.read(PROJECT, "a") is None


@pytest.mark.parametrize(
    "broken",
    [{"id": None}, {"started_at": "yesterday"}, {"started_at": None}, {"op_name": 5}],
    ids=["no-id", "bad-time", "no-time", "bad-name"],
)
def test_a_broken_event_is_refused_and_the_store_goes_on(store: TraceStore, broken: dict) -> None:
    with pytest.raises(RequestError):
        store.intake.start({**start("a"), **broken})
    store.intake.start(start("b"))
    assert read(store, "b")


NASTY = ["half a pair \ud83d", "nul \0 byte", "𝛑 and 🙂", "quote ' \" ; DROP TABLE calls", float("nan"), float("inf")]


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_what_models_really_produce_is_stored(store: TraceStore, value: object) -> None:
    text = value if isinstance(value, str) else "fine"
    store.intake.start(start("a", inputs={"value": value}, display_name=text))
    store.intake.end(end("a", output=[value], exception=text))
    call = read(store, "a")
    expected = value if isinstance(value, str) else None
    assert (call["inputs"], call["output"]) == ({"value": expected}, [expected])


def test_the_same_ref_is_indexed_once(store: TraceStore) -> None:
    ref = op("x")
    store.intake.start(start("a", inputs={"one": ref, "two": [ref, {"three": ref}]}))
    store.flush()
    with sqlite3.connect(store.database.path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM call_refs WHERE ref = ?", (ref_key(ref),)).fetchone() == (1,)
    connection.close()


def test_projects_do_not_see_each_other(store: TraceStore) -> None:
    for project, call_id in itertools.product((PROJECT, "other/project"), ("a", "b")):
        store.intake.start(start(call_id, project_id=project))
    assert store.calls.count({"project_id": PROJECT}) == 2
    assert store.intake.delete("other/project", ["a"]) == 1
    assert store.calls.count({"project_id": PROJECT}) == 2
