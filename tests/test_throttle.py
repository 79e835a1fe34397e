"""The in-flight limit, its learning, and the pace of starts."""

import asyncio
import itertools
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config.schema import RetrySpec
from evalkit.pacing import pace
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Usage
from evalkit.retry import Retrying
from evalkit.throttle import Throttle, Throttled
from tests.simulated_server import SimulatedServer, refusal
from tests.virtual_time import run_virtual, virtual_now

OK = Prediction(PredictionOutcome.OK, "yes")
REFUSED = Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.THROTTLE, "too many", 429))


class Server:
    """Answers after `latency_s`; refuses at once what exceeds `limit` calls in flight."""

    def __init__(self, limit: int, latency_s: float = 1.0) -> None:
        self.limit, self.latency_s = limit, latency_s
        self.in_flight = self.peak = self.calls = self.refusals = 0

    async def predict(self, request: object, on_text: object = None) -> Prediction:
        self.calls += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.in_flight > self.limit:
                self.refusals += 1
                return REFUSED
            await asyncio.sleep(self.latency_s)
            return OK
        finally:
            self.in_flight -= 1


async def ask_all(model: Throttled, rows: int, workers: int) -> None:
    """Ask `rows` questions, each again until it is answered."""
    left = iter(range(rows))

    async def work() -> None:
        for _ in left:
            while (await model.predict(None)).outcome is not PredictionOutcome.OK:  # type: ignore[arg-type]  # noqa: ASYNC110  the server decides
                await asyncio.sleep(0.5)

    await asyncio.gather(*(work() for _ in range(workers)))


