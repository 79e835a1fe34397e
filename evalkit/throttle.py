"""A Model that waits for its permit: one in-flight limit and one pace for all models of a provider and project."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from evalkit.adaptive import AdaptiveLimit
from evalkit.pacing import Pacer, TokenBucket
from evalkit.protocols import Model
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request

__all__ = ["Throttle", "Throttled"]

_LONGEST_HOLD_S = 60.0
_FIRST_ERROR = 400
_NO_TIME_S = 1e-6


class _Waiter(NamedTuple):
    permit: asyncio.Future[bool]
    tokens: int


class Throttle:
    """Hands out permits in the order they were asked for, never more than the limit at once.

    Where starts are paced or held back, a single dispatcher task starts calls one by one; else permits pass from hand
    to hand.
    """

    def __init__(
        self,
        max_concurrency: int,
        *,
        start_concurrency: int | None = None,
        adaptive: bool = True,
        pacer: Pacer | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        start = min(max_concurrency, start_concurrency or 8) if adaptive else max_concurrency
        self.max_concurrency = max_concurrency
        self.clock = clock
        self.in_flight = 0
        self.peak_in_flight = 0
        self.refusals = 0
        self.held_s = 0.0
        """Seconds for which the server had every call held back."""
        self._adaptive = AdaptiveLimit(start, max_concurrency, clock) if adaptive else None
        self._ceiling = max_concurrency
        self._pacer = pacer
        self._bucket = None if tokens_per_minute is None else TokenBucket(tokens_per_minute, clock)
        self._held_until = 0.0
        self._waiting: deque[_Waiter] = deque()
        self._dispatcher: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def wanted(self) -> int:
        """Calls that may be in flight as far as the server is concerned: the learned limit, or the configured one."""
        return self.max_concurrency if self._adaptive is None else self._adaptive.value

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return min(self.wanted, self._ceiling)

    @property
    def waiting(self) -> int:
        """Callers that wait for a permit."""
        return sum(not waiter.permit.done() for waiter in self._waiting)

    @property
    def noise(self) -> float:
        """The share of calls that the server refuses whatever the limit, as far as is known."""
        return 0.0 if self._adaptive is None else self._adaptive.noise

    @property
    def epoch(self) -> int:
        """The limiter's count of cuts, to be handed back with a call's outcome."""
        return 0 if self._adaptive is None else self._adaptive.epoch

    def set_ceiling(self, most: int) -> None:
        """Have at most `most` calls in flight from now on, 0 for none; those above it end as they will."""
        self._ceiling = most
        self._dispatch()

    def hold(self, seconds: float) -> None:
        """Start no call for so long, a minute at most: the server takes none."""
        now, until = self.clock(), self.clock() + min(seconds, _LONGEST_HOLD_S)
        if until > self._held_until:
            self.held_s += until - max(now, self._held_until)
            self._held_until = until

    async def acquire(self, tokens: int = 0) -> bool:
        """Wait for a permit for a call of about `tokens`; False when the throttle was closed before one came."""
        if self._closed:
            return False
        if not self._is_paced and not self._waiting and self.in_flight < self.limit:
            self._take()
            return True
        permit: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiter(permit, tokens))
        self._dispatch()
        try:
            return await permit
        except asyncio.CancelledError:
            if permit.done() and not permit.cancelled() and permit.result():
                self._give_back()
            raise

    def release(self, *, epoch: int, kind: FailureKind | None = None, tokens: int = 0) -> None:
        """Give a permit back, with the kind of failure its call met and the tokens it used beyond its estimate."""
        refused = kind is FailureKind.THROTTLE
        self.refusals += refused
        if self._bucket is not None:
            self._bucket.take(tokens)
        if self._adaptive is not None:
            if refused:
                self._adaptive.refused(epoch)
            elif kind is FailureKind.OVERLOADED:
                self._adaptive.overloaded(epoch)
            elif kind is not FailureKind.RATE:
                self._adaptive.accepted(epoch, self.in_flight)
        self._give_back()

    def close(self) -> None:
        """Send everyone who waits away; nothing starts after this."""
        self._closed = True
        while self._waiting:
            permit = self._waiting.popleft().permit
            if not permit.done():
                permit.set_result(False)

    @property
    def _is_paced(self) -> bool:
        return self._pacer is not None or self._bucket is not None or self._held_until > self.clock()

    def _take(self) -> None:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def _give_back(self) -> None:
        self.in_flight -= 1
        self._dispatch()

    def _dispatch(self) -> None:
        if not self._waiting or (self._dispatcher is not None and not self._dispatcher.done()):
            return
        if self._is_paced:
            self._dispatcher = asyncio.create_task(self._dispatch_paced())
            return
        while self._waiting and self.in_flight < self.limit:
            self._admit()

    async def _dispatch_paced(self) -> None:
        """Start calls one by one: within the limit, not while they are held, with their tokens, at their pace."""
        while self._waiting and self.in_flight < self.limit:
            if self._pacer is not None:
                await self._pacer.acquire()
            while (wait_s := self._wait_s()) > 0:  # noqa: ASYNC110  what is waited for is time, and may be put off
                await asyncio.sleep(wait_s)
            if self._waiting and self.in_flight < self.limit:
                self._admit()

    def _wait_s(self) -> float:
        wait_s = self._held_until - self.clock()
        while self._waiting and self._waiting[0].permit.done():
            self._waiting.popleft()
        if self._bucket is not None and self._waiting:
            wait_s = max(wait_s, self._bucket.wait_s(self._waiting[0].tokens))
        return wait_s if wait_s > _NO_TIME_S else 0.0

    def _admit(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.permit.done():
                if self._bucket is not None:
                    self._bucket.take(waiter.tokens)
                self._take()
                waiter.permit.set_result(True)
                return


class Throttled:
    """A Model that holds a permit while the model under it works.

    `estimate` says about how many tokens a call takes; it is asked where tokens are paced.
    """

    __slots__ = ("_estimate", "_model", "_throttle")

    def __init__(self, model: Model, throttle: Throttle, estimate: Callable[[Request], int] | None = None) -> None:
        self._model = model
        self._throttle = throttle
        self._estimate = estimate

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Answer when a permit came; a throttle closed meanwhile gives `not_run`."""
        throttle = self._throttle
        asked_at = throttle.clock()
        tokens = 0 if self._estimate is None else self._estimate(request)
        if not await throttle.acquire(tokens):
            return Prediction(
                PredictionOutcome.NOT_RUN, failure=Failure(FailureKind.NOT_RUN, "the run stopped before this call")
            )
        queue_s = throttle.clock() - asked_at
        epoch, kind, used = throttle.epoch, None, 0
        try:
            prediction = await self._model.predict(request, on_text)
            kind, used = self._heed(prediction, tokens)
        finally:
            throttle.release(epoch=epoch, kind=kind, tokens=used)
        timing = prediction.timing
        return dataclasses.replace(prediction, timing=dataclasses.replace(timing, queue_s=timing.queue_s + queue_s))

    def _heed(self, prediction: Prediction, estimated: int) -> tuple[FailureKind | None, int]:
        """Hold every call back as long as the server asks; return the failure's kind and tokens past `estimated`."""
        failure, usage, hold_s = prediction.failure, prediction.usage, prediction.hold_s
        if failure is not None and failure.retry_after_s is not None:
            hold_s = failure.retry_after_s if failure.kind is FailureKind.RATE else None
        if hold_s is not None:
            self._throttle.hold(hold_s)
        if failure is not None and failure.status is not None and failure.status >= _FIRST_ERROR:
            return failure.kind, -estimated
        told = None if usage is None else usage.total_tokens
        return None if failure is None else failure.kind, 0 if told is None else told - estimated
