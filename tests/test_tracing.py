"""The tracing process from outside: what it cannot do is a sentence, and it never outstays its time."""

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from evalkit.records import Message, Prediction, PredictionOutcome, Timing, Usage
from evalkit.tracing import Trace, Tracer
from evalkit.weave_io.chat_trace import TracedAnswer, TracedTurn
from evalkit.weave_io.trace_store import TraceStore
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

KEY = "0123456789abcdef0123456789abcdef01234567"
ANSWER = Prediction(PredictionOutcome.OK, "four", usage=Usage(3, 4, 7), timing=Timing(100.0, 101.5, 1.5))
TURN = TracedTurn("2 + 2?", 99.0, 102.0, (TracedAnswer("A", "a", (Message("user", "2 + 2?"),), {}, ANSWER),))


def traced(
    store: Path,
    *turns: TracedTurn,
    backend: str = "local",
    deadline_s: float = 60,
    env: Mapping[str, str] | None = None,
) -> tuple[Trace, ...]:
    async def trace() -> tuple[Trace, ...]:
        environment = {**os.environ, **(env or {})}
        tracer = await Tracer.start(
            backend=backend, project="team/chat", store=store, thread="t1", environment=environment
        )
        try:
            for turn in turns:
                tracer.send(turn)
            return await tracer.wait(deadline_s)
        finally:
            await tracer.close()

    return asyncio.run(trace())


def test_turns_are_calls_of_one_thread(tmp_path: Path) -> None:
    first, second = traced(tmp_path / "weave.sqlite", TURN, TURN)
    assert (first.error, second.error) == (None, None)
    assert first.ref != second.ref
    with TraceStore(tmp_path / "weave.sqlite") as store:
        calls = list(store.calls.stream({"project_id": "team/chat"}))
    roots = [call for call in calls if call["parent_id"] is None]
    assert [f"weave:///team/chat/call/{call['id']}" for call in roots] == [first.ref, second.ref]
    assert {call["thread_id"] for call in calls} == {"t1"}
    assert len(calls) == 4
    for call in roots:
        assert call["output"] == "four"
        assert call["started_at"].startswith("1970-01-01T00:01:39")
        assert call["summary"]["usage"]["a"] == {
            "requests": 1,
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
        }


def test_a_store_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "weave.sqlite").write_bytes(b"this is no database" * 100)
    (trace,) = traced(tmp_path / "weave.sqlite", TURN)
    assert trace.place is None
    assert trace.error is not None
    assert "weave.sqlite" in trace.error


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"WANDB_API_KEY": KEY, "WF_TRACE_SERVER_URL": away, "WANDB_BASE_URL": away}
        (trace,) = traced(tmp_path / "weave.sqlite", TURN, backend="wandb", deadline_s=4, env=env)
    assert trace == Trace(error="Weave gave no sign for 4 s")


def test_a_server_that_refuses_is_a_sentence_without_the_key(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        away = endpoint.url.removesuffix("/v1")
        env = {"WANDB_API_KEY": KEY, "WF_TRACE_SERVER_URL": away, "WANDB_BASE_URL": away}
        (trace,) = traced(tmp_path / "weave.sqlite", TURN, backend="wandb", env=env)
    assert trace.place is None
    assert trace.error is not None
    assert KEY not in trace.error
