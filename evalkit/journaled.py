"""A Model that remembers: answers from disk what was paid for, and writes down every request before it is sent."""

import asyncio
import dataclasses
import time
from collections.abc import Callable

from evalkit.journal import Journal
from evalkit.protocols import Model
from evalkit.records import CallKey, Failure, FailureKind, Prediction, PredictionOutcome, Request
from evalkit.tokens import Tokens

__all__ = ["Attempted", "Journaled"]


class Journaled:
    """Answers a call from the journal, else asks the model under it once, however many ask for the same call.

    The answer is on disk before this returns it.
    """

    def __init__(self, model: Model, journal: Journal, asked: dict[CallKey, asyncio.Future[Prediction]]) -> None:
        """Share `asked` between all stacks of a run: it holds the calls on their way."""
        self._model = model
        self._journal = journal
        self._asked = asked

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the journaled answer, or ask, write, and return."""
        known = self._journal.find(request.key)
        if known is None and (twin := self._asked.get(request.key)) is not None:
            known = dataclasses.replace(await asyncio.shield(twin), from_journal=True)
        if known is not None:
            if on_text is not None and known.text:
                on_text(known.text)
            return known
        answer: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._asked[request.key] = answer
        try:
            prediction = await self._model.predict(request, on_text)
            if prediction.outcome is not PredictionOutcome.NOT_RUN:
                await self._journal.put_call(request, prediction)
            answer.set_result(prediction)
        except BaseException:
            answer.cancel()
            raise
        finally:
            del self._asked[request.key]
        return prediction


class Attempted:
    """Sends one request under a deadline, between a line in the journal that it starts and one that it ended.

    `heed` hears of every request that failed before its permit is given back, so that it can keep the next call from
    starting.
    """

    __slots__ = ("_deadline_s", "_guess", "_heed", "_journal", "_model", "_provider")

    def __init__(
        self,
        model: Model,
        journal: Journal,
        *,
        deadline_s: float,
        heed: Callable[[Request, Failure], None],
        provider: str | None = None,
        guess: Callable[[Request], Tokens] | None = None,
    ) -> None:
        """Write down with each request the tokens that `guess` gives it: they stand for what is never told."""
        self._model = model
        self._provider, self._guess = provider, guess
        self._journal = journal
        self._deadline_s = deadline_s
        self._heed = heed

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer with its service time; a reply later than the deadline is a transient failure."""
        guess = None if self._guess is None else self._guess(request)
        number = await self._journal.start_attempt(
            request.key, time.time(), provider=self._provider, model=request.model, guess=guess
        )
        started_at, began = time.time(), time.perf_counter()
        try:
            async with asyncio.timeout(self._deadline_s):
                prediction = await self._model.predict(request, on_text)
        except TimeoutError:
            failure = Failure(FailureKind.TRANSIENT, f"no complete reply within {self._deadline_s:g} s")
            prediction = Prediction(PredictionOutcome.INFRA_ERROR, failure=failure)
        service_s = time.perf_counter() - began
        timing = prediction.timing
        if timing.service_s is None:
            timing = dataclasses.replace(
                timing, started_at=started_at, ended_at=started_at + service_s, service_s=round(service_s, 6)
            )
        prediction = dataclasses.replace(prediction, timing=timing)
        self._journal.end_attempt(number, prediction, started_at + service_s)
        if prediction.failure is not None:
            self._heed(request, prediction.failure)
        return prediction
