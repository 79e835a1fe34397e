"""Publish a run: its objects, every cell through weave.Evaluation, the leaderboard; read every number back."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import weave
from weave.trace.weave_client import WeaveClient

from evalkit.journal_reader import JournalReader
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.weave_io.cell_publisher import CellPublisher
from evalkit.weave_io.journal_feed import POLL_S, JournalFeed
from evalkit.weave_io.leaderboard import PublishedCell, columns_of, publish_board, verify_board
from evalkit.weave_io.objects import RunObjects, publish_objects
from evalkit.weave_io.publication import ROW_LIMIT, Publication
from evalkit.weave_io.run_calls import delete_calls
from evalkit.weave_io.run_record import publish_record
from evalkit.weave_io.settling import flush, settle

__all__ = ["RunPublisher"]

ROWS_AT_ONCE = 5_000
"""Rows of the evaluations that are open together; the SDK keeps about 25 KB of each."""


@dataclass(slots=True)
class RunPublisher:
    """One publication of one run folder, while it grows or later; `on_progress` hears of every row and step done."""

    client: WeaveClient
    folder: RunFolder
    run: RunResult
    on_progress: Callable[[int], None]
    row_limit: int = ROW_LIMIT
    _cells: CellPublisher | None = None

    async def publish(self, ended: asyncio.Event) -> dict[str, Json]:
        """Publish all cells, then, once `ended` is set and run.json is whole, the board; return run.json's weave block.

        Raises:
            PublishError: the store does not hold what was published, or shows other numbers.
        """
        publication = Publication(self.run, self.row_limit)
        reader = await _open_journal(self.folder, publication)
        objects = publish_objects(self.client, publication, reader)
        self.on_progress(0)
        wanted = {
            cell.key: objects.kept[cell.evaluation] for cell in publication.cells if cell.evaluation in objects.kept
        }
        feed = JournalFeed(reader, [cell.key for cell in publication.cells], wanted)
        self._cells = cells = CellPublisher(self.client, publication, objects, feed, self.on_progress)
        work = asyncio.create_task(_publish_cells(cells))
        following = asyncio.create_task(feed.follow())
        done, _ = await asyncio.wait({work, following}, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        reader.close()
        await ended.wait()
        block = self._publish_board(publication, cells)
        publish_record(self.client, publication, self.folder.load(), block)
        await flush(self.client, self.on_progress)
        return block

    async def abandon(self) -> dict[str, Json]:
        """Delete what was written for unfinished cells and return the block of an unfinished publication."""
        cells = self._cells
        if cells is None:
            return _block(self.client, self.run, RunObjects(), None)
        cells.feed.hold()
        await settle(self.client)
        for key in list(cells.published):
            ended = cells.feed.ended(key)
            if ended is None or ended.outcomes.get("not_run"):
                cells.unfinished[key] = cells.published.pop(key)
        delete_calls(self.client, cells.unfinished.values())
        await settle(self.client)
        return _block(self.client, self.run, cells.objects, cells)

    def _publish_board(self, publication: Publication, cells: CellPublisher) -> dict[str, Json]:
        results = {cell.key: cell for cell in self.folder.load().cells}
        columns = columns_of(publication, results)
        uri, board = publish_board(self.client, publication, columns, cells.objects.refs)
        is_verified = bool(self.run.plan["weave"].get("verify", True))
        if is_verified:
            refs = cells.objects.model_refs
            published = {
                cell.key: PublishedCell(cells.published[cell.key], refs[cell.model], results[cell.key])
                for cell in publication.cells
            }
            verify_board(self.client, publication, board, columns=columns, cells=published)
        return {**_block(self.client, self.run, cells.objects, cells), "leaderboard": uri, "verified": is_verified}


async def _publish_cells(cells: CellPublisher) -> None:
    earlier = cells.take_stock()
    for group in cells.publication.groups(ROWS_AT_ONCE):
        await cells.publish(group, earlier)


async def _open_journal(folder: RunFolder, publication: Publication) -> JournalReader:
    """Open the journal once the engine has written the samples of every dataset."""
    needed = {cell.dataset for cell in publication.cells}
    while True:
        if folder.journal.is_file():
            reader = folder.reader()
            try:
                if needed <= set(reader.datasets()):
                    return reader
            except sqlite3.OperationalError:  # made a moment ago, its tables are yet to come
                pass
            reader.close()
        await asyncio.sleep(POLL_S)


def _block(client: WeaveClient, run: RunResult, objects: RunObjects, cells: CellPublisher | None) -> dict[str, Json]:
    return {
        "backend": run.plan["weave"]["backend"],
        "project": client.project_id,
        "evaluations": dict(objects.refs),
        "models": dict(objects.model_refs),
        "calls": {} if cells is None else dict(cells.published),
        "leaderboard": None,
        "verified": False,
        "error": None,
        "changed": {name: inputs for name, inputs in objects.changed.items() if inputs},
        "rows": dict(objects.rows),
        "subset": sorted(objects.kept),
        "reused": 0 if cells is None else cells.reused,
        "sdk": weave.__version__,
    }
