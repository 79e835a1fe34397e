"""The learned limit against servers that refuse for their calls in flight, for no reason, or for lack of any room."""

import asyncio
import random
import statistics
from collections.abc import Coroutine
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.adaptive import AdaptiveLimit
from evalkit.config.schema import RetrySpec
from evalkit.records import FailureKind
from evalkit.retry import Retrying
from evalkit.throttle import Throttle, Throttled
from tests.simulated_server import SimulatedServer
from tests.virtual_time import run_virtual, virtual_now

PATIENT = RetrySpec(max_attempts=1000, max_elapsed=100_000.0)


@dataclass
class Seen:
    """What a simulation saw: the limit at each second, and the end."""

    limits: list[int] = field(default_factory=list)
    took_s: float = 0.0
    settled: int = 0

    def share_at_least(self, limit: int, since_s: int) -> float:
        later = self.limits[since_s:]
        return sum(value >= limit for value in later) / max(1, len(later))


def simulate(
    server: SimulatedServer,
    rows: int,
    *,
    most: int = 32,
    until_s: float | None = None,
    beside: Coroutine[None, None, None] | None = None,
) -> Seen:
    """Ask `rows` questions, each until it is answered, with two workers a permit; stop after `until_s`."""
    seen = Seen()

    async def main() -> None:
        throttle = Throttle(most, clock=virtual_now)
        model = Retrying(
            Throttled(server, throttle),
            PATIENT,
            is_stopped=lambda: False,
            sleep=asyncio.sleep,
            clock=virtual_now,
            random=random.Random(7).random,
        )
        left = iter(range(rows))

        async def work() -> None:
            for _ in left:
                await model.predict(None)  # type: ignore[arg-type]

        async def watch() -> None:
            while True:
                seen.limits.append(throttle.limit)
                await asyncio.sleep(1)

        working = asyncio.gather(*(work() for _ in range(most * 2)))
        watching = asyncio.create_task(watch())
        besides = [] if beside is None else [asyncio.create_task(beside)]
        await asyncio.wait([working], timeout=until_s)
        seen.took_s, seen.settled = virtual_now(), throttle.limit
        for task in (working, watching, *besides):
            task.cancel()
        await asyncio.gather(working, watching, *besides, return_exceptions=True)
        assert server.peak <= most

    run_virtual(main())
    return seen


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("latency_s", "spread"), [(0.05, 0.0), (0.2, 0.0), (0.2, 0.5), (1.0, 0.3)])
def test_settles_within_one_of_the_servers_limit_with_few_refusals(latency_s: float, spread: float, seed: int) -> None:
    server = SimulatedServer(5, latency_s=latency_s, spread=spread, seed=seed)
    seen = simulate(server, 200)
    assert abs(seen.settled - 5) <= 1
    assert server.refusals <= 0.05 * server.calls


@pytest.mark.parametrize("seed", range(3))
def test_refusals_that_come_as_late_as_answers_are_refusals_too(seed: int) -> None:
    server = SimulatedServer(5, latency_s=0.2, reply_s=0.2, spread=0.3, seed=seed)
    seen = simulate(server, 600)
    assert abs(seen.settled - 5) <= 1
    assert server.refusals <= 0.05 * server.calls


@pytest.mark.parametrize("kind", [FailureKind.THROTTLE, FailureKind.OVERLOADED])
def test_a_limit_that_collapses_costs_no_more_than_a_refusal_a_place(kind: FailureKind) -> None:
    server = SimulatedServer(lambda: 16 if virtual_now() > 20 else 10**6, latency_s=0.5, spread=0.3, kind=kind)
    seen = simulate(server, 10**6, most=256, until_s=40)
    assert abs(seen.settled - 16) <= 2
    assert server.refusals <= 256 + 0.05 * server.calls


def test_random_refusals_that_begin_in_the_middle_are_told_apart_soon() -> None:
    server = SimulatedServer(latency_s=0.5, spread=0.3)

    async def begin() -> None:
        await asyncio.sleep(60)
        server.noise = 0.3

    seen = simulate(server, 10**6, until_s=90, beside=begin())
    assert seen.share_at_least(24, since_s=66) >= 0.75


@pytest.mark.parametrize(("limit", "most"), [(1, 32), (2, 32), (20, 32), (31, 32), (100, 512)])
def test_uses_what_the_server_takes(limit: int, most: int) -> None:
    server = SimulatedServer(limit, latency_s=0.5, spread=0.3)
    rows = limit * 100
    seen = simulate(server, rows, most=most)
    assert abs(seen.settled - limit) <= 1
    work_s = rows / limit * 0.5 * 1.05
    assert seen.took_s < 1.25 * work_s + 5


@pytest.mark.parametrize("most", [32, 128, 512])
def test_reaches_ninety_percent_of_the_ceiling_within_ten_round_trips(most: int) -> None:
    seen = simulate(SimulatedServer(latency_s=1.0), most * 40, most=most, until_s=10)
    assert seen.settled >= 0.9 * most


