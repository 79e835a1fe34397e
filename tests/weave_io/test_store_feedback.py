from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.weave_io.store_errors import RequestError
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import PROJECT

REF = f"weave:///{PROJECT}/call/one"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with TraceStore(tmp_path / "weave.sqlite") as opened:
        yield opened


def feedback(kind: str = "note", **changes: Any) -> dict[str, Any]:
    return {"project_id": PROJECT, "weave_ref": REF, "feedback_type": kind, "payload": {"note": "fine"}, **changes}


def of_type(kind: str) -> dict[str, Any]:
    return {"$expr": {"$eq": [{"$getField": "feedback_type"}, {"$literal": kind}]}}


def test_what_is_given_reads_back(store: TraceStore) -> None:
    receipt = store.feedback.create(feedback(creator="me", scorer_tags=["a"], payload={"output": {"value": 1}}))
    (found,) = store.feedback.query({"project_id": PROJECT})
    assert {key: found[key] for key in ("id", "created_at", "payload", "wb_user_id")} == receipt
    assert (found["creator"], found["scorer_tags"], found["weave_ref"]) == ("me", ["a"], REF)
    assert receipt["wb_user_id"] == ""


def test_the_same_id_twice_is_one_feedback(store: TraceStore) -> None:
    for _ in range(3):
        store.feedback.create(feedback(id="f"))
    assert store.feedback.count({"project_id": PROJECT}) == 1


def test_query_order_fields_and_pages(store: TraceStore) -> None:
    for number, kind in enumerate(["note", "score", "note"]):
        store.feedback.create(feedback(kind, id=str(number), payload={"value": number}))
    notes = store.feedback.query({"project_id": PROJECT, "query": of_type("note"), "fields": ["id"]})
    newest = store.feedback.query(
        {"project_id": PROJECT, "sort_by": [{"field": "id", "direction": "desc"}], "limit": 1, "offset": 1}
    )
    large = {"$expr": {"$gt": [{"$getField": "payload.value"}, {"$literal": 0}]}}
    assert notes == [{"id": "0"}, {"id": "2"}]
    assert [item["id"] for item in newest] == ["1"]
    assert store.feedback.count({"project_id": PROJECT, "query": large}) == 2


def test_purge_removes_what_is_asked_and_never_all(store: TraceStore) -> None:
    store.feedback.create(feedback("note"))
    store.feedback.create(feedback("score"))
    store.feedback.purge({"project_id": PROJECT, "query": of_type("note")})
    assert [item["feedback_type"] for item in store.feedback.query({"project_id": PROJECT})] == ["score"]
    with pytest.raises(RequestError):
        store.feedback.purge({"project_id": PROJECT})


def test_replace(store: TraceStore) -> None:
    old = store.feedback.create(feedback())["id"]
    new = store.feedback.replace({**feedback("score"), "feedback_id": old})["id"]
    assert [(item["id"], item["feedback_type"]) for item in store.feedback.query({"project_id": PROJECT})] == [
        (new, "score")
    ]
    with pytest.raises(RequestError) as caught:
        store.feedback.replace({**feedback(), "feedback_id": old})
    assert caught.value.status == 404


@pytest.mark.parametrize("missing", ["weave_ref", "feedback_type", "project_id"])
def test_an_incomplete_feedback_is_refused(store: TraceStore, missing: str) -> None:
    with pytest.raises(RequestError):
        store.feedback.create({key: value for key, value in feedback().items() if key != missing})
