"""The in-flight limit, its learning, and the pace of starts."""

import asyncio
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome
from evalkit.throttle import AdaptiveLimit, Throttle, Throttled, pace
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


@pytest.mark.parametrize("most", [32, 128, 512])
def test_reaches_ninety_percent_of_the_ceiling_within_ten_round_trips(most: int) -> None:
    async def main() -> None:
        throttle = Throttle(most, clock=virtual_now)
        asking = asyncio.create_task(ask_all(Throttled(Server(10**6), throttle), most * 40, most * 2))
        await asyncio.sleep(10)
        assert throttle.limit >= 0.9 * most
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    run_virtual(main())


def test_learns_a_limit_of_five_with_few_refusals() -> None:
    async def main() -> None:
        server = Server(5)
        throttle = Throttle(32, clock=virtual_now)
        await ask_all(Throttled(server, throttle), 200, 64)
        assert abs(throttle.limit - 5) <= 1
        assert server.refusals <= 0.05 * server.calls
        assert throttle.refusals == server.refusals

    run_virtual(main())


def test_finds_a_limit_that_doubled() -> None:
    async def main() -> None:
        server = Server(5)
        throttle = Throttle(32, clock=virtual_now)
        asking = asyncio.create_task(ask_all(Throttled(server, throttle), 5000, 64))
        await asyncio.sleep(120)
        server.limit = 10
        await asyncio.sleep(240)
        assert throttle.limit >= 8
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    run_virtual(main())


def test_one_burst_of_refusals_is_one_cut() -> None:
    limit = AdaptiveLimit(16, 32, clock=lambda: 0.0)
    for _ in range(16):
        limit.refused(epoch=0)
    assert limit.value == 12


def test_a_limit_never_leaves_its_bounds() -> None:
    limit = AdaptiveLimit(1, 4, clock=lambda: 0.0)
    for _ in range(100):
        limit.refused(limit.epoch)
    assert limit.value == 1
    limit = AdaptiveLimit(1, 4, clock=lambda: 0.0)
    for _ in range(100):
        limit.accepted(limit.value)
    assert limit.value == 4


def test_waiters_are_served_in_order_and_a_cancelled_one_loses_no_permit() -> None:
    async def main() -> None:
        throttle, served = Throttle(1, adaptive=False), list[int]()

        async def wait(number: int) -> None:
            assert await throttle.acquire()
            served.append(number)
            await asyncio.sleep(1)
            throttle.release(epoch=0, refused=False)

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
        await throttle.acquire()
        starts.append(time.monotonic())
        throttle.release(epoch=0, refused=False)

    await asyncio.gather(*(call() for _ in range(60)))
    assert len(starts) == 60
    assert starts[-1] - starts[0] >= 54 / 50
