"""A Model that tries transient failures again: full jitter, Retry-After honoured, bounded in number and time."""

import dataclasses
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from evalkit.config.schema import RetrySpec
from evalkit.protocols import Model
from evalkit.records import FailureKind, Prediction, PredictionOutcome, Request

__all__ = ["RETRIED", "Retrying"]

RETRIED = frozenset({FailureKind.TRANSIENT, FailureKind.OVERLOADED, FailureKind.THROTTLE, FailureKind.RATE})
"""Kinds of failure that another attempt may cure."""

_REFUSALS = frozenset({FailureKind.THROTTLE, FailureKind.RATE})
_LONGEST_DOUBLING = 4


@dataclass(frozen=True, slots=True)
class Retrying:
    """Tries again until an answer, a lasting failure, or the end of `policy`.

    A refusal for concurrency or rate is the limiter's business and uses up time, not attempts; its delay stops
    doubling after the fourth. The delay before attempt n + 1 is drawn from [0, min(cap, base x 2^(n-1))] and is never
    shorter than what the server asked for, up to the cap.
    Waiting for a permit is not counted against `max_elapsed`: it is our own doing.
    """

    model: Model
    policy: RetrySpec
    is_stopped: Callable[[], bool]
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the first answer or the last failure, with the number of requests sent and the time backed off."""
        began = self.clock()
        sent = counted = 0
        backoff_s = queue_s = 0.0
        while True:
            prediction = await self.model.predict(request, on_text)
            queue_s += prediction.timing.queue_s
            if prediction.outcome is PredictionOutcome.NOT_RUN:
                break
            sent += 1
            failure = prediction.failure
            if failure is None or failure.kind not in RETRIED or self.is_stopped():
                break
            is_refusal = failure.kind in _REFUSALS
            counted += not is_refusal
            delay_s = self._delay(min(sent, _LONGEST_DOUBLING) if is_refusal else sent, failure.retry_after_s)
            spent_s = self.clock() - began - queue_s
            if counted >= self.policy.max_attempts or spent_s + delay_s > self.policy.max_elapsed:
                break
            waited_from = self.clock()
            await self.sleep(delay_s)
            backoff_s += self.clock() - waited_from
            if self.is_stopped():
                break
        timing = dataclasses.replace(prediction.timing, backoff_s=backoff_s, queue_s=queue_s)
        return dataclasses.replace(prediction, timing=timing, attempts=sent)

    def _delay(self, attempt: int, retry_after_s: float | None) -> float:
        ceiling = min(self.policy.cap, self.policy.base * 2.0 ** min(attempt - 1, 30))
        asked = min(retry_after_s or 0.0, self.policy.cap)
        return max(self.random() * ceiling, asked)
