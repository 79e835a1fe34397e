"""A Model that waits for its permit: one in-flight limit and one pace for all models of a provider and project."""

import asyncio
import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from asyncio_throttle.throttler import Throttler

from evalkit.protocols import Model
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request

__all__ = ["AdaptiveLimit", "Pacer", "Throttle", "Throttled", "pace"]

_SHRINK = 0.75
_FIRST_COOL_DOWN_S = 15.0
_LONGEST_COOL_DOWN_S = 120.0
_PACE_WINDOW_S = 0.1


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
    burst = math.ceil(requests_per_second * _PACE_WINDOW_S)
    return Throttler(burst, period=burst / requests_per_second, retry_interval=_PACE_WINDOW_S / 50)


class AdaptiveLimit:
    """Learns how many calls a server takes at once.

    Doubles each round trip until the first refusal (as TCP's slow start does), then cuts to three quarters and climbs
    by one a round trip to just below what was refused; it tries that level again after a cool-down, longer each time.
    """

    def __init__(self, start: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = min(start, most)
        self._most = most
        self._clock = clock
        self._refused_at: int | None = None
        self._epoch = 0
        self._credit = 0
        self._cool_down_s = _FIRST_COOL_DOWN_S
        self._probe_after = 0.0

    @property
    def epoch(self) -> int:
        """Counts the cuts: a refusal of a call sent before the last cut says nothing new."""
        return self._epoch

    def accepted(self, in_flight: int) -> None:
        """Note that a call was taken while `in_flight` were out; grow when the limit was in use."""
        if in_flight < self.value or self.value >= self._most:
            return
        if self._refused_at is None:
            self.value += 1
            return
        self._credit += 1
        if self._credit < self.value:
            return
        self._credit = 0
        if self.value + 1 < self._refused_at:
            self.value += 1
        elif self._clock() >= self._probe_after:
            self.value += 1
            self._refused_at = max(self._refused_at, self.value + 1)

    def refused(self, epoch: int) -> None:
        """Note that a call sent in `epoch` was refused for concurrency; shrink once for each epoch."""
        if epoch != self._epoch:
            return
        again = self._refused_at is not None and self.value >= self._refused_at - 1
        self._cool_down_s = min(_LONGEST_COOL_DOWN_S, self._cool_down_s * 2) if again else _FIRST_COOL_DOWN_S
        self._probe_after = self._clock() + self._cool_down_s
        self._refused_at = self.value
        self.value = max(1, int(self.value * _SHRINK))
        self._credit = 0
        self._epoch += 1


class Throttle:
    """Hands out permits in the order they were asked for, never more than the limit at once.

    With a pacer, a single dispatcher task starts calls one by one; without one, permits pass from hand to hand.
    """

    def __init__(
        self,
        max_concurrency: int,
        *,
        start_concurrency: int | None = None,
        adaptive: bool = True,
        pacer: Pacer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        start = min(max_concurrency, start_concurrency or 8) if adaptive else max_concurrency
        self.max_concurrency = max_concurrency
        self.clock = clock
        self.in_flight = 0
        self.peak_in_flight = 0
        self.refusals = 0
        self._adaptive = AdaptiveLimit(start, max_concurrency, clock) if adaptive else None
        self._pacer = pacer
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._dispatcher: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return self.max_concurrency if self._adaptive is None else self._adaptive.value

    @property
    def epoch(self) -> int:
        """The limiter's count of cuts, to be handed back with a call's outcome."""
        return 0 if self._adaptive is None else self._adaptive.epoch

    async def acquire(self) -> bool:
        """Wait for a permit; False when the throttle was closed before one came."""
        if self._closed:
            return False
        if self._pacer is None and not self._waiting and self.in_flight < self.limit:
            self._take()
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._dispatch()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self._give_back()
            raise

    def release(self, *, epoch: int, refused: bool) -> None:
        """Give a permit back and say whether the server refused the call for its concurrency."""
        if refused:
            self.refusals += 1
        if self._adaptive is not None:
            if refused:
                self._adaptive.refused(epoch)
            else:
                self._adaptive.accepted(self.in_flight)
        self._give_back()

    def close(self) -> None:
        """Send everyone who waits away; nothing starts after this."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)

    def _take(self) -> None:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def _give_back(self) -> None:
        self.in_flight -= 1
        self._dispatch()

    def _dispatch(self) -> None:
        if self._pacer is None:
            while self._waiting and self.in_flight < self.limit:
                self._admit()
        elif self._waiting and (self._dispatcher is None or self._dispatcher.done()):
            self._dispatcher = asyncio.create_task(self._dispatch_paced(self._pacer))

    async def _dispatch_paced(self, pacer: Pacer) -> None:
        while self._waiting and self.in_flight < self.limit:
            await pacer.acquire()
            self._admit()

    def _admit(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._take()
                waiter.set_result(True)
                return


class Throttled:
    """A Model that holds a permit while the model under it works."""

    __slots__ = ("_model", "_throttle")

    def __init__(self, model: Model, throttle: Throttle) -> None:
        self._model = model
        self._throttle = throttle

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Answer when a permit came; a throttle closed meanwhile gives `not_run`."""
        throttle = self._throttle
        asked_at = throttle.clock()
        if not await throttle.acquire():
            return Prediction(
                PredictionOutcome.NOT_RUN, failure=Failure(FailureKind.NOT_RUN, "the run stopped before this call")
            )
        queue_s = throttle.clock() - asked_at
        epoch, refused = throttle.epoch, False
        try:
            prediction = await self._model.predict(request, on_text)
            refused = prediction.failure is not None and prediction.failure.kind is FailureKind.THROTTLE
        finally:
            throttle.release(epoch=epoch, refused=refused)
        return dataclasses.replace(prediction, timing=dataclasses.replace(prediction.timing, queue_s=queue_s))
