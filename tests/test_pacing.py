"""Starts per second, tokens per minute, and holds: in virtual time, by every clock."""

import asyncio
import math
from types import SimpleNamespace

import pytest
from asyncio_throttle import throttler
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.pacing import Hold, TokenBucket, pace
from evalkit.throttle import Throttle
from tests.virtual_time import run_virtual, virtual_now


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("rate", "calls"), [(0.5, 20), (2.5, 50), (50, 300), (500, 2000)])
def test_calls_start_at_the_rate_and_in_small_bursts(monkeypatch: pytest.MonkeyPatch, rate: float, calls: int) -> None:
    monkeypatch.setattr(throttler, "time", SimpleNamespace(monotonic=virtual_now))
    starts = list[float]()

    async def main() -> None:
        throttle = Throttle(64, adaptive=False, pacer=pace(rate), clock=virtual_now)

        async def call() -> None:
            permit = await throttle.acquire()
            assert permit is not None
            starts.append(virtual_now())
            await asyncio.sleep(0.01)
            throttle.release(permit)

        await asyncio.gather(*(call() for _ in range(calls)))

    run_virtual(main())
    burst = math.ceil(rate * 0.1)
    assert (calls - burst) / (starts[-1] - starts[0]) == pytest.approx(rate, rel=0.05)
    assert all(later - earlier >= burst / rate for earlier, later in zip(starts, starts[burst:], strict=False))


@given(
    tokens=st.lists(st.integers(0, 30_000), min_size=1, max_size=40), per_minute=st.sampled_from([600, 60_000, 10**6])
)
@settings(deadline=None)
def test_tokens_stay_within_the_minute_and_every_call_goes(tokens: list[int], per_minute: int) -> None:
    clock = Clock()
    bucket, used = TokenBucket(per_minute, clock), 0
    for count in tokens:
        wait_s = bucket.wait_s(count)
        clock.now += wait_s
        assert bucket.wait_s(count) == pytest.approx(0.0, abs=1e-6)
        assert used <= per_minute / 60 * (clock.now + 2.0) + 1e-6
        bucket.take(count)
        used += count


def test_an_estimate_is_put_right_by_what_was_used() -> None:
    clock = Clock()
    bucket = TokenBucket(60_000, clock)
    bucket.take(10_000)
    assert bucket.wait_s(500) == pytest.approx(8.5)
    bucket.take(100 - 10_000)
    assert bucket.wait_s(500) == 0.0
    bucket.take(-(10**6))
    bucket.take(2_000)
    assert bucket.wait_s(1) > 0.0, "what is given back fills it to the brim at most"


def test_a_hold_ends_and_lets_calls_go_one_after_another() -> None:
    clock = Clock()
    hold = Hold(clock, lambda: 0.5)
    assert (hold.is_on, hold.wait_s) == (False, 0.0)
    hold.extend(10.0, 4)
    assert hold.wait_s == pytest.approx(11.0)
    hold.extend(5.0, 4)
    assert hold.wait_s == pytest.approx(11.0), "a shorter one changes nothing"
    clock.now = 11.0
    gaps = list[float]()
    while hold.is_on:
        hold.note_start()
        gaps.append(hold.wait_s)
        clock.now += hold.wait_s
    assert gaps == pytest.approx([0.5, 0.5, 0.5, 0.0])
    assert hold.seconds == pytest.approx(11.0)


def test_a_hold_is_a_minute_at_most_and_a_little_spread() -> None:
    hold = Hold(Clock(), lambda: 1.0)
    hold.extend(86_400.0, 8)
    assert hold.wait_s == pytest.approx(62.0)


def test_without_a_word_from_the_server_holds_double_until_one_helps() -> None:
    clock = Clock()
    hold, waits = Hold(clock, lambda: 0.0), list[float]()
    for _ in range(6):
        number = hold.number
        hold.guess(number, 1)
        hold.guess(number, 1)
        waits.append(hold.wait_s)
        clock.now += hold.wait_s
        hold.note_start()
    assert waits == pytest.approx([1, 2, 4, 8, 16, 16])
    hold.note_taken(hold.number - 1)
    hold.guess(hold.number, 1)
    assert hold.wait_s == pytest.approx(16), "a call sent before the hold says nothing of it"
    clock.now += 16
    hold.note_start()
    hold.note_taken(hold.number)
    hold.guess(hold.number, 1)
    assert hold.wait_s == pytest.approx(1)
