"""Usage, cost, latency and names of a cell's calls."""

import pytest

from evalkit.call_columns import CallColumns
from evalkit.config.schema import PriceSpec
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Timing, Usage

PRICE = PriceSpec(input=2.0, output=8.0)
OK = PredictionOutcome.OK


def answer(
    prompt: int | None = 10, completion: int | None = 5, service_s: float | None = 0.4, **given: object
) -> Prediction:
    outcome = given.pop("outcome", OK)
    return Prediction(outcome, "x", usage=Usage(prompt, completion), timing=Timing(service_s=service_s), **given)


def columns(*predictions: Prediction, rows: int | None = None) -> CallColumns:
    calls = CallColumns(len(predictions) if rows is None else rows)
    for row, prediction in enumerate(predictions):
        calls.put(row, prediction)
    return calls


def failed(outcome: PredictionOutcome, kind: FailureKind, status: int | None) -> Prediction:
    return Prediction(outcome, failure=Failure(kind, "no", status))


def test_what_was_never_put_was_not_run() -> None:
    calls = columns(answer(), rows=3)
    assert calls.outcomes()["not_run"] == 2
    assert sum(calls.outcomes().values()) == 3
    assert set(calls.outcomes()) == {outcome.value for outcome in PredictionOutcome}
    assert calls.usage()["requests"] == 1


def test_usage_is_summed_and_the_unknown_counted() -> None:
    calls = columns(
        answer(), answer(7, None), Prediction(OK, "x"), failed(PredictionOutcome.INFRA_ERROR, "transient", 500)
    )
    assert calls.usage() == {
        "requests": 4,
        "prompt_tokens": 17,
        "completion_tokens": 5,
        "total_tokens": 15,
        "without_usage": 2,
    }


def test_the_server_s_total_stands() -> None:
    assert columns(Prediction(OK, "x", usage=Usage(10, 5, 21))).usage()["total_tokens"] == 21


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([answer(), answer()], 120 / 1e6),
        ([answer(), Prediction(OK, "x")], None),
        ([answer(), answer(None, 5)], None),
        ([answer(), failed(PredictionOutcome.INFRA_ERROR, FailureKind.TRANSIENT, 500)], 60 / 1e6),
        ([answer(), failed(PredictionOutcome.FILTERED, FailureKind.FILTERED, 400)], 60 / 1e6),
        ([answer(), failed(PredictionOutcome.FILTERED, FailureKind.FILTERED, 200)], None),
        ([answer(), failed(PredictionOutcome.REFUSED, FailureKind.REFUSED, 200)], None),
        ([answer(), answer(1, 1, outcome=PredictionOutcome.TRUNCATED)], 70 / 1e6),
    ],
    ids=[
        "known",
        "no usage",
        "half a usage",
        "not answered",
        "filtered before",
        "filtered after",
        "refused",
        "truncated",
    ],
)
def test_cost(predictions: list[Prediction], expected: float | None) -> None:
    assert columns(*predictions).cost_usd(PRICE) == (None if expected is None else pytest.approx(expected, rel=1e-15))


def test_cached_and_reasoning_tokens_are_counted_once() -> None:
    inside = Prediction(OK, "x", usage=Usage(10, 5, 15, cached_tokens=8, reasoning_tokens=3))
    beside = Prediction(OK, "x", usage=Usage(10, 5, 18, reasoning_tokens=3))
    calls = columns(inside, beside)
    assert calls.usage() | {"requests": 2} == {
        "requests": 2,
        "prompt_tokens": 20,
        "completion_tokens": 13,
        "total_tokens": 33,
        "without_usage": 0,
    }
    assert calls.cost_usd(PRICE) == pytest.approx((20 * 2 + 13 * 8) / 1e6)


@pytest.mark.parametrize("known", [{"from_journal": True}, {"from_cache": True}], ids=["journal", "cache"])
def test_an_answer_paid_for_earlier_cost_what_it_cost(known: dict[str, bool]) -> None:
    assert columns(answer(**known)).cost_usd(PRICE) == columns(answer()).cost_usd(PRICE)


def test_without_a_price_there_is_no_cost() -> None:
    assert columns(answer()).cost_usd(None) is None


def test_a_call_put_again_leaves_no_trace() -> None:
    calls = columns(answer(99, 99, 9.0, served_model="old", fingerprint="fp_old"))
    calls.put(0, Prediction(PredictionOutcome.NOT_RUN))
    assert calls.usage()["total_tokens"] == calls.usage()["without_usage"] == calls.usage()["requests"] == 0
    assert calls.latency_s(confidence=0.95, is_nested=False)["n"] == 0
    assert calls.served_models() == calls.fingerprints() == ()


