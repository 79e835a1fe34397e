"""One prompt to several models at once: the turn they answer together, and what each of them remembers."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from evalkit.errors import ExitCode
from evalkit.live_answer import Answer
from evalkit.opening import BoundModel
from evalkit.reasoning import strip_reasoning
from evalkit.records import FailureKind, Message

__all__ = ["Conversation", "Turn"]

_GRACE_S = 2.0
"""Seconds that a cancelled call has to close its connection."""

_EXIT_CODES: Mapping[FailureKind, ExitCode] = {
    FailureKind.ACCESS: ExitCode.ACCESS,
    FailureKind.UNKNOWN_MODEL: ExitCode.ACCESS,
    FailureKind.REJECTED: ExitCode.USAGE,
    FailureKind.TOO_LONG: ExitCode.USAGE,
    FailureKind.REFUSED: ExitCode.DONE,
    FailureKind.FILTERED: ExitCode.DONE,
}
_GRAVEST_FIRST = (ExitCode.USAGE, ExitCode.ACCESS, ExitCode.INTERRUPTED, ExitCode.INCOMPLETE)


class Turn:
    """One prompt and every model's answer to it."""

    def __init__(self, prompt: str, answers: Sequence[Answer]) -> None:
        self.prompt = prompt
        self.answers = tuple(answers)
        self.started_at = time.time()
        self.ended_at: float | None = None
        self._stop = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether every model has had its last word."""
        return all(answer.prediction is not None for answer in self.answers)

    @property
    def is_interrupted(self) -> bool:
        """Whether it was stopped by hand."""
        return self._stop.is_set()

    @property
    def exit_code(self) -> ExitCode:
        """What the answers mean for the process: the gravest of their failures."""
        kinds = [answer.failure.kind for answer in self.answers if answer.failure is not None]
        codes = {_EXIT_CODES.get(kind, ExitCode.INCOMPLETE) for kind in kinds}
        if self.is_interrupted:
            codes.add(ExitCode.INTERRUPTED)
        return next((code for code in _GRAVEST_FIRST if code in codes), ExitCode.DONE)

    async def run(self) -> None:
        """Ask all models at once; return when each has answered or failed, or `interrupt` was called."""
        calls = {asyncio.create_task(answer.fetch()) for answer in self.answers}
        stopping = asyncio.create_task(self._stop.wait())
        pending = calls
        while pending and not stopping.done():
            await asyncio.wait({*pending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            pending = {call for call in calls if not call.done()}
        stopping.cancel()
        if self._stop.is_set():
            for answer in self.answers:
                answer.interrupt()
        for call in pending:
            call.cancel()
        if pending:
            await asyncio.wait(pending, timeout=_GRACE_S)
        self.ended_at = time.time()
        for call in calls - pending:
            call.result()

    def interrupt(self) -> None:
        """Stop every answer that is still on its way."""
        self._stop.set()


class Conversation:
    """What each model has been told and has answered; a model remembers its own answers only."""

    def __init__(self, models: Sequence[BoundModel]) -> None:
        self.models = tuple(models)
        self.system: str | None = None
        self.turns: list[Turn] = []
        self._memories: dict[str, tuple[Message, ...]] = {}

    def ask(self, prompt: str) -> Turn:
        """Return the next turn, yet to be run."""
        return Turn(prompt, [Answer(bound, self._messages(bound, prompt)) for bound in self.models])

    def keep(self, turn: Turn) -> None:
        """Have every model that answered remember the turn; a failed answer leaves no trace in a memory."""
        self.turns.append(turn)
        for answer in turn.answers:
            said = _spoken(answer)
            if said:
                before = self._memories.get(answer.label, ())
                told = (Message("user", turn.prompt), Message("assistant", said))
                self._memories[answer.label] = (*before, *told)

    def clear(self) -> None:
        """Forget all turns; the system prompt stays."""
        self.turns.clear()
        self._memories.clear()

    def _messages(self, bound: BoundModel, prompt: str) -> tuple[Message, ...]:
        system = bound.spec.system if self.system is None else self.system
        first = (Message("system", system),) if system else ()
        return (*first, *self._memories.get(bound.label, ()), Message("user", prompt))


def _spoken(answer: Answer) -> str:
    """Return what a model is reminded of having said: its text without the reasoning; "" of a failed answer."""
    if answer.failure is not None or answer.prediction is None:
        return ""
    return strip_reasoning(answer.text, answer.bound.spec.reasoning.tags) or ""
