"""A server in virtual time: a limit of calls in flight that may change, random refusals, a spread of latencies."""

import asyncio
import random
from collections.abc import Callable

from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome

__all__ = ["OK", "SimulatedServer", "refusal"]

OK = Prediction(PredictionOutcome.OK, "yes")


def refusal(kind: FailureKind = FailureKind.THROTTLE, retry_after_s: float | None = None) -> Prediction:
    status = 503 if kind is FailureKind.OVERLOADED else 429
    return Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(kind, "no", status, retry_after_s))


class SimulatedServer:
    """Answers after about `latency_s`; refuses after `reply_s` what exceeds `limit` calls in flight, or is drawn.

    It takes `per_minute` calls in each minute of its clock, and says when the next one begins.
    """

    def __init__(
        self,
        limit: int | Callable[[], int] = 10**6,
        *,
        latency_s: float = 1.0,
        spread: float = 0.0,
        noise: float = 0.0,
        reply_s: float = 0.005,
        kind: FailureKind = FailureKind.THROTTLE,
        retry_after_s: float | None = None,
        per_minute: int | None = None,
        seed: int = 0,
    ) -> None:
        self.limit, self.latency_s, self.spread, self.noise = limit, latency_s, spread, noise
        self.reply_s, self.kind, self.retry_after_s = reply_s, kind, retry_after_s
        self.in_flight = self.peak = self.calls = self.refusals = self.answers = 0
        self.per_minute, self.rate_refusals = per_minute, 0
        self._minute, self._in_minute = 0, 0
        self._random = random.Random(seed)

    async def predict(self, request: object, on_text: object = None) -> Prediction:
        self.calls += 1
        if (wait_s := self._spent()) is not None:
            self.rate_refusals += 1
            await asyncio.sleep(self.reply_s)
            return refusal(FailureKind.RATE, wait_s)
        limit = self.limit if isinstance(self.limit, int) else self.limit()
        if self.in_flight >= limit or self._random.random() < self.noise:
            self.refusals += 1
            await asyncio.sleep(self.reply_s)
            return refusal(self.kind, self.retry_after_s)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.latency_s * self._random.lognormvariate(0, self.spread))
        finally:
            self.in_flight -= 1
        self.answers += 1
        return OK

    def _spent(self) -> float | None:
        """Return the rest of a minute whose calls are used up."""
        now = asyncio.get_running_loop().time()
        if self.per_minute is None:
            return None
        if int(now // 60) != self._minute:
            self._minute, self._in_minute = int(now // 60), 0
        self._in_minute += 1
        return 60 - now % 60 if self._in_minute > self.per_minute else None
