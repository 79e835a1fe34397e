"""A Model that waits for its permit: one in-flight limit and one pace for all models of a provider and project."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from evalkit.adaptive import AdaptiveLimit
from evalkit.pacing import Hold, Pacer, TokenBucket
from evalkit.protocols import Model
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request
from evalkit.tokens import billed_tokens

__all__ = ["Permit", "Throttle", "Throttled"]

_DEFAULT_START = 8
_SHORTEST_WAIT_S = 0.001
_TAKEN = frozenset({None, FailureKind.REJECTED, FailureKind.TOO_LONG, FailureKind.FILTERED, FailureKind.REFUSED})
"""Failures of calls that the server had room for; an outage, say, tells nothing of it."""

_REFUSED = frozenset({FailureKind.THROTTLE, FailureKind.OVERLOADED})


class Permit(NamedTuple):
    """Leave to send one call: what it was taken for, to be given back with what came of it."""

    tokens: int
    epoch: int
    hold: int


class _Waiter(NamedTuple):
    future: asyncio.Future[Permit | None]
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
        self.max_concurrency = max_concurrency
        self.clock = clock
        self.in_flight = 0
        self.peak_in_flight = 0
        self.refusals = 0
        self._adaptive = (
            AdaptiveLimit(start_concurrency or _DEFAULT_START, max_concurrency, clock) if adaptive else None
        )
        self._ceiling = max_concurrency
        self._pacer = pacer
        self._is_paced_for = False
        self._bucket = None if tokens_per_minute is None else TokenBucket(tokens_per_minute, clock)
        self._hold = Hold(clock)
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
        return len(self._waiting)

    @property
    def held_s(self) -> float:
        """Seconds for which the server had every call held back."""
        return self._hold.seconds - self._hold.wait_s

    @property
    def wait_s(self) -> float:
        """Seconds from now for which the server has every call held back."""
        return self._hold.wait_s

    @property
    def noise(self) -> float:
        """The share of calls that the server refuses whatever the limit, as far as is known."""
        return 0.0 if self._adaptive is None else self._adaptive.noise

    def set_ceiling(self, most: int) -> None:
        """Have at most `most` calls in flight from now on, 0 for none; those above it end as they will."""
        self._ceiling = most
        self._dispatch()

    def hold(self, seconds: float) -> None:
        """Start no call for so long, a minute at most: the server takes none."""
        self._hold.extend(seconds, self.limit)

    async def acquire(self, tokens: int = 0) -> Permit | None:
        """Wait for a permit for a call of about `tokens`; None when the throttle was closed before one came."""
        if self._closed:
            return None
        if not self._waiting and not self._is_in_turn and self.in_flight < self.limit:
            return self._take(tokens)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), tokens)
        self._waiting.append(waiter)
        self._dispatch()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._abandon(waiter)
            raise

    def release(self, permit: Permit, prediction: Prediction | None = None) -> None:
        """Give a permit back with what came of its call; without a prediction nothing is learned from it."""
        if prediction is not None:
            self._heed(permit, prediction)
        elif self._adaptive is not None:
            self._adaptive.ended(permit.epoch)
        self.in_flight -= 1
        self._dispatch()

    def close(self) -> None:
        """Send everyone who waits away; nothing starts after this."""
        self._closed = True
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_result(None)

    def _heed(self, permit: Permit, prediction: Prediction) -> None:
        """Learn from how a call ended."""
        failure = prediction.failure
        kind = None if failure is None else failure.kind
        if self._bucket is not None and (used := _used_tokens(prediction)) is not None:
            self._bucket.take(used - permit.tokens)
        self._heed_hold(permit, prediction)
        is_taken = kind in _TAKEN
        if is_taken:
            self._hold.note_taken(permit.hold)
        self.refusals += kind is FailureKind.THROTTLE
        if self._adaptive is None:
            return
        if is_taken:
            self._adaptive.accepted(permit.epoch, self.in_flight)
        elif kind in _REFUSED:
            self._adaptive.refused(permit.epoch, self.in_flight, is_overload=kind is FailureKind.OVERLOADED)
        else:
            self._adaptive.ended(permit.epoch)

    def _heed_hold(self, permit: Permit, prediction: Prediction) -> None:
        """Hold every call back while the server takes none; what it asks for goes before what its quotas say."""
        failure, hold_s = prediction.failure, prediction.hold_s
        is_rate = failure is not None and failure.kind is FailureKind.RATE
        if failure is not None and failure.retry_after_s is not None:
            hold_s = failure.retry_after_s if is_rate else None
        if hold_s:
            self.hold(hold_s)
        elif is_rate:
            self._hold.guess(permit.hold, self.limit)

    def _take(self, tokens: int) -> Permit:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        return Permit(tokens, 0 if self._adaptive is None else self._adaptive.start(), self._hold.number)

    def _abandon(self, waiter: _Waiter) -> None:
        """Forget a caller that was cancelled; a permit that it had been given meanwhile goes to the next."""
        if waiter.future.cancelled():
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        elif (permit := waiter.future.result()) is not None:
            self.release(permit)

    @property
    def _is_in_turn(self) -> bool:
        return self._pacer is not None or self._bucket is not None or self._hold.is_on

    def _dispatch(self) -> None:
        if not self._waiting or (self._dispatcher is not None and not self._dispatcher.done()):
            return
        if self._is_in_turn:
            if self.in_flight < self.limit:
                self._dispatcher = asyncio.create_task(self._dispatch_in_turn())
            return
        while self._waiting and self.in_flight < self.limit:
            self._admit()

    async def _dispatch_in_turn(self) -> None:
        """Start calls one by one: within the limit, not while they are held, with their tokens, at their pace."""
        while self._waiting and self.in_flight < self.limit:
            tokens_s = 0.0 if self._bucket is None else self._bucket.wait_s(self._waiting[0].tokens)
            wait_s = max(self._hold.wait_s, tokens_s)
            if wait_s > 0.0:
                await asyncio.sleep(max(wait_s, _SHORTEST_WAIT_S))
            elif self._pacer is not None and not self._is_paced_for:
                await self._pacer.acquire()
                self._is_paced_for = True
            else:
                self._admit()

    def _admit(self) -> None:
        waiter = self._waiting.popleft()
        if waiter.future.done():
            return
        if self._bucket is not None:
            self._bucket.take(waiter.tokens)
        self._is_paced_for = False
        self._hold.note_start()
        waiter.future.set_result(self._take(waiter.tokens))


class Throttled:
    """A Model that holds a permit while the model under it works.

    `estimate` says about how many tokens a call takes; it matters where tokens are paced.
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
        permit = await throttle.acquire(0 if self._estimate is None else self._estimate(request))
        if permit is None:
            failure = Failure(FailureKind.NOT_RUN, "the run stopped before this call")
            return Prediction(PredictionOutcome.NOT_RUN, failure=failure)
        queue_s = throttle.clock() - asked_at
        prediction = None
        try:
            prediction = answer = await self._model.predict(request, on_text)
        finally:
            throttle.release(permit, prediction)
        timing = answer.timing
        return dataclasses.replace(answer, timing=dataclasses.replace(timing, queue_s=timing.queue_s + queue_s))


def _used_tokens(prediction: Prediction) -> int | None:
    """Return what a call is known to have used; None where nobody knows, so that its estimate stands."""
    counts = [count for count in billed_tokens(prediction) if count is not None]
    if counts:
        return sum(counts)
    return None if prediction.usage is None else prediction.usage.total_tokens
