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
    """Answers after about `latency_s`; refuses after `reply_s` what exceeds `limit` calls in flight, or is drawn."""

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
        seed: int = 0,
    ) -> None:
        self.limit, self.latency_s, self.spread, self.noise = limit, latency_s, spread, noise
        self.reply_s, self.kind, self.retry_after_s = reply_s, kind, retry_after_s
        self.in_flight = self.peak = self.calls = self.refusals = self.answers = 0
        self._random = random.Random(seed)

    async def predict(self, request: object, on_text: object = None) -> Prediction:
        self.calls += 1
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