def test_names_are_sorted_and_told_once() -> None:
    calls = columns(
        answer(served_model="b", fingerprint="f2"), answer(served_model="a"), answer(served_model="b", fingerprint="f1")
    )
    assert calls.served_models() == ("a", "b")
    assert calls.fingerprints() == ("f1", "f2")


@pytest.mark.parametrize(("count", "is_bounded"), [(2, False), (71, False), (72, True)])
def test_p95_is_told_from_72_calls_on(count: int, is_bounded: bool) -> None:
    calls = columns(*(answer(1, place, place / 10) for place in range(count)))
    latency, tokens = calls.latency_s(confidence=0.95, is_nested=False), calls.output_tokens(confidence=0.95)
    for found in (latency["p95"], latency["p95_upper"], tokens["p95"]):
        assert (found is not None) == is_bounded
    assert latency["p50"] == pytest.approx((count - 1) / 20)
    assert latency["mean"] == pytest.approx((count - 1) / 20)
    assert tokens["p50"] == (count - 1) / 2


def test_only_answered_calls_have_a_latency() -> None:
    slow = Prediction(PredictionOutcome.INFRA_ERROR, timing=Timing(service_s=60.0))
    latency = columns(answer(service_s=0.2), slow, answer(service_s=None)).latency_s(confidence=0.95, is_nested=False)
    assert (latency["n"], latency["mean"], latency["p50"]) == (1, 0.2, 0.2)


def test_trials_of_one_item_give_no_bounds() -> None:
    latency = columns(*(answer(service_s=place / 10) for place in range(100))).latency_s(
        confidence=0.95, is_nested=True
    )
    assert latency["p95"] is not None
    assert {latency[name] for name in ("p50_lower", "p50_upper", "p95_lower", "p95_upper")} == {None}


def timed(attempts: int = 1, outcome: PredictionOutcome = OK, **times: float) -> Prediction:
    return Prediction(outcome, "x", timing=Timing(**times), attempts=attempts)


def test_what_comes_beside_the_latency_is_told_apart() -> None:
    calls = columns(
        timed(service_s=1.0, queue_s=10.0, backoff_s=2.0, first_byte_s=0.5, first_token_s=0.6, attempts=3),
        timed(service_s=3.0, first_byte_s=0.7),
        timed(outcome=PredictionOutcome.INFRA_ERROR, service_s=60.0, queue_s=60.0, backoff_s=60.0, attempts=6),
        rows=4,
    )
    found = calls.timing_s(confidence=0.95)
    assert {part: (times["mean"], times["n"]) for part, times in found.items()} == {
        "queue": (5.0, 2),
        "backoff": (1.0, 2),
        "first_byte": (0.6, 2),
        "first_token": (0.6, 1),
    }
    assert (found["queue"]["p50"], found["queue"]["p95"]) == (5.0, None)
    assert calls.latency_s(confidence=0.95, is_nested=False)["mean"] == 2.0
    assert calls.attempts() == {"sent": 10, "retried": 2, "most": 6, "from_cache": 0}


def test_a_call_that_another_cell_pays_for_was_not_sent_again() -> None:
    calls = CallColumns(2)
    calls.put(0, timed(service_s=1.0, attempts=4), is_shared=True)
    assert calls.attempts() == {"sent": 0, "retried": 0, "most": 0, "from_cache": 0}
    assert calls.latency_s(confidence=0.95, is_nested=False)["n"] == 1
    cached = Prediction(OK, "x", timing=Timing(service_s=1.0), attempts=4, from_cache=True)
    assert columns(cached).attempts() == {"sent": 0, "retried": 0, "most": 0, "from_cache": 1}
    calls.put(0, cached, is_shared=True)
    assert calls.attempts()["from_cache"] == 1, "a number is made of it in this cell too"
    calls.put(0, timed(service_s=1.0))
    assert calls.attempts()["from_cache"] == 0


def test_nothing_answered() -> None:
    calls = columns(rows=2)
    assert set(calls.latency_s(confidence=0.95, is_nested=False).values()) == {None, 0}
    assert calls.output_tokens(confidence=0.95) == {"p50": None, "p95": None}
    assert {value for times in calls.timing_s(confidence=0.95).values() for value in times.values()} == {None, 0}
    assert calls.attempts() == {"sent": 0, "retried": 0, "most": 0, "from_cache": 0}