@pytest.mark.slow
@pytest.mark.parametrize("limits", [(5, 10), (16, 32), (50, 100)])
def test_finds_a_doubled_limit_within_a_minute(limits: tuple[int, int]) -> None:
    low, high = limits
    for changed_at in (30, 200):
        server = SimulatedServer(
            lambda low=low, high=high, at=changed_at: high if virtual_now() > at else low, latency_s=0.5
        )
        seen = simulate(server, 10**6, most=128, until_s=changed_at + 60)
        assert max(seen.limits[:changed_at][-5:]) <= low + 1
        assert seen.settled >= high - 1


def test_follows_a_limit_down() -> None:
    server = SimulatedServer(lambda: 4 if virtual_now() > 60 else 20, latency_s=0.5)
    seen = simulate(server, 10**6, until_s=90)
    assert abs(seen.limits[55] - 20) <= 1
    assert abs(seen.settled - 4) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1, 0.3, 0.5])
def test_refusals_that_no_cut_lowers_do_not_hold_the_limit_down(noise: float) -> None:
    shares = []
    for seed in range(5):
        server = SimulatedServer(latency_s=0.5, noise=noise, seed=seed)
        seen = simulate(server, 10**6, until_s=180)
        shares.append(seen.share_at_least(24, since_s=60))
    assert statistics.median(shares) >= 0.8
    assert min(shares) > 0


def test_finds_a_limit_behind_noise() -> None:
    server = SimulatedServer(10, latency_s=0.5, noise=0.2)
    seen = simulate(server, 2000)
    assert abs(statistics.median(seen.limits[30:]) - 10) <= 2


def test_a_server_without_any_room_is_not_stormed_and_is_found_again() -> None:
    server = SimulatedServer(lambda: 0 if 20 < virtual_now() < 120 else 10**6, latency_s=0.5)
    seen = simulate(server, 10**6, until_s=30)
    calls_before = server.calls
    assert seen.limits[29] == 1
    server = SimulatedServer(lambda: 0 if 20 < virtual_now() < 120 else 10**6, latency_s=0.5)
    seen = simulate(server, 10**6, until_s=240)
    assert calls_before > 0
    assert seen.limits[110] == 1
    assert seen.settled == 32, "what refused everything for a while is forgotten"


def test_an_overload_eases_the_limit_for_a_while() -> None:
    server = SimulatedServer(
        lambda: 8 if 20 < virtual_now() < 40 else 10**6, latency_s=0.5, kind=FailureKind.OVERLOADED
    )
    seen = simulate(server, 10**6, until_s=80)
    assert min(seen.limits[20:40]) < 32
    assert seen.settled == 32


@pytest.mark.slow
@given(
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(5, 60)), min_size=1, max_size=4),
    latency_s=st.sampled_from([0.3, 0.5, 3.0]),
    noise=st.sampled_from([0.0, 0.1, 0.4]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=10, deadline=None)
def test_is_never_frozen(steps: list[tuple[int, int]], latency_s: float, noise: float, seed: int) -> None:
    """Whatever a server did, once it takes everything the limit comes back."""
    until = 0.0
    plan: list[tuple[float, int]] = []
    for limit, seconds in steps:
        until += seconds
        plan.append((until, limit))

    def limit_now() -> int:
        return next((limit for end, limit in plan if virtual_now() < end), 10**6)

    server = SimulatedServer(limit_now, latency_s=latency_s, noise=noise, spread=0.3, seed=seed)
    server_noise_ends = until

    async def quiet() -> None:
        await asyncio.sleep(server_noise_ends)
        server.noise = 0.0

    seen = Seen()

    async def main() -> None:
        nonlocal seen
        throttle = Throttle(32, clock=virtual_now)
        model = Retrying(
            Throttled(server, throttle), PATIENT, is_stopped=lambda: False, sleep=asyncio.sleep, clock=virtual_now
        )
        quieting = asyncio.create_task(quiet())

        async def work() -> None:
            while True:
                await model.predict(None)  # type: ignore[arg-type]

        workers = [asyncio.create_task(work()) for _ in range(64)]
        await asyncio.sleep(until + 120 + 100 * latency_s)
        seen.settled = throttle.limit
        for task in (*workers, quieting):
            task.cancel()
        await asyncio.gather(*workers, quieting, return_exceptions=True)

    run_virtual(main())
    assert seen.settled == 32


def test_a_limit_never_leaves_its_bounds() -> None:
    limit = AdaptiveLimit(1, 4, clock=lambda: 0.0)
    for _ in range(100):
        limit.refused(limit.start(), 1)
    assert limit.value == 1
    limit = AdaptiveLimit(1, 4, clock=lambda: 0.0)
    for _ in range(100):
        limit.accepted(limit.start(), limit.value)
    assert limit.value == 4


def test_one_burst_of_refusals_is_one_cut_to_what_was_taken() -> None:
    limit = AdaptiveLimit(16, 32, clock=lambda: 0.0)
    epochs = [limit.start() for _ in range(16)]
    for refused, epoch in enumerate(epochs[:6]):
        limit.refused(epoch, 16 - refused)
    assert limit.value == 10
