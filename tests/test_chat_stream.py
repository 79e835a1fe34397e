"""A stream in any cut gives the answer that it would have been unstreamed; lines end where the format says."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.chat_answer import read_completion
from evalkit.chat_stream import AnswerPieces, read_events
from evalkit.records import FailureKind, PredictionOutcome

TEXTS = st.lists(st.text(max_size=8), max_size=5)


async def _each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def events_of(*chunks: bytes) -> list[str]:
    async def read() -> list[str]:
        return [event async for event in read_events(_each(chunks))]

    return asyncio.run(read())


def joined(*deltas: dict[str, Any], finish: str | None = "stop", **body: Any) -> Any:
    """Return what comes of chunks with these deltas, one choice each."""
    pieces = AnswerPieces()
    for delta in deltas:
        pieces.add(json.dumps({"choices": [{"delta": delta}]}))
    pieces.add(json.dumps({"choices": [{"delta": {}, "finish_reason": finish}], **body}))
    return pieces.finish()


@given(texts=TEXTS, reasonings=TEXTS, arguments=TEXTS, data=st.data())
def test_any_cut_of_a_stream_gives_the_unstreamed_answer(
    texts: list[str], reasonings: list[str], arguments: list[str], data: st.DataObject
) -> None:
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    deltas: list[dict[str, Any]] = [{"tool_calls": [first]}]
    deltas += [{"content": text} for text in texts] + [{"reasoning_content": text} for text in reasonings]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": text}}]} for text in arguments]
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    chunks = [{"model": "m", "choices": [{"delta": delta}]} for delta in deltas]
    chunks += [{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}, {"choices": [], "usage": usage}]
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}{end}{end}" for chunk in chunks]
    raw = ("".join(lines) + f"data: [DONE]{end}{end}").encode("utf-8", "surrogatepass")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    parts = [raw[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    pieces = AnswerPieces()
    heard = "".join(pieces.add(event) for event in events_of(*parts))
    message = {
        "content": "".join(texts),
        "reasoning_content": "".join(reasonings),
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "".join(arguments)}}],
    }
    whole = {"model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage}
    assert pieces.finish() == read_completion(whole)
    assert heard == "".join(texts)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"data: a\n\ndata:b\n\n", ["a", "b"], id="with-and-without-space"),
        pytest.param(b"data: a\ndata: b\n\n", ["a\nb"], id="many-lines"),
        pytest.param(b": ping\nevent: x\nid: 7\nretry: 3\ndata: a\n\n", ["a"], id="other-fields"),
        pytest.param("data: a\u2028b\x85c\x0bd\n\n".encode(), ["a\u2028b\x85c\x0bd"], id="other-line-separators"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"], id="all-line-ends"),
        pytest.param(b"data: a\n\ndata: b", ["a", "b"], id="no-last-line-end"),
        pytest.param(b"\n\n\n", [], id="nothing"),
    ],
)
def test_events(raw: bytes, expected: list[str]) -> None:
    assert events_of(raw) == expected
    assert events_of(*(raw[i : i + 1] for i in range(len(raw)))) == expected


def test_a_stream_that_is_not_utf_8_is_told() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        events_of(b"data: \xff\n\n")


def call(index: int | None = 0, **parts: Any) -> dict[str, Any]:
    return {"tool_calls": [parts if index is None else {"index": index, **parts}]}


def function(name: str, arguments: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(
            [call(1, id="b", **function("g", "{}")), call(0, id="a", **function("f", "{}"))],
            [("b", "g", "{}"), ("a", "f", "{}")],
            id="in-the-order-they-came",
        ),
        pytest.param(
            [call(0, id="a", **function("f", "{")), call(0, id="a", **function("f", "}"))],
            [("a", "f", "{}")],
            id="id-and-name-with-every-piece",
        ),
        pytest.param(
            [call(0, id="a", **function("f", "{}")), call(0, id="b", **function("g", "{}"))],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="one-index-for-two-calls",
        ),
        pytest.param(
            [call(None, id="a", **function("f", "{}")), call(None, id="b", **function("f", "{}"))],
            [("a", "f", "{}"), ("b", "f", "{}")],
            id="no-index",
        ),
        pytest.param([call(0, id="a", **function("f", {"x": 1}))], [("a", "f", '{"x": 1}')], id="arguments-decoded"),
    ],
)
def test_calls_are_never_run_together(deltas: list[dict[str, Any]], expected: list[tuple[str, ...]]) -> None:
    found = joined(*deltas, finish="tool_calls").tool_calls
    assert [(one["id"], one["function"]["name"], one["function"]["arguments"]) for one in found] == expected


@pytest.mark.parametrize(
    ("delta", "begins"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"content": "a"}, True),
        ({"reasoning": "so"}, True),
        ({"refusal": "No"}, True),
        (call(0, id="a"), True),
    ],
    ids=["role", "text", "reasoning", "refusal", "call"],
)
def test_an_answer_begins_with_its_first_piece(delta: dict[str, Any], begins: bool) -> None:
    pieces = AnswerPieces()
    pieces.add(json.dumps({"choices": [{"delta": delta}]}))
    assert pieces.has_begun is begins


@pytest.mark.parametrize("events", [[], ['{"choices":[{"delta":{"content":"half"}}]}']], ids=["empty", "half"])
def test_a_stream_without_its_end_is_no_answer(events: list[str]) -> None:
    pieces = AnswerPieces()
    for event in events:
        pieces.add(event)
    answer = pieces.finish()
    assert (answer.outcome, answer.text) == (PredictionOutcome.INFRA_ERROR, "")
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TRANSIENT


def test_the_tokens_come_with_the_last_chunk_or_not_at_all() -> None:
    assert joined({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": 2}).usage.total_tokens == 3
    assert joined({"content": "a"}, usage=None).usage is None
