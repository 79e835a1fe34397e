"""What the client sends, byte for byte, what it makes of every reply, and which time is whose."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from evalkit.protocols import ProviderContext
from evalkit.records import FailureKind, Prediction, PredictionOutcome
from tests.fake_endpoint import FakeEndpoint, Reply
from tests.providers.asking import build, request_for

SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {"type": "object"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "é", "parameters": {"type": "object"}}}
PARAMS = {
    "json schema": {"response_format": SCHEMA},
    "json object": {"response_format": {"type": "json_object"}},
    "tools": {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
    "a chosen tool": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    "logprobs": {"logprobs": True, "top_logprobs": 5},
    "sampling": {"temperature": 0.0, "top_p": 0.95, "top_k": 20, "min_p": 0, "seed": 7, "stop": ["\n\n", "é"]},
    "penalties": {"presence_penalty": -0.5, "frequency_penalty": 2, "logit_bias": {"50256": -100}},
    "limits": {"max_tokens": 16, "max_completion_tokens": 32, "n": 1},
    "reasoning": {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}},
    "nothing": {"temperature": None, "stop": None, "tools": []},
    "a service": {"service_tier": "flex", "user": "u", "metadata": {"a": "b"}, "store": False, "verbosity": "low"},
    "plain": {"stream": False},
}


async def ask(
    endpoint: FakeEndpoint, params: Any = None, on_text: Callable[[str], None] | None = None, times: int = 1
) -> list[Prediction]:
    async with build("openai", base_url=endpoint.url).open(ProviderContext()) as model:
        return [await model.predict(request_for("q", params=params), on_text) for _ in range(times)]


def completion(content: Any = "Paris", *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **message}
    return {"model": "served", "choices": [{"message": message, "finish_reason": finish}]}


@pytest.mark.parametrize("params", PARAMS.values(), ids=PARAMS)
async def test_parameters_reach_the_body_unchanged(fake_endpoint: FakeEndpoint, params: dict[str, Any]) -> None:
    bare = {"model": "fake-model", "messages": [{"role": "user", "content": "q"}]}
    await ask(fake_endpoint, params)
    extra = {"extra_body": {"guided_choice": ["a", "b"], "nested": {"deep": [1, None, True]}}}
    await ask(fake_endpoint, {**params, **extra})
    first, second = fake_endpoint.book.bodies
    assert json.dumps(first) == json.dumps({**bare, **params})
    assert json.dumps(second) == json.dumps({**bare, **params, **extra["extra_body"]})


async def test_a_streamed_call_asks_for_its_tokens_and_nothing_else(fake_endpoint: FakeEndpoint) -> None:
    await ask(fake_endpoint, {"seed": 7, "stream": True})
    await ask(fake_endpoint, {"seed": 7}, on_text=[].append)
    for body in fake_endpoint.book.bodies:
        assert {name: body[name] for name in body if name not in ("model", "messages")} == {
            "seed": 7,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


@pytest.mark.parametrize(
    ("params", "listens", "streams"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"stream": True}, False, True),
        ({"stream": True}, True, True),
        ({"stream": False}, True, False),
        ({"stream": None}, True, True),
    ],
    ids=str,
)
async def test_who_decides_about_streaming(
    fake_endpoint: FakeEndpoint, params: dict[str, Any], listens: bool, streams: bool
) -> None:
    fake_endpoint.settings.answers["q"] = "one two three"
    heard: list[str] = []
    [answer] = await ask(fake_endpoint, params, heard.append if listens else None)
    assert (answer.text, answer.outcome) == ("one two three", PredictionOutcome.OK)
    assert "".join(heard) == ("one two three" if listens else "")
    assert (answer.timing.first_token_s is not None) is streams
    assert answer.usage is not None


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_the_parts_of_a_call_s_time_come_in_order(fake_endpoint: FakeEndpoint, streams: bool) -> None:
    fake_endpoint.configure({"latency_s": 0.02, "chunk_s": 0.01 if streams else 0})
    [answer] = await ask(fake_endpoint, {"stream": streams})
    timing = answer.timing
    assert timing.first_byte_s is not None
    assert timing.first_byte_s >= 0.02
    if streams:
        assert timing.first_token_s is not None
        assert timing.service_s is not None
        assert timing.first_byte_s <= timing.first_token_s < timing.service_s
        assert timing.ended_at - timing.started_at == pytest.approx(timing.service_s, abs=1e-5)


REFUSALS = {
    "named": Reply(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
    "located": Reply(422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}),
    "crashed": Reply(500, b"TypeError: create() got an unexpected keyword argument 'stream_options'"),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_server_without_stream_options_is_asked_without_them(
    fake_endpoint: FakeEndpoint, refusal: Reply
) -> None:
    body = b'data: {"choices":[{"delta":{"content":"Paris"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    streamed = Reply(body=body, headers={"content-type": "text/event-stream"})
    fake_endpoint.settings.replies["q"] = [refusal, streamed]
    answers = await ask(fake_endpoint, {"stream": True}, times=2)
    assert [(answer.text, answer.usage, answer.outcome) for answer in answers] == [
        ("Paris", None, PredictionOutcome.OK)
    ] * 2
    assert ["stream_options" in sent for sent in fake_endpoint.book.bodies] == [True, False, False]
    assert all(answer.timing.service_s is not None for answer in answers)


async def test_another_refusal_of_a_stream_is_told_once(fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.settings.replies["q"] = [Reply(400, {"error": {"message": "temperature must be at most 2"}})]
    [answer] = await ask(fake_endpoint, {"stream": True})
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.REJECTED
    assert fake_endpoint.book.requests == 1


async def test_a_refusal_that_repeats_the_request_is_not_taken_for_one_of_stream_options(
    fake_endpoint: FakeEndpoint,
) -> None:
    echo = Reply(422, {"detail": [{"loc": ["body", "seed"], "input": {"stream_options": {}, "seed": "x"}}]})
    fake_endpoint.settings.replies["q"] = [echo]
    first, second = await ask(fake_endpoint, {"stream": True}, times=2)
    assert first.failure == second.failure
    assert fake_endpoint.book.bodies[2].get("stream_options") == {"include_usage": True}


@pytest.mark.parametrize("cut", [1, 20, 60])
async def test_a_stream_cut_before_its_end_is_never_an_answer(fake_endpoint: FakeEndpoint, cut: int) -> None:
    body = b'data: {"choices":[{"delta":{"content":"Par"}}]}\n\ndata: {"choices":[{"delta":{"content":"is"}}]}\n\n'
    streamed = Reply(body=body, headers={"content-type": "text/event-stream"}, cut=cut)
    fake_endpoint.settings.replies["q"] = [streamed]
    [answer] = await ask(fake_endpoint, {"stream": True})
    assert (answer.outcome, answer.text) == (PredictionOutcome.INFRA_ERROR, "")
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TRANSIENT


LIMITS = {
    "spent": ({"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "6m0s"}, 360.0),
    "some left": ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "6m0s"}, None),
    "nothing said": ({"x-request-id": "1"}, None),
}


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("status", [200, 429, 500])
@pytest.mark.parametrize(("headers", "expected"), LIMITS.values(), ids=LIMITS)
async def test_every_reply_says_how_long_no_further_call_is_taken(
    fake_endpoint: FakeEndpoint, headers: dict[str, str], expected: float | None, status: int, streams: bool
) -> None:
    body = completion() if status == 200 else {"error": {"message": "no"}}
    fake_endpoint.settings.replies["q"] = [Reply(status, body, headers)]
    [answer] = await ask(fake_endpoint, {"stream": streams})
    assert answer.hold_s == expected
    assert (answer.failure is None) == (status == 200)


WHOLE = json.dumps(completion()).encode()
BROKEN = {
    "malformed": Reply(body=b'{"choices": [}'),
    "two values": Reply(body=WHOLE + WHOLE),
    "empty": Reply(body=b""),
    "blank": Reply(body=b" \n"),
    "half of it, in full length": Reply(body=WHOLE[: len(WHOLE) // 2]),
    "dropped mid-body": Reply(body=WHOLE, cut=len(WHOLE) // 2),
    "one byte short of its length": Reply(body=WHOLE, cut=1),
    "no choices": Reply(body={"model": "m", "choices": []}),
    "choices null": Reply(body={"model": "m", "choices": None}),
    "a choice without a message": Reply(body={"choices": [{"finish_reason": "stop"}]}),
    "message null": Reply(body={"choices": [{"message": None}]}),
    "an error inside": Reply(body={"error": {"message": "upstream died", "code": 502}}),
    "an error of words": Reply(body={"error": "upstream died"}),
    "an error without code": Reply(body={"error": {"message": "x", "code": None, "type": None}}),
    "an error with a word for a code": Reply(body={"error": {"message": "x", "code": "server_error"}}),
    "an error beside no choices": Reply(body={"choices": [], "error": {"message": "x", "code": "500"}}),
    "a page": Reply(body=b"<html><title>Bad gateway</title></html>", headers={"content-type": "text/html"}),
    "a page that claims to be json": Reply(body=b"<html></html>"),
    "gzip garbage": Reply(body=b"not gzip at all", headers={"content-encoding": "gzip"}),
    "gzip cut short": Reply(body=gzip.compress(WHOLE)[:-12], headers={"content-encoding": "gzip"}),
    "deflate garbage": Reply(body=b"\xff\xff\xff\xff", headers={"content-encoding": "deflate"}),
    "not utf-8": Reply(body=b'{"choices":[{"message":{"content":"\xff"}}]}'),
    "null": Reply(body=b"null"),
    "a list": Reply(body=[completion()]),
}


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
async def test_a_200_that_is_no_answer_is_transient(fake_endpoint: FakeEndpoint, reply: Reply, streams: bool) -> None:
    fake_endpoint.settings.replies["q"] = [reply, Reply(body=WHOLE)]
    broken, whole = await ask(fake_endpoint, {"stream": streams}, times=2)
    assert (broken.outcome, broken.text) == (PredictionOutcome.INFRA_ERROR, "")
    assert broken.failure is not None
    assert broken.failure.kind is FailureKind.TRANSIENT
    assert broken.failure.message
    assert whole.text == "Paris"


@pytest.mark.parametrize("status", [200, 429, 500])
async def test_a_compressed_reply_is_read(fake_endpoint: FakeEndpoint, status: int) -> None:
    raw = gzip.compress(json.dumps(completion() if status == 200 else {"error": {"message": "said so"}}).encode())
    fake_endpoint.settings.replies["q"] = [Reply(status, raw, {"content-encoding": "gzip"})]
    [answer] = await ask(fake_endpoint)
    assert (answer.text or (answer.failure and answer.failure.message)) in {"Paris", "said so"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}),
        ("", {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}),
        (None, {}),
        (None, {"reasoning_content": "hm"}),
        ([], {}),
    ],
    ids=["only calls", "calls and no text", "null", "only reasoning", "no parts"],
)
async def test_an_answer_may_have_no_text(fake_endpoint: FakeEndpoint, content: Any, message: Any) -> None:
    fake_endpoint.settings.replies["q"] = [Reply(body=completion(content, finish="tool_calls", **message))]
    [answer] = await ask(fake_endpoint)
    assert (answer.outcome, answer.text, answer.finish_reason) == (PredictionOutcome.OK, "", "tool_calls")
    assert answer.tool_calls == message.get("tool_calls")


@pytest.mark.parametrize(
    ("served", "expected"), [("other/model", "other/model"), ("", None), (None, None), (7, None)], ids=repr
)
async def test_the_model_that_served_is_what_the_server_names(
    fake_endpoint: FakeEndpoint, served: Any, expected: str | None
) -> None:
    fake_endpoint.settings.replies["q"] = [Reply(body={**completion(), "model": served})]
    [answer] = await ask(fake_endpoint)
    assert answer.served_model == expected


@pytest.mark.parametrize("code", [429, "429", "rate_limit_exceeded", None, 7, [], {}], ids=repr)
@pytest.mark.parametrize("error", ["dict", "text", "none"])
async def test_an_error_body_of_any_shape_is_read(fake_endpoint: FakeEndpoint, code: Any, error: str) -> None:
    bodies = {
        "dict": {"error": {"message": "Concurrency limit reached for requests", "code": code, "type": code}},
        "text": "Concurrency limit reached for requests",
        "none": b"",
    }
    fake_endpoint.settings.replies["q"] = [Reply(429, bodies[error])]
    [answer] = await ask(fake_endpoint)
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.status) == (FailureKind.THROTTLE, 429)
    assert answer.failure.message
