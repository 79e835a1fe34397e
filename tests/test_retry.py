"""Which failures are tried again, how often, and how long the pauses are."""

import asyncio

import pytest

from evalkit.config.schema import RetrySpec
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Timing
from evalkit.retry import Retrying
from tests.virtual_time import run_virtual, virtual_now

OK = Prediction(PredictionOutcome.OK, "yes")


def failed(kind: FailureKind, retry_after_s: float | None = None) -> Prediction:
    return Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(kind, "no", retry_after_s=retry_after_s))


class Script:
    """Gives its answers in turn, then the last one for ever."""

    def __init__(self, *answers: Prediction) -> None:
        self.answers, self.sent = answers, 0

    async def predict(self, request: object, on_text: object = None) -> Prediction:
        self.sent += 1
        return self.answers[min(self.sent, len(self.answers)) - 1]


def ask(script: Script, *, random: float = 1.0, stop_after: int = 10**9, **policy: float) -> tuple[Prediction, float]:
    """Return the answer and the virtual seconds it took."""

    async def main() -> tuple[Prediction, float]:
        retrying = Retrying(
            script,
            RetrySpec(**policy),  # type: ignore[arg-type]
            is_stopped=lambda: script.sent >= stop_after,
            sleep=asyncio.sleep,
            clock=virtual_now,
            random=lambda: random,
        )
        return await retrying.predict(None), virtual_now()  # type: ignore[arg-type]

    return run_virtual(main())


@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.OVERLOADED, FailureKind.THROTTLE])
def test_passing_faults_are_tried_again(kind: FailureKind) -> None:
    script = Script(failed(kind), failed(kind), OK)
    answer, _ = ask(script)
    assert (answer.outcome, answer.attempts, script.sent) == (PredictionOutcome.OK, 3, 3)


@pytest.mark.parametrize(
    "kind", [FailureKind.ACCESS, FailureKind.QUOTA, FailureKind.REJECTED, FailureKind.TOO_LONG, FailureKind.FILTERED]
)
def test_lasting_failures_are_not(kind: FailureKind) -> None:
    script = Script(failed(kind), OK)
    answer, waited_s = ask(script)
    assert answer.failure is not None
    assert (answer.failure.kind, script.sent, waited_s) == (kind, 1, 0.0)


def test_pauses_double_up_to_the_cap_and_are_counted() -> None:
    script = Script(failed(FailureKind.TRANSIENT))
    answer, waited_s = ask(script, max_attempts=5, base=1.0, cap=4.0)
    assert script.sent == 5
    assert waited_s == pytest.approx(1 + 2 + 4 + 4)
    assert answer.timing.backoff_s == pytest.approx(waited_s)


def test_jitter_is_full() -> None:
    _, waited_s = ask(Script(failed(FailureKind.TRANSIENT), OK), random=0.25, base=8.0)
    assert waited_s == pytest.approx(2.0)


def test_the_servers_wish_is_honoured_up_to_the_cap() -> None:
    _, waited_s = ask(Script(failed(FailureKind.OVERLOADED, 7.0), OK), random=0.0)
    assert waited_s == pytest.approx(7.0)
    _, waited_s = ask(Script(failed(FailureKind.OVERLOADED, 3600.0), OK), random=0.0, cap=60.0)
    assert waited_s == pytest.approx(60.0)


def test_a_refusal_for_concurrency_uses_up_time_not_attempts() -> None:
    script = Script(*[failed(FailureKind.THROTTLE)] * 20, OK)
    answer, _ = ask(script, max_attempts=2, base=0.1, cap=1.0)
    assert (answer.outcome, script.sent) == (PredictionOutcome.OK, 21)


def test_it_gives_up_when_the_time_is_over() -> None:
    script = Script(failed(FailureKind.THROTTLE))
    answer, waited_s = ask(script, max_elapsed=10.0, base=1.0, cap=4.0)
    assert answer.outcome is PredictionOutcome.INFRA_ERROR
    assert waited_s <= 10.0


def test_waiting_for_a_permit_uses_up_no_time() -> None:
    waited = Prediction(
        PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.TRANSIENT, "no"), timing=Timing(queue_s=100.0)
    )

    class Queue(Script):
        async def predict(self, request: object, on_text: object = None) -> Prediction:
            await asyncio.sleep(100.0)
            return await super().predict(request, on_text)

    script = Queue(waited, waited, OK)
    answer, _ = ask(script, max_elapsed=30.0, base=1.0)
    assert (answer.outcome, script.sent) == (PredictionOutcome.OK, 3)


def test_nothing_is_sent_after_a_stop() -> None:
    script = Script(failed(FailureKind.TRANSIENT))
    ask(script, stop_after=2)
    assert script.sent == 2
