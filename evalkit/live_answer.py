"""One model's answer to one prompt while it is on its way: asked, tried again, growing, over."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from evalkit.config.schema import RetrySpec
from evalkit.digest import digest_json
from evalkit.opening import BoundModel
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Timing,
)
from evalkit.retry import RETRIED, Retrying

__all__ = ["INTERRUPTED", "Answer"]

INTERRUPTED = "interrupted"
"""The message of an answer that was stopped by hand."""

_PATIENCE = RetrySpec(max_attempts=4, max_elapsed=60.0, base=0.5, cap=20.0)
"""How long a failing endpoint is tried again while a person waits."""


@dataclass(slots=True)
class Answer:
    """What one model has said to one prompt so far; `prediction` is None while it is at it.

    `hurdle` is the failure of the attempt before, while another one is on its way.
    """

    bound: BoundModel
    messages: tuple[Message, ...]
    clock: Callable[[], float] = time.perf_counter
    prediction: Prediction | None = None
    hurdle: Failure | None = None
    attempts: int = 0
    began: float | None = None
    ended: float | None = None
    _pieces: list[str] = field(default_factory=list[str])

    @property
    def label(self) -> str:
        """The model's label."""
        return self.bound.label

    @property
    def text(self) -> str:
        """The text as it came, reasoning in tags included; of a failed answer what had come before."""
        whole = "" if self.prediction is None else self.prediction.text
        return whole or "".join(self._pieces)

    @property
    def failure(self) -> Failure | None:
        """Why there is no whole answer."""
        return None if self.prediction is None else self.prediction.failure

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was asked, every attempt and wait included."""
        if self.began is None:
            return 0.0
        return (self.clock() if self.ended is None else self.ended) - self.began

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens of the answer over the seconds of the answering attempt; None where either is not known."""
        usage, service_s = (None, None) if self.prediction is None else (self.prediction.usage, self._service_s)
        if usage is None or not usage.completion_tokens or not service_s:
            return None
        return usage.completion_tokens / service_s

    @property
    def cost_usd(self) -> float | None:
        """What the answering attempt cost; None where the price or the tokens are not known, never 0 for that."""
        usage, price = None if self.prediction is None else self.prediction.usage, self.bound.price
        if price is None or usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        return (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6

    @property
    def _service_s(self) -> float | None:
        return None if self.prediction is None else self.prediction.timing.service_s

    async def fetch(self) -> None:
        """Ask the model until it has answered or failed for good."""
        attempting = _Attempting(self)
        retrying = Retrying(attempting, _PATIENCE, is_stopped=lambda: False, sleep=asyncio.sleep)
        self.began = self.clock()
        self.conclude(await retrying.predict(self._request(), self._pieces.append))

    def conclude(self, prediction: Prediction) -> None:
        """Take the last word on this answer."""
        if self.prediction is None:
            self.prediction, self.ended = prediction, self.clock()

    def interrupt(self) -> None:
        """End an answer that is still on its way; what has come stays."""
        now = time.time()
        timing = Timing(started_at=now - self.elapsed_s, ended_at=now)
        failure = Failure(FailureKind.NOT_RUN, INTERRUPTED)
        outcome, attempts = PredictionOutcome.NOT_RUN, self.attempts
        self.conclude(Prediction(outcome, self.text, failure, timing=timing, attempts=attempts))

    def begin_attempt(self) -> None:
        """Forget the pieces of an attempt that broke off."""
        self.attempts += 1
        self._pieces.clear()

    def _request(self) -> Request:
        spec = self.bound.spec
        content = [spec.id, [[message.role, message.content] for message in self.messages], dict(spec.params)]
        sample = Sample(id="chat", input=self.messages[-1].content)
        return Request(spec.id, self.messages, spec.params, sample, CallKey(digest_json(content), sample.id))


class _Attempting:
    """Sends one request, and gives it up once nothing has come for too long."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer with its service time."""
        answer, silence_s = self._answer, self._answer.bound.silence_s
        answer.begin_attempt()
        now = asyncio.get_running_loop().time
        started_at, began = time.time(), time.perf_counter()
        try:
            async with asyncio.timeout(silence_s) as deadline:

                def take(piece: str) -> None:
                    deadline.reschedule(now() + silence_s)
                    if on_text is not None:
                        on_text(piece)

                prediction = await answer.bound.model.predict(request, take)
        except TimeoutError:
            failure = Failure(FailureKind.TRANSIENT, f"nothing came for {silence_s:g} s")
            prediction = Prediction(PredictionOutcome.INFRA_ERROR, failure=failure)
        failure = prediction.failure
        answer.hurdle = failure if failure is not None and failure.kind in RETRIED else None
        return _timed(prediction, started_at, time.perf_counter() - began)


def _timed(prediction: Prediction, started_at: float, service_s: float) -> Prediction:
    if prediction.timing.service_s is not None:
        return prediction
    ended_at, rounded_s = started_at + service_s, round(service_s, 6)
    timing = dataclasses.replace(prediction.timing, started_at=started_at, ended_at=ended_at, service_s=rounded_s)
    return dataclasses.replace(prediction, timing=timing)
