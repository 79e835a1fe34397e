"""Live progress on stderr: a table in a terminal, a plain line now and then elsewhere."""

import asyncio
import math
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TextIO

from evalkit.budget import Budget, format_usd
from evalkit.engine import Lane, Progress

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["describe_spending", "watch_progress"]

_REDRAW_S = 0.25
_PLAIN_S = 10.0
_WORTH_TELLING_S = 1.0


@asynccontextmanager
async def watch_progress(
    progress: Progress, lanes: Mapping[str, Lane], budget: Budget | None = None, *, stream: TextIO | None = None
) -> AsyncGenerator[None]:
    """Show `progress` until the block ends: to a terminal as it moves, elsewhere as a line now and then."""
    out = stream or sys.stderr
    board = _Board(progress, lanes, budget)
    drawing = asyncio.create_task(_draw_live(board) if out.isatty() else _print_lines(board, out))
    try:
        yield
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
        if not out.isatty():
            print(board.line(), file=out, flush=True)


class _Board:
    """What is shown, computed from the engine's counters when it is drawn."""

    def __init__(self, progress: Progress, lanes: Mapping[str, Lane], budget: Budget | None) -> None:
        self._progress, self._lanes, self._budget = progress, lanes, budget
        self._began = time.monotonic()

    @property
    def rate(self) -> float:
        """Predictions asked for and ended, per second, since the start."""
        asked = self._progress.done - self._progress.from_journal
        return asked / max(0.001, time.monotonic() - self._began)

    @property
    def eta(self) -> str:
        """The time left at this rate."""
        left = self._progress.expected - self._progress.done
        if self.rate <= 0 or not left:
            return "-"
        return _clock(left / self.rate)

    def status(self) -> str:
        """Return the counters that concern the whole run."""
        progress = self._progress
        throttles = {id(lane.throttle): lane.throttle for lane in self._lanes.values()}.values()
        in_flight = sum(throttle.in_flight for throttle in throttles)
        limit = sum(throttle.limit for throttle in throttles)
        tokens = f"{progress.prompt_tokens + progress.completion_tokens:,} tokens"
        spent = tokens if self._budget is None else describe_spending(self._budget)
        wait_s = max((throttle.wait_s for throttle in throttles), default=0.0)
        held = f", the server has calls wait {_clock(math.ceil(wait_s))}" if wait_s >= _WORTH_TELLING_S else ""
        return f"{in_flight} in flight of {limit}{held}, {self.rate:.1f}/s, {self.eta} left, {spent}"

    def line(self) -> str:
        """Return everything in one line."""
        failed = sum(cell.failed for cell in self._progress.cells.values())
        not_run = sum(cell.not_run for cell in self._progress.cells.values())
        skipped = f", {not_run} not run" if not_run else ""
        return f"{self._progress.done}/{self._progress.expected} done, {failed} failed{skipped}; {self.status()}"

    def __rich__(self) -> "Group":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for name, cell in self._progress.cells.items():
            failed = Text(f"{cell.failed} failed", style="red") if cell.failed else Text("")
            bar = ProgressBar(total=max(1, cell.expected), completed=cell.done, width=24)
            table.add_row(Text(name), bar, f"{cell.done}/{cell.expected}", failed)
        return Group(table, Text(self.status(), style="dim"))


def describe_spending(budget: Budget) -> str:
    """Return what was spent, beside each limit that is set; what is not known of a cost is never shown as nothing."""
    limits, spending = budget.limits, budget.spending
    parts = [f"{spending.tokens:,}{_of(limits.max_tokens)} tokens"]
    if limits.max_requests is not None:
        parts.append(f"{spending.requests:,}{_of(limits.max_requests)} requests")
    if limits.max_cost is not None:
        parts.append(f"{format_usd(spending.guessed_cost_usd)} of {format_usd(limits.max_cost)}")
    elif spending.cost_usd is None:
        known = spending.known_cost_usd
        parts.append(f"at least {format_usd(known)}" if known else "cost unknown")
    elif spending.cost_usd:
        parts.append(format_usd(spending.cost_usd))
    if limits.max_time is not None:
        parts.append(f"{_clock(budget.elapsed_s)} of {_clock(limits.max_time)}")
    return ", ".join(parts)


def _of(limit: int | None) -> str:
    return "" if limit is None else f" of {limit:,}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


async def _draw_live(board: _Board) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(board, console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        while True:
            live.refresh()
            await asyncio.sleep(_REDRAW_S)


async def _print_lines(board: _Board, out: TextIO) -> None:
    while True:
        await asyncio.sleep(_PLAIN_S)
        print(board.line(), file=out, flush=True)
