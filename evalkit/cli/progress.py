"""Live progress on stderr: a table in a terminal, a plain line now and then elsewhere."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TextIO

from evalkit.engine import Lane, Progress

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["watch_progress"]

_REDRAW_S = 0.25
_PLAIN_S = 10.0


@asynccontextmanager
async def watch_progress(
    progress: Progress, lanes: Mapping[str, Lane], *, stream: TextIO | None = None
) -> AsyncGenerator[None]:
    """Show `progress` until the block ends: to a terminal as it moves, elsewhere as a line now and then."""
    out = stream or sys.stderr
    board = _Board(progress, lanes)
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

    def __init__(self, progress: Progress, lanes: Mapping[str, Lane]) -> None:
        self._progress, self._lanes = progress, lanes
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
        minutes, seconds = divmod(round(left / self.rate), 60)
        return f"{minutes}:{seconds:02d}"

    def status(self) -> str:
        """Return the counters that concern the whole run."""
        progress = self._progress
        in_flight = sum(lane.throttle.in_flight for lane in self._lanes.values())
        limit = sum(lane.throttle.limit for lane in self._lanes.values())
        tokens = f"{progress.prompt_tokens + progress.completion_tokens:,} tokens"
        cost = f", ${progress.cost_usd:,.4f}" if progress.cost_usd else ""
        return f"{in_flight} in flight of {limit}, {self.rate:.1f}/s, {self.eta} left, {tokens}{cost}"

    def line(self) -> str:
        """Return everything in one line."""
        failed = sum(cell.failed for cell in self._progress.cells.values())
        return f"{self._progress.done}/{self._progress.expected} done, {failed} failed; {self.status()}"

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
