"""The pinned SDK's client against the embedded store, on both faces."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.weave_faces import FACES, PROJECT, open_face

pytestmark = [
    pytest.mark.slow,
    # The SDK's own use of its libraries, not ours to mend.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_fields':DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using variable_values:DeprecationWarning"),
]


@pytest.fixture(params=FACES)
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Any]:
    caplog.set_level(logging.WARNING, "evalkit.weave_io.server")
    with open_face(request.param, tmp_path / "weave.sqlite", monkeypatch) as opened:
        yield opened
    allowed = getattr(request.function, "unknown_routes", False)
    assert allowed or "no route" not in caplog.text


def uri(name: str, version: str = "latest", kind: str = "object") -> str:
    return f"weave:///{PROJECT}/{kind}/{name}:{version}"


def fetch(text: str) -> Any:
    import weave

    return weave.ref(text).get()


def test_versions_are_numbered_by_content(client: Any) -> None:
    import weave

    refs = [weave.publish({"value": value}, "thing") for value in (1, 2, 1, 3)]
    assert refs[0].digest == refs[2].digest
    assert [fetch(uri("thing", version))["value"] for version in ("v0", "v1", "v2", "latest")] == [1, 2, 3, 3]
    assert fetch(refs[1].uri)["value"] == 2
    listed = client._objects({"object_ids": ["thing"]})
    assert [(item.version_index, item.is_latest) for item in listed] == [(0, 0), (1, 0), (2, 1)]


def test_what_is_missing_or_deleted_is_an_error_that_says_so(client: Any) -> None:
    import weave

    first, second = (weave.publish({"value": value}, "thing") for value in (1, 2))
    second.delete()
    assert fetch(uri("thing"))["value"] == 1
    for text, words in (
        (second.uri, "was deleted"),
        (uri("thing", "v7"), "status 404"),
        (uri("nothing"), "status 404"),
    ):
        with pytest.raises(ValueError, match=words):
            fetch(text)
    assert client.delete_all_object_versions("thing") == 1
    with pytest.raises(ValueError, match="status 404"):
        fetch(uri("thing"))
    weave.publish({"value": 1}, "thing")
    assert fetch(first.uri)["value"] == 1


def test_tags_and_aliases(client: Any) -> None:
    import weave

    first, second = (weave.publish({"value": value}, "thing") for value in (1, 2))
    client.add_tags(first, ["good", "old"])
    client.remove_tags(first, ["old"])
    client.set_aliases(first, ["blessed"])
    assert (client.get_tags(first), client.get_tags(second)) == (["good"], [])
    assert fetch(uri("thing", "blessed"))["value"] == 1
    client.set_aliases(second, ["blessed"])
    assert fetch(uri("thing", "blessed"))["value"] == 2
    assert (client.list_tags(), client.list_aliases()) == (["good"], ["blessed"])
    client.remove_aliases(second, ["blessed"])
    assert client.list_aliases() == []


def test_rows_have_refs_that_lead_back_to_them(client: Any) -> None:
    import weave

    rows = [{"id": str(number), "input": {"text": f"question {number}"}} for number in range(5)]
    ref = weave.publish(weave.Dataset(name="rows", rows=weave.Table(rows)))
    dataset = fetch(ref.uri)
    assert [dict(row) for row in dataset.rows] == rows
    assert len(dataset.rows) == 5
    fourth = list(dataset.rows)[3]
    assert "/attr/rows/id/" in fourth.ref.uri
    assert fetch(fourth.ref.uri)["id"] == "3"
    assert fetch(fourth.ref.uri + "/key/input/key/text") == "question 3"
    assert dict(dataset.rows[2]) == rows[2]


@pytest.mark.parametrize("parallel", ["true", "false"], ids=["chunks", "appends"])
def test_a_large_table_comes_back_whole_and_in_order(
    client: Any, parallel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import weave

    monkeypatch.setenv("WEAVE_USE_PARALLEL_TABLE_UPLOAD", parallel)
    rows = [{"id": number, "text": f"{number:06d}" * 2000} for number in range(1100)] + [{"id": 0, "text": "again"}] * 2
    ref = weave.publish(weave.Dataset(name="large", rows=weave.Table(rows)))
    table = fetch(ref.uri).rows
    assert len(table) == 1102
    assert [row["id"] for row in table] == [row["id"] for row in rows]


def test_ops_and_their_calls_are_found_by_any_version(client: Any) -> None:
    import weave

    def versions(offset: int) -> Any:
        @weave.op(name="adder")
        def adder(a: int) -> int:
            return a + offset

        return adder

    for offset in (1, 2):
        versions(offset)(a=10)
    client.finish(use_progress_bar=False)
    every = list(client.get_calls(filter={"op_names": [uri("adder", "*", "op")]}))
    assert [call.output for call in every] == [11, 12]
    assert len({call.op_name for call in every}) == 2
    one = client.get_calls(filter={"op_names": [every[1].op_name]})
    assert [call.output for call in one] == [12]
    assert client.get(weave.ref(every[0].op_name))(a=1) == 2


def test_a_trace_keeps_its_tree_status_and_usage(client: Any) -> None:
    import weave

    @weave.op
    def answer(n: int) -> dict[str, Any]:
        if n == 2:
            raise ValueError("no answer")
        return {"model": "m", "usage": {"total_tokens": n}}

    @weave.op
    def whole() -> int:
        for n in (1, 2, 3):
            with contextlib.suppress(ValueError):
                answer(n)
        return 3

    whole()
    client.finish(use_progress_bar=False)
    (root,) = client.get_calls(filter={"trace_roots_only": True})
    children = list(client.get_calls(filter={"parent_ids": [root.id]}))
    assert [child.summary["weave"]["status"] for child in children] == ["success", "error", "success"]
    assert "no answer" in children[1].exception
    assert root.summary["weave"]["status"] == "descendant_error"
    assert root.summary["usage"]["m"] == {"requests": 2, "total_tokens": 4}
    assert {child.trace_id for child in children} == {root.trace_id}


def test_calls_are_sorted_paged_projected_and_queried(client: Any) -> None:
    import weave

    @weave.op
    def square(n: int) -> int:
        return n * n

    for n in range(25):
        square(n)
    client.finish(use_progress_bar=False)
    newest = client.get_calls(sort_by=[{"field": "started_at", "direction": "desc"}], limit=3, columns=["output"])
    assert [call.output for call in newest] == [576, 529, 484]
    large = {"$expr": {"$gt": [{"$getField": "output"}, {"$literal": 400}]}}
    assert [call.inputs["n"] for call in client.get_calls(query=large)] == [21, 22, 23, 24]
    every = client.get_calls(page_size=7)
    assert len(every) == 25
    assert [call.inputs["n"] for call in every] == list(range(25))
    assert [call.inputs["n"] for call in client.get_calls(offset=20, limit=2)] == [20, 21]


def test_a_call_is_renamed_and_deleted(client: Any) -> None:
    import weave

    @weave.op
    def work() -> None: ...

    _, call = work.call()
    client.finish(use_progress_bar=False)
    call.set_display_name("renamed")
    client.finish(use_progress_bar=False)
    assert client.get_call(call.id).display_name == "renamed"
    client.delete_call(call)
    assert len(client.get_calls()) == 0
    with pytest.raises(ValueError, match="not found"):
        client.get_call(call.id)


def test_feedback_is_attached_queried_and_purged(client: Any) -> None:
    import weave

    @weave.op
    def work() -> str:
        return "done"

    @weave.op
    def judge(output: str) -> dict[str, Any]:
        return {"good": output == "done"}

    _, call = work.call()
    client.finish(use_progress_bar=False)
    call = client.get_call(call.id)
    call.feedback.add_note("well")
    reaction = call.feedback.add_reaction("👍")
    asyncio.run(call.apply_scorer(judge))
    client.finish(use_progress_bar=False)
    kinds = {item.feedback_type for item in client.get_feedback()}
    assert kinds == {"wandb.note.1", "wandb.reaction.1", "wandb.runnable.judge"}
    assert [found.id for found in client.get_calls(scored_by="judge")] == [call.id]
    assert len(client.get_calls(scored_by="other")) == 0
    scored = client.get_call(call.id, include_feedback=True)
    outputs = [item["payload"].get("output") for item in scored.summary["weave"]["feedback"]]
    assert {"good": True} in outputs
    call.feedback.purge(reaction)
    assert len(list(client.get_feedback())) == 2


def test_a_call_that_was_cancelled_stays_open_and_hangs_nothing(tmp_path: Path) -> None:
    import weave

    from evalkit.weave_io.client import open_local_client
    from evalkit.weave_io.trace_store import TraceStore

    @weave.op
    async def slow() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    with open_local_client(tmp_path / "weave.sqlite", PROJECT) as client:
        asyncio.run(cancel())
        client.finish(use_progress_bar=False)
        assert [call.summary["weave"]["status"] for call in client.get_calls()] == ["running"]
    with TraceStore(tmp_path / "weave.sqlite") as store:
        (call,) = store.calls.stream({"project_id": PROJECT})
    assert call["exception"].startswith("aborted")


def test_an_operation_that_is_not_there_is_a_404(client: Any) -> None:
    with pytest.raises(Exception, match="embedded store has no") as caught:
        client.server.image_create(
            {"project_id": PROJECT, "inputs": {"model": "m", "prompt": "p"}, "track_llm_call": False}
        )
    assert caught.value.response.status_code == 404


test_an_operation_that_is_not_there_is_a_404.unknown_routes = True


def test_a_digest_that_the_client_computed_wrong_is_a_conflict(client: Any) -> None:
    obj = {"project_id": PROJECT, "object_id": "o", "val": {"a": 1}, "expected_digest": "wrong"}
    with pytest.raises(Exception, match="digest") as caught:
        client.server.obj_create({"obj": obj})
    assert caught.value.response.status_code == 409


def test_both_faces_give_the_same_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import weave

    rows = [{"id": 1, "value": float("nan"), "deep": {2: "number key", None: "no key"}}, {"id": 2, "text": "ü"}]
    found: list[tuple[str, ...]] = []
    for face in FACES:
        with open_face(face, tmp_path / f"{face}.sqlite", monkeypatch):
            table = weave.publish(weave.Dataset(name="rows", rows=weave.Table(rows)))
            obj = weave.publish({"list": [1, 2.5, None], 3: "number key"}, "values")
            found.append((table.digest, obj.digest))
    assert found[0] == found[1]
