"""Latency is the endpoint's alone: queues, refusals and back-off do not move it, and are told beside it."""

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.call_columns import CallColumns
from evalkit.config.schema import RetrySpec
from evalkit.journal import Journal
from evalkit.journaled import Attempted, Journaled
from evalkit.records import CallKey, Failure, FailureKind, Message, Prediction, PredictionOutcome, Request, Sample
from evalkit.retry import Retrying
from evalkit.throttle import Throttle, Throttled
from tests.virtual_time import run_virtual, virtual_now

CALLS = 200
FAULTS = (FailureKind.THROTTLE, FailureKind.TRANSIENT, FailureKind.OVERLOADED)


class Endpoint:
    """Answers call `i` after the same time in every run, once it has failed it `faults` times."""

    def __init__(self, faults: int) -> None:
        self.faults = faults
        self.asked: dict[str, int] = {}

    async def predict(self, request: Request, on_text: Any = None) -> Prediction:
        number = int(request.key.sample_id)
        self.asked[request.key.sample_id] = asked = self.asked.get(request.key.sample_id, 0) + 1
        if asked <= self.faults and number % 2:
            await asyncio.sleep(1.0 + asked)
            kind = FAULTS[(number + asked) % len(FAULTS)]
            return Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(kind, "not now", 500))
        await asyncio.sleep(0.2 + number / 1000)
        return Prediction(PredictionOutcome.OK, "yes")


@pytest.fixture
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(time=virtual_now, perf_counter=virtual_now)
    monkeypatch.setattr("evalkit.journaled.time", clock)


def ask_all(path: Path, *, faults: int, concurrency: int) -> list[Prediction]:
    """Ask every call at time 0 through a stack with a shared throttle and a model's own; read the answers back."""
    requests = [
        Request("m", (Message("user", "q"),), {}, Sample(str(i), "q"), CallKey(f"r{i}", str(i))) for i in range(CALLS)
    ]

    async def main(journal: Journal) -> None:
        throttle = Throttle(concurrency, adaptive=False, clock=virtual_now)
        sent = Attempted(Endpoint(faults), journal, deadline_s=60.0, heed=lambda *_: None)
        cap = Throttle(concurrency + 2, adaptive=False, clock=virtual_now)
        retrying = Retrying(
            Throttled(Throttled(sent, throttle), cap),
            RetrySpec(max_attempts=20, max_elapsed=3600.0),
            is_stopped=lambda: False,
            sleep=asyncio.sleep,
            clock=virtual_now,
            random=random.Random(7).random,
        )
        model = Journaled(retrying, journal, {})
        await asyncio.gather(*(model.predict(request) for request in requests))

    with Journal(path) as journal:
        run_virtual(main(journal))
    with Journal(path) as journal:
        found = [journal.find(request.key) for request in requests]
    return [answer for answer in found if answer is not None]


def columns_of(answers: list[Prediction]) -> CallColumns:
    columns = CallColumns(CALLS)
    for row, answer in enumerate(answers):
        columns.put(row, answer)
    return columns


@pytest.mark.usefixtures("virtual_clock")
def test_failures_and_queues_do_not_move_latency(tmp_path: Path) -> None:
    calm = columns_of(ask_all(tmp_path / "calm.sqlite", faults=0, concurrency=CALLS))
    rough = columns_of(ask_all(tmp_path / "rough.sqlite", faults=10, concurrency=3))
    assert calm.outcomes() == rough.outcomes()
    quiet, loud = (columns.latency_s(confidence=0.95, is_nested=False) for columns in (calm, rough))
    assert quiet == pytest.approx(loud, abs=1e-6)
    assert quiet["p50"] == pytest.approx(0.2995, abs=1e-6)
    beside = rough.timing_s(confidence=0.95)
    assert beside["queue"]["p50"] > 60
    assert beside["backoff"]["mean"] > 10
    assert {calm.timing_s(confidence=0.95)[part]["mean"] for part in ("queue", "backoff")} == {0.0}
    assert calm.attempts() == {"sent": CALLS, "retried": 0, "most": 1, "from_cache": 0}
    assert rough.attempts() == {"sent": 6 * CALLS, "retried": CALLS // 2, "most": 11, "from_cache": 0}


@pytest.mark.usefixtures("virtual_clock")
def test_every_second_of_a_call_is_accounted_for(tmp_path: Path) -> None:
    failed_s = sum(1.0 + asked for asked in range(1, 11))
    for number, answer in enumerate(ask_all(tmp_path / "calls.sqlite", faults=10, concurrency=3)):
        timing = answer.timing
        assert timing.service_s is not None
        told = timing.queue_s + timing.backoff_s + timing.service_s + failed_s * (number % 2)
        assert timing.ended_at == pytest.approx(told, abs=1e-4)
