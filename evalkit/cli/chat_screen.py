"""A chat's answers on stdout: columns that grow in a terminal, plain blocks elsewhere, one JSON object for machines."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import click

from evalkit.cli.chat_columns import Look, draw_answers
from evalkit.cli.chat_figures import describe_turn, latency_words, notes, readable, reasoning_of, usage_words
from evalkit.live_answer import Answer
from evalkit.playground import Turn
from evalkit.tracing import Trace

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["JsonScreen", "LiveScreen", "PlainScreen", "Screen"]

_REDRAW_S = 0.1


class Screen(Protocol):
    """Where a turn is shown."""

    def watch(self, turn: Turn) -> AbstractAsyncContextManager[None]:
        """Show a turn while it runs, until the block ends."""
        ...

    def show(self, turn: Turn) -> None:
        """Show a turn that is over, whole."""
        ...

    def close(self, turn: Turn, trace: Trace | None) -> None:
        """Say the last about a turn, once its trace is known; None where nothing is traced."""
        ...


class LiveScreen:
    """Draws columns as the answers come; they are printed whole, once, at the end."""

    def __init__(self, *, shows_reasoning: bool) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, markup=False, emoji=False)
        self._shows_reasoning = shows_reasoning

    @asynccontextmanager
    async def watch(self, turn: Turn) -> AsyncGenerator[None]:
        """Redraw the tails of the answers a few times a second."""
        from rich.live import Live

        with Live(
            console=self._console, get_renderable=lambda: self._lines(turn, is_whole=False), auto_refresh=False,
            transient=True, vertical_overflow="crop",
        ) as live:  # fmt: skip
            drawing = asyncio.create_task(_redraw(live.refresh))
            try:
                yield
            finally:
                drawing.cancel()
                await asyncio.gather(drawing, return_exceptions=True)

    def show(self, turn: Turn) -> None:
        """Print the whole answers side by side."""
        self._console.print(self._lines(turn, is_whole=True))

    def close(self, turn: Turn, trace: Trace | None) -> None:
        """Say where the trace is."""
        del turn
        _tell(trace)

    def _lines(self, turn: Turn, *, is_whole: bool) -> "Group":
        from rich.console import Group

        look = Look(self._console.width, self._shows_reasoning)
        height = None if is_whole else self._console.height - 1
        lines = draw_answers(turn.answers, look, self._console, height)
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
        return Group(*lines)


class PlainScreen:
    """Prints each answer as a block; of one model the bare answer, and what it took to stderr."""

    def __init__(self, *, shows_reasoning: bool) -> None:
        self._shows_reasoning = shows_reasoning

    @asynccontextmanager
    async def watch(self, turn: Turn) -> AsyncGenerator[None]:
        """Show nothing: a pipe cannot take back what a retry makes void."""
        del turn
        yield

    def show(self, turn: Turn) -> None:
        """Print the answers in the order of their models."""
        is_alone = len(turn.answers) == 1
        for number, answer in enumerate(turn.answers):
            if not is_alone:
                click.echo(("\n" if number else "") + f"== {readable(answer.label)} ==")
            for text in self._texts(answer):
                click.echo(text)
            if answer.failure is not None:
                click.echo(f"failed: {answer.failure.message}", err=is_alone)
            click.echo("; ".join(_took(answer)), err=is_alone)

    def close(self, turn: Turn, trace: Trace | None) -> None:
        """Say where the trace is."""
        del turn
        _tell(trace)

    def _texts(self, answer: Answer) -> list[str]:
        thought, said = reasoning_of(answer)
        shown = [f"[reasoning]\n{thought}\n[answer]"] if thought and self._shows_reasoning else []
        calls = None if answer.prediction is None else answer.prediction.tool_calls
        texts = [*shown, said.strip("\n"), json.dumps(calls, ensure_ascii=False) if calls else ""]
        return [readable(text) for text in texts if text]


class JsonScreen:
    """Prints one JSON object a turn, once its trace is known."""

    def __init__(self, *, project: str | None) -> None:
        self._project = project

    @asynccontextmanager
    async def watch(self, turn: Turn) -> AsyncGenerator[None]:
        """Show nothing."""
        del turn
        yield

    def show(self, turn: Turn) -> None:
        """Show nothing yet."""

    def close(self, turn: Turn, trace: Trace | None) -> None:
        """Print the object."""
        _warn(trace)
        click.echo(json.dumps(describe_turn(turn, trace, project=self._project), indent=1, default=dict))


async def _redraw(refresh: Callable[[], None]) -> None:
    while True:
        refresh()
        await asyncio.sleep(_REDRAW_S)


def _took(answer: Answer) -> list[str]:
    return [words for words in (latency_words(answer), usage_words(answer), *notes(answer)) if words]


def _tell(trace: Trace | None) -> None:
    if trace is not None and trace.place is not None:
        click.echo(f"trace: {trace.place}", err=True)
    _warn(trace)


def _warn(trace: Trace | None) -> None:
    if trace is not None and trace.error is not None:
        click.echo(f"warning: this turn is not traced: {readable(trace.error)}", err=True)
