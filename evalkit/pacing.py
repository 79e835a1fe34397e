"""How fast calls may start: so many a second, so many tokens a minute."""

import math
import time
from collections.abc import Callable
from typing import Protocol

from asyncio_throttle.throttler import Throttler

__all__ = ["Pacer", "TokenBucket", "pace"]

_WINDOW_S = 0.1
_BUCKET_S = 6.0


class Pacer(Protocol):
    """Lets one call start after another; held by a single dispatcher."""

    async def acquire(self) -> None:
        """Return when the next call may start."""
        ...


def pace(requests_per_second: float) -> Pacer:
    """Return a pacer of `requests_per_second` starts, in bursts of at most ceil(r x 0.1 s).

    asyncio-throttle counts whole starts per period, so the period is stretched until the count is exact; how often it
    looks decides how much of each period is lost, and there is only the one dispatcher to wake.
    """
    burst = math.ceil(requests_per_second * _WINDOW_S)
    return Throttler(burst, period=burst / requests_per_second, retry_interval=_WINDOW_S / 50)


class TokenBucket:
    """Tokens that may be used: refilled evenly, six seconds' worth at most, so that a minute holds no more than 110 %.

    A call takes its estimate before it starts, and what it really used is put right when it ends.
    """

    def __init__(self, tokens_per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = tokens_per_minute / 60
        self._capacity = self._rate * _BUCKET_S
        self._clock = clock
        self._level = self._capacity
        self._filled_at = clock()

    def wait_s(self, tokens: int) -> float:
        """Return how long a call of `tokens` has to wait; one larger than the bucket waits until it is full."""
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return max(0.0, (min(tokens, self._capacity) - self._level) / self._rate)

    def take(self, tokens: int) -> None:
        """Use `tokens`; the bucket may go below empty, and is waited for until it is not."""
        self._level -= tokens