@given(limit=st.integers(1, 20), calls=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_never_more_in_flight_than_the_limit(limit: int, calls: int) -> None:
    async def main() -> None:
        server = Server(10**6)
        throttle = Throttle(limit, adaptive=False, clock=virtual_now)
        await ask_all(Throttled(server, throttle), calls, calls)
        assert server.peak == min(limit, calls)
        assert throttle.peak_in_flight == server.peak
        assert throttle.in_flight == 0
        assert virtual_now() == pytest.approx(math.ceil(calls / limit))

    run_virtual(main())


def test_waiters_are_served_in_order_and_a_cancelled_one_loses_no_permit() -> None:
    async def main() -> None:
        throttle, served = Throttle(1, adaptive=False), list[int]()

        async def wait(number: int) -> None:
            permit = await throttle.acquire()
            assert permit is not None
            served.append(number)
            await asyncio.sleep(1)
            throttle.release(permit)

        tasks = [asyncio.create_task(wait(number)) for number in range(4)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert served == [0, 2, 3]
        assert throttle.in_flight == 0

    run_virtual(main())


def test_closing_sends_waiters_away_as_not_run() -> None:
    async def main() -> None:
        throttle = Throttle(1, adaptive=False, clock=virtual_now)
        model = Throttled(Server(10), throttle)
        first = asyncio.create_task(model.predict(None))  # type: ignore[arg-type]
        second = asyncio.create_task(model.predict(None))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        throttle.close()
        assert (await second).outcome is PredictionOutcome.NOT_RUN
        assert (await first).outcome is PredictionOutcome.OK
        assert (await model.predict(None)).outcome is PredictionOutcome.NOT_RUN  # type: ignore[arg-type]

    run_virtual(main())


def test_the_time_in_the_queue_is_told_apart() -> None:
    async def main() -> None:
        model = Throttled(Server(10, latency_s=2.0), Throttle(1, adaptive=False, clock=virtual_now))
        answers = await asyncio.gather(model.predict(None), model.predict(None))  # type: ignore[arg-type]
        assert [a.timing.queue_s for a in answers] == pytest.approx([0.0, 2.0])

    run_virtual(main())


@pytest.mark.parametrize("rate", [0.5, 2.5, 50, 500])
def test_the_pacer_counts_exactly_the_rate(rate: float) -> None:
    pacer = pace(rate)
    assert pacer.rate_limit / pacer.period == pytest.approx(rate)  # type: ignore[attr-defined]
    assert pacer.rate_limit == math.ceil(rate * 0.1)  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_a_paced_throttle_starts_no_faster_than_told() -> None:
    throttle, starts = Throttle(64, adaptive=False, pacer=pace(50)), list[float]()

    async def call() -> None:
        permit = await throttle.acquire()
        assert permit is not None
        starts.append(time.monotonic())
        throttle.release(permit)

    await asyncio.gather(*(call() for _ in range(60)))
    assert len(starts) == 60
    assert starts[-1] - starts[0] >= 54 / 50


def test_a_ceiling_from_outside_holds_and_lifting_it_wakes_who_waits() -> None:
    async def main() -> None:
        server = Server(10**6)
        throttle = Throttle(8, adaptive=False, clock=virtual_now)
        throttle.set_ceiling(0)
        asking = asyncio.create_task(ask_all(Throttled(server, throttle), 30, 30))
        await asyncio.sleep(5)
        assert (server.calls, throttle.waiting, throttle.limit, throttle.wanted) == (0, 30, 0, 8)
        throttle.set_ceiling(3)
        await asyncio.sleep(0.5)
        assert server.in_flight == 3
        throttle.set_ceiling(8)
        await asyncio.sleep(0.2)
        assert server.in_flight == 8
        throttle.set_ceiling(2)
        await asyncio.sleep(0.2)
        assert server.in_flight == 8, "what is out ends as it will"
        await asyncio.sleep(1)
        assert server.in_flight == 2
        await asking

    run_virtual(main())


def test_a_server_that_asks_to_wait_gets_no_call_meanwhile() -> None:
    class Minute:
        """Takes ten calls a minute and says when there are no more."""

        def __init__(self) -> None:
            self.calls: list[float] = []

        async def predict(self, request: object, on_text: object = None) -> Prediction:
            self.calls.append(virtual_now())
            await asyncio.sleep(0.1)
            spent = len(self.calls) % 10 == 0
            return Prediction(PredictionOutcome.OK, "yes", hold_s=30.0 if spent else None)

    async def main() -> None:
        server, throttle = Minute(), Throttle(1, adaptive=False, clock=virtual_now)
        await ask_all(Throttled(server, throttle), 40, 8)
        assert 94 <= virtual_now() <= 94 + 3 * 2 * 2, "a hold ends a little later for everyone, and not at once"
        assert 3 * 30 <= throttle.held_s <= 3 * 32 + 1, "what is still to be waited for is not counted"
        gaps = [later - earlier for earlier, later in itertools.pairwise(server.calls)]
        assert sum(gap > 29 for gap in gaps) == 3

    run_virtual(main())


def test_a_refusal_for_rate_holds_every_call_and_lowers_no_limit() -> None:
    async def main() -> None:
        refused = refusal(FailureKind.RATE, retry_after_s=10.0)
        answers = iter([refused, *[OK] * 20])

        class Rated:
            async def predict(self, request: object, on_text: object = None) -> Prediction:
                await asyncio.sleep(0.1)
                return next(answers)

        throttle = Throttle(4, start_concurrency=4, clock=virtual_now)
        model = Throttled(Rated(), throttle)
        await asyncio.gather(*(model.predict(None) for _ in range(12)))  # type: ignore[arg-type]
        assert throttle.limit == 4
        assert 10 < virtual_now() < 15
        assert throttle.refusals == 0

    run_virtual(main())


def test_a_hold_is_a_minute_at_most() -> None:
    async def main() -> None:
        throttle = Throttle(1, clock=virtual_now)
        throttle.hold(86400)
        await throttle.acquire()
        assert 60 <= virtual_now() <= 62

    run_virtual(main())


@pytest.mark.parametrize("tokens", [100, 999, 5000])
def test_tokens_are_spread_over_the_minute(tokens: int) -> None:
    async def main() -> None:
        throttle = Throttle(32, adaptive=False, tokens_per_minute=60_000, clock=virtual_now)
        model = Throttled(Server(10**6, latency_s=0.1), throttle, lambda _: tokens)
        calls = 120_000 // tokens
        await ask_all(model, calls, 64)
        used_per_minute = calls * tokens / (virtual_now() / 60)
        assert 60_000 * 0.9 <= used_per_minute <= 60_000 * 1.12

    run_virtual(main())


def test_a_call_larger_than_the_bucket_still_goes() -> None:
    async def main() -> None:
        throttle = Throttle(8, adaptive=False, tokens_per_minute=600, clock=virtual_now)
        await asyncio.gather(*(throttle.acquire(6000) for _ in range(3)))
        assert virtual_now() == pytest.approx(2 * 600)

    run_virtual(main())


def test_what_an_estimate_missed_is_put_right() -> None:
    async def main() -> None:
        class Talkative:
            async def predict(self, request: object, on_text: object = None) -> Prediction:
                return Prediction(PredictionOutcome.OK, "yes", usage=Usage(total_tokens=1000))

        throttle = Throttle(1, adaptive=False, tokens_per_minute=60_000, clock=virtual_now)
        model = Throttled(Talkative(), throttle, lambda _: 10)
        for _ in range(61):
            await model.predict(None)  # type: ignore[arg-type]
        assert virtual_now() == pytest.approx(58, abs=2)

    run_virtual(main())


@given(
    most=st.integers(1, 6),
    moves=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 8)), max_size=6),
    cancelled=st.sets(st.integers(0, 29), max_size=10),
    is_paced=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_permits_balance_whatever_happens(
    most: int, moves: list[tuple[float, int]], cancelled: set[int], is_paced: bool
) -> None:
    async def main() -> None:
        server = Server(10**6)
        bucket = 6000 if is_paced else None
        throttle = Throttle(most, adaptive=False, tokens_per_minute=bucket, clock=virtual_now)
        model = Throttled(server, throttle, lambda _: 30)
        calls = [asyncio.create_task(model.predict(None)) for _ in range(30)]  # type: ignore[arg-type]
        for delay_s, ceiling in moves:
            await asyncio.sleep(delay_s)
            throttle.set_ceiling(ceiling)
            assert throttle.in_flight <= most
        for number in cancelled:
            calls[number].cancel()
        throttle.set_ceiling(most)
        await asyncio.gather(*calls, return_exceptions=True)
        assert throttle.in_flight == 0
        assert server.peak <= most

    run_virtual(main())


