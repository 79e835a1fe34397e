"""The journal's rows and aggregates as things to wait for, while the engine writes them or long after."""

import asyncio
from collections.abc import Iterable, Mapping

from evalkit.journal import ASK_AGAIN
from evalkit.journal_reader import JournalReader, StoredResult
from evalkit.results import CellResult
from evalkit.store import decode_cell

__all__ = ["JournalFeed"]

POLL_S = 0.05

_Key = tuple[str, str, int]
"""Cell, sample id, trial."""


class JournalFeed:
    """Tells when a row is there. Keeps row numbers only: contents are read when they are asked for.

    A result that a continued run asks again (`infra_error`, `not_run`) counts only once its cell has ended: until then
    it may be what an earlier try left behind.
    """

    def __init__(self, reader: JournalReader, cells: Iterable[str], wanted: Mapping[str, frozenset[str]]) -> None:
        """Follow `cells`; for a cell in `wanted`, only the sample ids it names."""
        self._reader = reader
        self._wanted = wanted
        self._open = dict.fromkeys(cells)
        self._seen = 0
        self._numbers: dict[_Key, int] = {}
        self._unsure: dict[str, dict[_Key, int]] = {cell: {} for cell in self._open}
        self._waiting: dict[_Key, asyncio.Future[None]] = {}
        self._aggregates: dict[str, asyncio.Future[CellResult]] = {}
        self._held = asyncio.Event()
        self._held.set()

    async def follow(self) -> None:
        """Read what is new until every cell has ended."""
        while self._open:
            await self._read_new()
            await asyncio.sleep(POLL_S)

    def hold(self) -> None:
        """Hand out nothing more; whoever asks waits for ever."""
        self._held.clear()

    async def row(self, cell: str, sample_id: str, trial: int) -> StoredResult | None:
        """Return a result once it is written; None when the cell ended without it."""
        key = (cell, sample_id, trial)
        while True:
            await self._held.wait()
            number = self._numbers.get(key)
            if number is not None:
                found = self._reader.results_after(number - 1, limit=1)
                if found and _key(found[0][1]) == key:
                    return found[0][1]
                self._numbers.pop(key, None)  # written again since: the newer row is on its way
            if cell not in self._open:
                return None
            await self._waiting.setdefault(key, asyncio.get_running_loop().create_future())

    async def aggregate(self, cell: str) -> CellResult:
        """Return a cell's aggregate once the engine has written it."""
        result = await self._aggregate(cell)
        await self._held.wait()
        return result

    def ended(self, cell: str) -> CellResult | None:
        """Return a cell's aggregate if it has ended."""
        future = self._aggregate(cell)
        return future.result() if future.done() else None

    def _aggregate(self, cell: str) -> asyncio.Future[CellResult]:
        if cell not in self._aggregates:
            self._aggregates[cell] = asyncio.get_running_loop().create_future()
        return self._aggregates[cell]

    async def _read_new(self) -> None:
        ended = [cell for cell in self._open if self._reader.cell(cell) is not None]
        while batch := self._reader.results_after(self._seen):
            for number, stored in batch:
                self._note(number, stored)
            self._seen = batch[-1][0]
            await asyncio.sleep(0)
        for cell in ended:
            self._end(cell)

    def _note(self, number: int, stored: StoredResult) -> None:
        cell, sample_id, _ = key = _key(stored)
        if cell not in self._open or (cell in self._wanted and sample_id not in self._wanted[cell]):
            return
        if stored.result.prediction.outcome in ASK_AGAIN:
            self._unsure[cell][key] = number
            return
        self._numbers[key] = number
        self._wake(key)

    def _end(self, cell: str) -> None:
        aggregate = self._reader.cell(cell)
        if aggregate is None:  # a continued run has just dropped the aggregates of its earlier try
            return
        del self._open[cell]
        for key, number in self._unsure.pop(cell).items():
            self._numbers.setdefault(key, number)
        for key in [key for key in self._waiting if key[0] == cell]:
            self._wake(key)
        self._aggregate(cell).set_result(decode_cell(aggregate))

    def _wake(self, key: _Key) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


def _key(stored: StoredResult) -> _Key:
    return (stored.result.cell, stored.result.sample_id, stored.result.trial)
