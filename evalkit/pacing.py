"""When calls may start: so many a second, so many tokens a minute, and not while the server takes none."""

import math
import random
import time
from collections.abc import Callable
from typing import Protocol

from asyncio_throttle.throttler import Throttler

__all__ = ["Hold", "Pacer", "TokenBucket", "pace"]

_WINDOW_S = 0.1
_LOOKS_A_PERIOD = 50
_BUCKET_S = 2.0
_LONGEST_HOLD_S = 60.0
_FIRST_GUESS_S, _LONGEST_GUESS_S = 1.0, 16.0
_SPREAD, _LONGEST_SPREAD_S = 0.2, 2.0


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
    period = burst / requests_per_second
    return Throttler(burst, period=period, retry_interval=period / _LOOKS_A_PERIOD)


class TokenBucket:
    """Tokens that may be used: refilled evenly, two seconds' worth at most, so that no minute sees over 104 %.

    A call takes its estimate when it starts, and what it really used is put right when it ends. The level may fall
    below zero, which is waited for: so one call larger than the bucket goes when the bucket is full, alone.
    """

    def __init__(self, tokens_per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = tokens_per_minute / 60.0
        self._capacity = self._a_second * _BUCKET_S
        self._clock = clock
        self._level = self._capacity
        self._filled_at = clock()

    def wait_s(self, tokens: int) -> float:
        """Return how long a call of about `tokens` has to wait."""
        self._fill()
        return max(0.0, (min(tokens, self._capacity) - self._level) / self._a_second)

    def take(self, tokens: int) -> None:
        """Use up `tokens`; a negative number gives some back."""
        self._fill()
        self._level = min(self._capacity, self._level - tokens)

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._filled_at) * self._a_second)
        self._filled_at = now


class Hold:
    """Keeps every call back while the server takes none, then lets them go one after another, not all at once."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, random: Callable[[], float] = random.random
    ) -> None:
        self.seconds = 0.0
        """Time for which calls were kept back, in all."""
        self.number = 0
        """Counts the holds that had to be guessed: a call sent before the last of them says nothing new."""
        self._clock = clock
        self._random = random
        self._until = -math.inf
        self._gap_s = 0.0
        self._left = 0
        self._guess_s = _FIRST_GUESS_S

    @property
    def is_on(self) -> bool:
        """Say whether calls have to wait, for the hold or for one another after it."""
        return self._left > 0

    @property
    def wait_s(self) -> float:
        """How long the next call has to wait."""
        return max(0.0, self._until - self._clock()) if self._left else 0.0

    def extend(self, seconds: float, calls: int) -> None:
        """Keep calls back for so long, a minute at most; spread the next `calls` starts after that."""
        seconds = min(seconds, _LONGEST_HOLD_S)
        if seconds <= 0.0:
            return
        now, spread_s = self._clock(), min(_LONGEST_SPREAD_S, seconds * _SPREAD)
        until = now + seconds + self._random() * spread_s
        held_until = self._until if self._left else now
        if until <= held_until:
            return
        self.seconds += until - max(now, held_until)
        self._until, self._left, self._gap_s = until, max(1, calls), spread_s / max(1, calls)

    def guess(self, number: int, calls: int) -> None:
        """Keep calls back when the server does not say how long: twice as long each time that did not help."""
        if number == self.number:
            self.number += 1
            self.extend(self._guess_s, calls)
            self._guess_s = min(_LONGEST_GUESS_S, self._guess_s * 2.0)

    def note_start(self) -> None:
        """Have the next call start a little later than this one, shortly after a hold."""
        if self._left:
            self._left -= 1
            self._until = self._clock() + self._gap_s

    def note_taken(self, number: int) -> None:
        """Note that a call was taken: the next guess is short again, when it was sent after the last one."""
        if number == self.number:
            self._guess_s = _FIRST_GUESS_S