def test_what_a_server_asks_for_goes_before_what_its_quotas_say() -> None:
    async def main() -> None:
        failure = Failure(FailureKind.RATE, "no", 429, retry_after_s=1.0)
        answers = iter([Prediction(PredictionOutcome.INFRA_ERROR, failure=failure, hold_s=360.0), OK])

        class Rated:
            async def predict(self, request: object, on_text: object = None) -> Prediction:
                return next(answers)

        throttle = Throttle(1, clock=virtual_now)
        model = Throttled(Rated(), throttle)
        await model.predict(None)  # type: ignore[arg-type]
        await model.predict(None)  # type: ignore[arg-type]
        assert 1.0 <= throttle.held_s <= 1.2

    run_virtual(main())


@given(
    most=st.integers(1, 12),
    ceilings=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 12)), max_size=6),
    cancelled=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 39)), max_size=30),
    holds=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), max_size=3),
    adaptive=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_cancelling_and_holding_lose_no_permit(
    most: int,
    ceilings: list[tuple[float, int]],
    cancelled: list[tuple[float, int]],
    holds: list[tuple[float, float]],
    adaptive: bool,
) -> None:
    """No start above the limit of its moment; who is not cancelled is served; nothing is left in flight."""

    async def main() -> None:
        throttle = Throttle(most, adaptive=adaptive, clock=virtual_now)
        server = SimulatedServer(latency_s=0.7, spread=0.5)

        class Watched:
            async def predict(self, request: object, on_text: object = None) -> Prediction:
                assert throttle.in_flight <= most
                return await server.predict(request)

        model = Throttled(Watched(), throttle)
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(model.predict(None)) for _ in range(40)]  # type: ignore[arg-type]
        for at, ceiling in ceilings:
            loop.call_at(at, throttle.set_ceiling, ceiling)
        for at, number in cancelled:
            loop.call_at(at, tasks[number].cancel)
        for at, seconds in holds:
            loop.call_at(at, throttle.hold, seconds)
        loop.call_at(11.0, throttle.set_ceiling, most)
        ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 300)
        answered = sum(isinstance(end, Prediction) for end in ended)
        assert answered >= 40 - len({number for _, number in cancelled})
        assert (throttle.in_flight, throttle.waiting) == (0, 0)
        assert throttle.peak_in_flight <= most

    run_virtual(main())


def test_a_start_above_a_lowered_ceiling_does_not_happen() -> None:
    async def main() -> None:
        server = SimulatedServer(latency_s=1.0)
        throttle = Throttle(8, adaptive=False, pacer=None, clock=virtual_now)
        model = Throttled(server, throttle)
        tasks = [asyncio.create_task(model.predict(None)) for _ in range(24)]  # type: ignore[arg-type]
        await asyncio.sleep(0.5)
        throttle.set_ceiling(0)
        await asyncio.sleep(5)
        assert (server.in_flight, server.calls, throttle.limit, throttle.wanted) == (0, 8, 0, 8)
        throttle.set_ceiling(3)
        await asyncio.gather(*tasks)
        assert server.calls == 24

    run_virtual(main())


def test_a_servers_calls_per_minute_are_kept_without_a_storm() -> None:
    async def main() -> None:
        server = SimulatedServer(latency_s=0.5, per_minute=60, reply_s=0.05)
        throttle = Throttle(8, clock=virtual_now)
        model = Retrying(
            Throttled(server, throttle),
            RetrySpec(),
            is_stopped=lambda: False,
            sleep=asyncio.sleep,
            clock=virtual_now,
        )
        answers = await asyncio.gather(*(model.predict(None) for _ in range(240)))  # type: ignore[arg-type]
        assert all(answer.outcome is PredictionOutcome.OK for answer in answers)
        assert virtual_now() < 4 * 60 + 30
        assert server.rate_refusals <= 4 * 8
        assert (throttle.limit, throttle.refusals) == (8, 0)

    run_virtual(main())


def test_closing_ends_a_wait_for_a_held_permit_at_once() -> None:
    async def main() -> None:
        throttle = Throttle(1, clock=virtual_now)
        throttle.hold(60)
        waiting = asyncio.create_task(throttle.acquire())
        await asyncio.sleep(1)
        throttle.close()
        assert await waiting is None
        assert virtual_now() == pytest.approx(1)

    run_virtual(main())


def test_a_call_larger_than_the_minute_goes_alone() -> None:
    async def main() -> None:
        server = SimulatedServer(latency_s=0.1)
        throttle = Throttle(8, adaptive=False, tokens_per_minute=6_000, clock=virtual_now)
        model = Throttled(server, throttle, lambda request: 12_000 if request is None else 100)
        await model.predict(None)  # type: ignore[arg-type]
        assert virtual_now() == pytest.approx(0.1)
        await model.predict("small")  # type: ignore[arg-type]
        assert 118 <= virtual_now() <= 121

    run_virtual(main())
