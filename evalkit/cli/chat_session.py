"""A chat from its first prompt to its end: turns run, shown and traced, Ctrl-C heeded."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from evalkit.cli.chat_screen import Screen
from evalkit.cli.weave_choice import WeaveChoice
from evalkit.config.schema import ModelSpec, ProviderSpec
from evalkit.errors import ExitCode
from evalkit.interrupts import catch_interrupts
from evalkit.opening import open_models
from evalkit.playground import Conversation, Turn
from evalkit.tracing import Trace, Tracer
from evalkit.weave_io.chat_trace import TracedAnswer, TracedTurn

__all__ = ["Chat", "ChatPlan", "hold_chat", "stop_on_interrupt"]

_SHOW_CURSOR = "\x1b[?25h"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ChatPlan:
    """Who is asked, through whom, and where it is traced; `weave.backend` is off, local, both or wandb."""

    models: Sequence[ModelSpec]
    providers: Mapping[str, ProviderSpec]
    project: str | None
    base_dir: Path
    weave: WeaveChoice
    store: Path


class Chat:
    """An open chat: asks, shows and traces one turn after another."""

    def __init__(self, conversation: Conversation, screen: Screen, plan: ChatPlan) -> None:
        """Use `hold_chat`."""
        self.conversation = conversation
        self._screen = screen
        self._plan = plan
        self._tracer: Tracer | None = None
        self._told = 0
        self._is_traced = plan.weave.backend != "off"

    async def take_turn(self, prompt: str) -> Turn:
        """Ask every model; return when the turn is shown and handed to the trace. Ctrl-C ends the turn early."""
        turn = self.conversation.ask(prompt)
        with stop_on_interrupt(turn.interrupt):
            async with self._screen.watch(turn):
                await asyncio.gather(turn.run(), self._start_tracer())
            self.conversation.keep(turn)
            self._screen.show(turn)
        if self._tracer is not None:
            self._tracer.send(_traced(turn))
        return turn

    async def settle(self, turn: Turn) -> bool:
        """Wait for the trace of a turn and say the last about it; False when Ctrl-C ended the waiting."""
        trace: Trace | None = Trace(error="Weave could not be started") if self._is_traced else None
        is_patient = True
        if self._tracer is not None:
            traces = await _unless_interrupted(_wait(self._tracer, is_wanted_soon=turn.is_interrupted))
            is_patient = traces is not None
            trace = Trace(error="it was not waited for") if traces is None else traces[-1]
        self._screen.close(turn, trace)
        return is_patient

    def tell_traces(self) -> None:
        """Warn, once, of turns that are known not to be traced."""
        known = () if self._tracer is None else self._tracer.traced()
        for trace in known[self._told :]:
            if trace.error is not None:
                click.echo(f"warning: this chat is not traced: {trace.error}", err=True)
                self._is_traced = False
        self._told = len(known)

    async def close(self) -> None:
        """End the tracing process."""
        if self._tracer is not None:
            await self._tracer.close()

    async def _start_tracer(self) -> None:
        """Start tracing once the requests are on their way."""
        if self._tracer is not None or not self._is_traced:
            return
        await asyncio.sleep(0)
        choice = self._plan.weave
        backend = "wandb" if choice.backend == "wandb" else "local"
        with suppress(OSError):
            self._tracer = await Tracer.start(
                backend=backend,
                project=choice.project,
                store=self._plan.store,
                thread=secrets.token_hex(8),
                environment=os.environ,
            )


async def hold_chat(plan: ChatPlan, screen: Screen, work: Callable[[Chat], Awaitable[ExitCode]]) -> ExitCode:
    """Open the models, do `work` with the chat, and close everything; return what `work` returns.

    Raises:
        AccessError, ProviderError: none of the providers can be opened.
    """
    async with _open(plan, screen) as chat:
        return ExitCode.INTERRUPTED if chat is None else await work(chat)


@asynccontextmanager
async def _open(plan: ChatPlan, screen: Screen) -> AsyncGenerator[Chat | None]:
    """Yield the chat, None when Ctrl-C came before the models were ready."""
    async with AsyncExitStack() as stack:
        opening = stack.enter_async_context(
            open_models(plan.models, plan.providers, project=plan.project, base_dir=plan.base_dir)
        )
        models = await _unless_interrupted(opening)
        if models is None:
            yield None
            return
        chat = Chat(Conversation(models), screen, plan)
        stack.push_async_callback(chat.close)
        yield chat


async def _wait(tracer: Tracer, *, is_wanted_soon: bool) -> tuple[Trace, ...]:
    if is_wanted_soon:
        click.echo("stopped; saving the trace, Ctrl-C again leaves at once", err=True)
    return await tracer.wait()


async def _unless_interrupted(waiting: Awaitable[_T]) -> _T | None:
    """Return what is waited for, None when Ctrl-C comes first."""
    task = asyncio.ensure_future(waiting)
    with stop_on_interrupt(task.cancel):
        await asyncio.wait({task})
    return None if task.cancelled() else task.result()


@contextmanager
def stop_on_interrupt(first: Callable[[], object]) -> Generator[None]:
    """Call `first` at the first Ctrl-C of the block; a second one ends the process at once.

    Outside such blocks, as while a person types, Ctrl-C is Python's own KeyboardInterrupt.
    """
    presses = 0

    def press() -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            _end_at_once()
        first()

    with catch_interrupts() as interrupts, interrupts.heed(press):
        yield


def _end_at_once() -> None:
    if sys.stdout.isatty():
        sys.stdout.write(_SHOW_CURSOR)
    sys.stdout.flush()
    os._exit(ExitCode.INTERRUPTED)


def _traced(turn: Turn) -> TracedTurn:
    answers = tuple(
        TracedAnswer(answer.label, answer.bound.spec.id, answer.messages, answer.bound.spec.params, answer.prediction)
        for answer in turn.answers
        if answer.prediction is not None
    )
    return TracedTurn(turn.prompt, turn.started_at, turn.ended_at or turn.started_at, answers)
