"""One answer on its way: pieces, retries, silence, speed and cost."""

import pytest

from evalkit.listed_models import TokenPrice
from evalkit.live_answer import INTERRUPTED, Answer
from evalkit.records import FailureKind, Message, Prediction, PredictionOutcome, Timing, Usage
from tests.talking import HANG, Attempt, Talking, bound, broken
from tests.virtual_time import run_virtual

ASKED = (Message("user", "hello"),)


def fetched(*attempts: Attempt, price: TokenPrice | None = None) -> Answer:
    answer = Answer(bound(Talking(list(attempts)), price=price), ASKED)
    run_virtual(answer.fetch())
    return answer


def test_an_answer_is_what_the_model_said() -> None:
    answer = fetched(Attempt(["Hel", "lo"]))
    assert answer.text == "Hello"
    assert answer.failure is None
    assert answer.prediction is not None
    assert answer.prediction.timing.service_s is not None
    assert answer.attempts == 1


def test_a_broken_attempt_leaves_nothing_in_the_next() -> None:
    answer = fetched(Attempt(["half an ans"], broken(FailureKind.TRANSIENT)), Attempt(["whole"]))
    assert answer.text == "whole"
    assert answer.attempts == 2
    assert answer.hurdle is None


def test_what_came_before_the_last_failure_is_kept() -> None:
    answer = fetched(Attempt(["half an ans"], broken(FailureKind.TRANSIENT)))
    assert answer.text == "half an ans"
    assert answer.failure is not None
    assert answer.prediction is not None
    assert answer.prediction.attempts == answer.attempts > 1


@pytest.mark.parametrize("kind", [FailureKind.ACCESS, FailureKind.QUOTA, FailureKind.REJECTED], ids=str)
def test_what_no_retry_cures_is_asked_once(kind: FailureKind) -> None:
    assert fetched(Attempt(end=broken(kind))).attempts == 1


def test_silence_is_given_up_in_the_end() -> None:
    answer = fetched(Attempt(["a word"], gap_s=HANG))
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TRANSIENT
    assert "nothing came for 600 s" in answer.failure.message


def test_an_answer_that_keeps_coming_may_take_its_time() -> None:
    answer = fetched(Attempt([f"{n} " for n in range(10)], gap_s=400))
    assert answer.failure is None
    assert answer.text.split() == [str(n) for n in range(10)]


@pytest.mark.parametrize(
    ("usage", "price", "cost"),
    [
        pytest.param(Usage(1_000, 500, 1_500), TokenPrice(1.0, 2.0, "config"), 0.002, id="known"),
        pytest.param(Usage(1_000, 500, 1_500), TokenPrice(0.0, 0.0, "config"), 0.0, id="free"),
        pytest.param(Usage(1_000, 500, 1_500), None, None, id="no-price"),
        pytest.param(None, TokenPrice(1.0, 2.0, "config"), None, id="no-usage"),
        pytest.param(Usage(1_000, None, 1_500), TokenPrice(1.0, 2.0, "config"), None, id="half-the-usage"),
    ],
)
def test_what_is_not_known_costs_no_zero(usage: Usage | None, price: TokenPrice | None, cost: float | None) -> None:
    assert fetched(Attempt(["x"], usage=usage), price=price).cost_usd == cost


@pytest.mark.parametrize(
    ("usage", "service_s", "speed"),
    [
        pytest.param(Usage(5, 120, 125), 4.0, 30.0, id="known"),
        pytest.param(Usage(5, None, None), 4.0, None, id="no-count"),
        pytest.param(Usage(5, 0, 5), 4.0, None, id="no-token"),
        pytest.param(None, 4.0, None, id="no-usage"),
        pytest.param(Usage(5, 120, 125), 0.0, None, id="no-time"),
    ],
)
def test_speed_is_tokens_over_the_whole_attempt(usage: Usage | None, service_s: float, speed: float | None) -> None:
    said = Prediction(PredictionOutcome.OK, "x", usage=usage, timing=Timing(service_s=service_s, first_token_s=1.0))
    assert fetched(Attempt(end=said)).tokens_per_second == speed


def test_an_interrupt_keeps_what_came_and_loses_to_a_last_word() -> None:
    answer = Answer(bound(Talking([])), ASKED, clock=lambda: 7.0)
    answer.began = 5.0
    answer.interrupt()
    assert answer.failure is not None
    assert answer.failure.message == INTERRUPTED
    assert answer.elapsed_s == 2.0
    ended = fetched(Attempt(["whole"]))
    ended.interrupt()
    assert ended.failure is None
