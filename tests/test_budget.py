"""Budgets: nothing starts that does not fit, nothing is counted twice, nobody waits for ever."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.budget import Budget, Budgeted, format_usd
from evalkit.config.schema import RunSpec
from evalkit.listed_models import TokenPrice
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Usage,
)
from evalkit.spending import Account, Caller
from evalkit.stop import Stop, StopReason
from evalkit.throttle import Throttle, Throttled
from evalkit.tokens import TokenEstimator, Tokens
from tests.virtual_time import run_virtual, virtual_now

LOST = Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.TRANSIENT, "no reply"))
REFUSED = Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.TRANSIENT, "no", 500))


def answer(prompt: int, completion: int) -> Prediction:
    return Prediction(PredictionOutcome.OK, "x", usage=Usage(prompt, completion))


def ask(number: int = 0, **params: object) -> Request:
    return Request("m", (Message("user", "x" * 30),), params, Sample(str(number), ""), CallKey("r", str(number)))


class Server:
    """Answers after a while, and knows how many calls it has seen and when the last one started."""

    def __init__(self, reply: Prediction | Callable[[Request], Prediction], latency_s: float = 1.0) -> None:
        self.reply, self.latency_s = reply, latency_s
        self.seen = self.in_flight = self.peak = 0
        self.last_at = 0.0

    async def predict(self, request: Request, on_text: object = None) -> Prediction:
        self.seen += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.last_at = virtual_now()
        await asyncio.sleep(self.latency_s)
        self.in_flight -= 1
        return self.reply(request) if callable(self.reply) else self.reply


class FixedGuess(TokenEstimator):
    """Guesses the same for every call."""

    def __init__(self, prompt: int, completion: int) -> None:
        super().__init__()
        self._guess = Tokens(prompt, completion)

    def estimate(self, request: Request) -> Tokens:
        return self._guess


@dataclasses.dataclass
class Bench:
    """A budgeted server behind a throttle, and what came of some calls."""

    server: Server
    budget: Budget
    stop: Stop
    answers: list[Prediction]
    took_s: float

    @property
    def not_run(self) -> int:
        return sum(answer.outcome is PredictionOutcome.NOT_RUN for answer in self.answers)


def run_calls(
    limits: Mapping[str, object],
    server: Server,
    *,
    calls: int = 50,
    permits: int = 8,
    guess: tuple[int, int] = (10, 90),
    price: TokenPrice | None = None,
    before: Mapping[Caller, Account] | None = None,
) -> Bench:
    async def main() -> Bench:
        stop = Stop()
        estimator = FixedGuess(*guess)
        budget = Budget(RunSpec(**limits), price_of=lambda provider, model: price, stop=stop, estimator=estimator)
        budget.restore(before or {})
        throttle = Throttle(permits, adaptive=False)
        stop.tell(throttle.close)
        model = Throttled(Budgeted(server, budget, provider="p"), throttle)
        budget.start()
        answers = await asyncio.gather(*(model.predict(ask(number)) for number in range(calls)))
        budget.close()
        assert budget.in_flight == throttle.in_flight == 0
        return Bench(server, budget, stop, answers, virtual_now())

    return run_virtual(main())


def test_without_limits_everything_is_asked_and_counted() -> None:
    bench = run_calls({}, Server(answer(10, 5)), price=TokenPrice(1.0, 2.0, "config"))
    assert (bench.server.seen, bench.not_run, bool(bench.stop)) == (50, 0, False)
    spending = bench.budget.spending
    assert (spending.requests, spending.tokens) == (50, 750)
    assert spending.cost_usd == pytest.approx(50 * 20e-6)


@pytest.mark.parametrize("limit", [1, 7, 8, 9, 49])
def test_requests_are_never_passed_by_one(limit: int) -> None:
    bench = run_calls({"max_requests": limit}, Server(answer(10, 5)))
    assert (bench.server.seen, bench.not_run) == (limit, 50 - limit)
    assert bench.stop.reason is StopReason.BUDGET
    assert bench.stop.message == (f"run.max_requests is {limit} and {limit} requests were sent; raise it to go on")


def test_as_many_requests_as_are_needed_stop_nothing() -> None:
    bench = run_calls({"max_requests": 50}, Server(answer(10, 5)))
    assert (bench.server.seen, bool(bench.stop)) == (50, False)


def test_failed_requests_count_as_requests_and_not_as_tokens() -> None:
    bench = run_calls({"max_requests": 20, "max_tokens": 1_000}, Server(REFUSED))
    assert bench.server.seen == 20
    assert bench.budget.spending.tokens == 0


def test_careful_estimates_do_not_stop_a_run_early() -> None:
    """Each call keeps back 4,100 tokens and takes 15: at most one estimate of the budget is left at the end."""
    bench = run_calls({"max_tokens": 20_000}, Server(answer(10, 5)), calls=2_000, permits=32, guess=(4, 4_096))
    assert bench.stop.reason is StopReason.BUDGET
    assert 20_000 - 4_100 <= bench.budget.spending.tokens <= 20_000
    assert bench.server.peak == 4
    assert bench.stop.message.startswith("run.max_tokens is 20,000, 15,")


def test_a_budget_that_holds_no_call_starts_none() -> None:
    bench = run_calls({"max_tokens": 99}, Server(answer(10, 5)))
    assert (bench.server.seen, bench.not_run) == (0, 50)
    assert bench.stop.message == ("run.max_tokens is 99, 0 are spent and the next call may take 100; raise it to go on")
    assert bench.answers[0].failure == Failure(FailureKind.BUDGET, bench.stop.message)


def test_a_lost_reply_keeps_its_estimate_as_spent() -> None:
    bench = run_calls({"max_tokens": 1_000}, Server(LOST))
    assert bench.server.seen == 10
    assert bench.budget.spending.tokens == 1_000
    assert bench.budget.spending.untold == 10
    assert (
        "1,000 are spent (1,000 of it guessed, for 10 requests whose tokens were never told) and" in bench.stop.message
    )


def test_an_answer_without_usage_keeps_its_estimate_as_spent() -> None:
    half = Prediction(PredictionOutcome.OK, "x", usage=Usage(10, None))
    bench = run_calls({"max_tokens": 1_000}, Server(half))
    assert bench.budget.spending.tokens == 1_000
    assert bench.budget.accounts["p", "m"] == Account(10, 100, 0, 0, 900, 10)


def test_cost_is_counted_with_what_is_in_flight() -> None:
    price = TokenPrice(100_000.0, 1_000_000.0, "config")  # a call: $91 guessed, $6 taken
    bench = run_calls({"max_cost": 200}, Server(answer(10, 5)), price=price)
    assert bench.server.peak == 2
    assert bench.stop.message == (
        "run.max_cost is $200.00, $114.00 is spent and the next call may cost $91.00; raise it to go on"
    )
    assert bench.budget.spending.cost_usd == 114.0


def test_a_server_that_takes_more_than_was_guessed_passes_the_limit_by_no_more() -> None:
    bench = run_calls({"max_tokens": 1_000}, Server(answer(100, 100)), permits=4)
    most_missed = 4 * (200 - 100)
    assert bench.budget.spending.tokens <= 1_000 + most_missed


def test_time_ends_the_run_whatever_it_waits_for() -> None:
    bench = run_calls({"max_time": "2.5s"}, Server(answer(10, 5)), permits=4)
    assert (bench.server.seen, bench.server.last_at, bench.took_s) == (12, 2.0, 3.0)
    assert bench.stop.message == "run.max_time is 2.5 s and it is over"


def test_time_ends_a_back_off_too() -> None:
    async def main() -> float:
        stop = Stop()
        limits = RunSpec(max_time=5.0)
        budget = Budget(limits, price_of=lambda provider, model: None, stop=stop, estimator=TokenEstimator())
        budget.start()
        await stop.sleep(60)
        assert stop.reason is StopReason.BUDGET
        assert await budget.admit("p", ask()) is None
        return virtual_now()

    assert run_virtual(main()) == 5.0


def test_what_earlier_tries_spent_counts_and_time_does_not() -> None:
    before = {("p", "m"): Account(requests=30, prompt_tokens=100), (None, None): Account(requests=5)}
    bench = run_calls({"max_requests": 40, "max_time": "1h"}, Server(answer(10, 5)), before=before)
    assert bench.server.seen == 5
    assert bench.budget.spending.requests == 40
    spent = run_calls({"max_requests": 35}, Server(answer(10, 5)), before=before)
    assert (spent.server.seen, spent.stop.reason) == (0, StopReason.BUDGET)


def test_a_stop_for_another_reason_is_not_called_the_budgets() -> None:
    async def main() -> Prediction:
        stop = Stop()
        budget = Budget(RunSpec(), price_of=lambda provider, model: None, stop=stop, estimator=TokenEstimator())
        stop.request(StopReason.QUOTA, "quota is spent")
        return await Budgeted(Server(answer(1, 1)), budget, provider="p").predict(ask())

    refused = run_virtual(main())
    assert refused.failure == Failure(FailureKind.NOT_RUN, "quota is spent")


def test_a_stop_sends_those_away_who_wait_for_room() -> None:
    async def main() -> tuple[list[Prediction], int, float]:
        stop = Stop()
        server = Server(answer(10, 90), latency_s=100.0)
        limits = RunSpec(max_tokens=250)
        budget = Budget(limits, price_of=lambda provider, model: None, stop=stop, estimator=FixedGuess(10, 90))
        model = Budgeted(server, budget, provider="p")
        calls = [asyncio.ensure_future(model.predict(ask(number))) for number in range(6)]
        await asyncio.sleep(1)
        stop.request(StopReason.INTERRUPTED, "interrupted")
        return await asyncio.gather(*calls[2:]), server.seen, virtual_now()

    waiting, seen, at = run_virtual(main())
    assert (seen, at) == (2, 1.0)
    assert {each.outcome for each in waiting} == {PredictionOutcome.NOT_RUN}


def test_a_cancelled_call_keeps_its_estimate_and_lets_the_next_one_look() -> None:
    async def main() -> tuple[Account, bool]:
        stop = Stop()
        limits = RunSpec(max_tokens=150)
        budget = Budget(limits, price_of=lambda provider, model: None, stop=stop, estimator=FixedGuess(10, 90))
        model = Budgeted(Server(answer(10, 5), latency_s=100.0), budget, provider="p")
        first = asyncio.ensure_future(model.predict(ask(1)))
        second = asyncio.ensure_future(model.predict(ask(2)))
        third = asyncio.ensure_future(model.predict(ask(3)))
        await asyncio.sleep(1)
        second.cancel()
        first.cancel()
        assert (await third).outcome is PredictionOutcome.NOT_RUN
        return budget.accounts["p", "m"], bool(stop)

    account, stopped = run_virtual(main())
    assert (account.requests, account.tokens, account.untold, stopped) == (1, 100, 1, True)


def test_a_smaller_guess_learnt_meanwhile_lets_a_waiting_call_go() -> None:
    """Answers have no limit, so the first calls keep back a thousand tokens each; later ones a few."""

    async def main() -> tuple[int, bool]:
        stop = Stop()
        limits = RunSpec(max_tokens=12_000)
        estimator = TokenEstimator()
        budget = Budget(limits, price_of=lambda provider, model: None, stop=stop, estimator=estimator)
        server = Server(answer(20, 5))
        model = Budgeted(server, budget, provider="p")
        await asyncio.gather(*(model.predict(ask(number)) for number in range(400)))
        return server.seen, bool(stop)

    assert run_virtual(main()) == (400, False)


@given(
    guesses=st.tuples(st.integers(0, 50), st.integers(0, 500)),
    takes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=10),
    limit=st.integers(1, 3_000),
    permits=st.integers(1, 40),
    failures=st.sets(st.integers(0, 39)),
)
def test_spending_keeps_within_the_limit_and_everyone_hears(
    guesses: tuple[int, int],
    takes: list[tuple[int, int]],
    limit: int,
    permits: int,
    failures: set[int],
) -> None:
    """Overshoot is at most what estimates missed, a stop leaves less than one estimate, and every call ends."""

    def reply(request: Request) -> Prediction:
        number = int(request.sample.id)
        return LOST if number in failures else answer(*takes[number % len(takes)])

    bench = run_calls({"max_tokens": limit}, Server(reply), calls=40, permits=permits, guess=guesses)
    missed = sum(max(0, sum(takes[number % len(takes)]) - sum(guesses)) for number in range(40))
    spent = bench.budget.spending
    assert spent.tokens <= limit + missed
    assert spent.requests == bench.server.seen == 40 - bench.not_run
    if bench.stop:
        assert spent.tokens + sum(guesses) > limit
    else:
        assert bench.not_run == 0


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0.00"),
        (0.00000012, "$0.00000012"),
        (0.05, "$0.05"),
        (0.0012345, "$0.00123"),
        (0.1, "$0.10"),
        (4.98, "$4.98"),
        (1234.5, "$1,234.50"),
    ],
)
def test_usd(usd: float, text: str) -> None:
    assert format_usd(usd) == text
