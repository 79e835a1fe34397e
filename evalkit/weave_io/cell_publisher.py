"""One cell through weave.Evaluation: replayed from the journal, reused when it is there, read back by its id."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import weave
from weave.trace.call import Call
from weave.trace.weave_client import WeaveClient
from weave.utils.ids import generate_id

from evalkit.errors import PublishError
from evalkit.journal_reader import StoredResult
from evalkit.records import Json
from evalkit.weave_io.current import CURRENT_CELL, CellReplay
from evalkit.weave_io.evaluation import JournaledEvaluation, JournaledModel
from evalkit.weave_io.journal_feed import JournalFeed
from evalkit.weave_io.leaderboard import cell_summaries
from evalkit.weave_io.objects import RunObjects
from evalkit.weave_io.publication import CellPlan, Publication
from evalkit.weave_io.run_calls import (
    ATTRIBUTES,
    ROWS_FORMAT,
    EvaluateCall,
    count_rows,
    delete_calls,
    find_calls,
    read_call,
)
from evalkit.weave_io.settling import flush
from evalkit.weave_io.traces import is_traced, record_call

__all__ = ["CellPublisher"]

READ_TRIES = 30
READ_WAIT_S = 0.5


@dataclass(slots=True)
class CellPublisher:
    """Publishes the cells of one run; `published` and `unfinished` map a cell to its evaluate call."""

    client: WeaveClient
    publication: Publication
    objects: RunObjects
    feed: JournalFeed
    on_progress: Callable[[int], None]
    published: dict[str, str] = field(default_factory=dict[str, str])
    unfinished: dict[str, str] = field(default_factory=dict[str, str])
    reused: int = 0

    def take_stock(self) -> dict[str, EvaluateCall]:
        """Return the earlier calls of this run that may be reused, one a cell; delete every other."""
        fit: dict[str, EvaluateCall] = {}
        useless: list[str] = []
        cells = {cell.key: cell for cell in self.publication.cells}
        for call in find_calls(self.client, self.publication.run.run_id):
            cell = cells.get(call.cell)
            if cell is None or call.cell in fit or not self._fits(call, cell):
                useless.append(call.id)
            else:
                fit[call.cell] = call
        delete_calls(self.client, useless)
        return fit

    async def publish(self, cells: Iterable[CellPlan], earlier: Mapping[str, EvaluateCall]) -> None:
        """Publish some cells together and check what the store holds of them.

        Raises:
            PublishError: the journal lacks a row, or the store does not hold what was published.
        """
        group = tuple(cells)
        await asyncio.gather(*(self._publish(cell, earlier.get(cell.key)) for cell in group))
        await flush(self.client, self.on_progress)
        for cell in group:
            await self._read_back(cell)

    async def _publish(self, cell: CellPlan, earlier: EvaluateCall | None) -> None:
        rows = self.objects.rows[cell.evaluation]
        if earlier is not None:
            summaries = cell_summaries(self.publication, await self.feed.aggregate(cell.key))
            if not _differences(earlier, summaries) and count_rows(self.client, earlier.id) == rows:
                self.published[cell.key] = earlier.id
                self.reused += 1
                return self.on_progress(rows)
            delete_calls(self.client, [earlier.id])
        return await self._evaluate(cell)

    async def _evaluate(self, cell: CellPlan) -> None:
        replay = self._replay(cell)
        CURRENT_CELL.set(replay)
        call_id = self.unfinished[cell.key] = generate_id()
        name = f"{cell.model} on {cell.evaluation} ({self.publication.run.run_id})"
        evaluation, model = self.objects.evaluations[cell.evaluation], self.objects.models[cell.model]
        with weave.attributes({ATTRIBUTES: self._attributes(cell)}):
            call = await _evaluate(evaluation, model, display_name=name, call_id=call_id)
        if call.exception or replay.missing:
            reason = call.exception or f"the journal holds no result for {replay.missing} of its rows"
            raise PublishError(f"{cell.key}: {reason}; its evaluation was withdrawn")
        self.published[cell.key] = self.unfinished.pop(cell.key)

    async def _read_back(self, cell: CellPlan) -> None:
        """Compare the stored call with the engine's aggregate; a store may need a moment to show it."""
        summaries = cell_summaries(self.publication, await self.feed.aggregate(cell.key))
        problem = self._problem(cell, summaries)
        for _ in range(READ_TRIES):
            if problem is None:
                return self.on_progress(0)
            await asyncio.sleep(READ_WAIT_S)
            problem = self._problem(cell, summaries)
        raise PublishError(f"{cell.key}: read back from Weave, {problem}")

    def _problem(self, cell: CellPlan, summaries: Mapping[str, Json]) -> str | None:
        call_id, expected = self.published[cell.key], self.objects.rows[cell.evaluation]
        found = read_call(self.client, call_id)
        if found is None or found.output is None:
            return "its evaluate call is not there"
        if different := _differences(found, summaries):
            return f"the summary of {', '.join(different)} is not the run's"
        rows = count_rows(self.client, call_id)
        return None if rows == expected else f"{rows} of {expected} rows are there"

    def _fits(self, call: EvaluateCall, cell: CellPlan) -> bool:
        refs = (self.objects.refs[cell.evaluation], self.objects.model_refs[cell.model])
        is_same = (call.evaluation_ref, call.model_ref, call.rows_format) == (*refs, ROWS_FORMAT)
        return is_same and call.output is not None

    def _replay(self, cell: CellPlan) -> CellReplay:
        run, feed = self.publication.run, self.feed
        traces = "none" if run.parent_run is not None else str(run.plan["weave"].get("traces", "all"))
        first_own_trial = self.publication.first_own_trial(cell)

        def trace(stored: StoredResult) -> None:
            if stored.result.trial >= first_own_trial and is_traced(traces, stored):
                record_call(self.client, cell.model_id, stored)

        return CellReplay(
            fetch=lambda sample_id, trial: feed.row(cell.key, sample_id, trial),
            aggregate=lambda: feed.aggregate(cell.key),
            summarize=lambda result: cell_summaries(self.publication, result),
            scorers={published: name for name, published in self.publication.names.scorers.items()},
            trace=trace,
            on_row=lambda: self.on_progress(1),
            digests=self.objects.digests[cell.evaluation],
        )

    def _attributes(self, cell: CellPlan) -> dict[str, Json]:
        run = self.publication.run
        commit = (run.git or {}).get("commit")
        label = {"run_id": run.run_id, "name": run.name, "cell": cell.key, "rows": ROWS_FORMAT}
        return {**label, "plan_digest": run.plan_digest, "git_commit": commit}


async def _evaluate(evaluation: JournaledEvaluation, model: JournaledModel, *, display_name: str, call_id: str) -> Call:
    label = {"display_name": display_name, "call_id": call_id}
    _, call = await evaluation.evaluate.call(evaluation, model, __weave=label)  # pyright: ignore[reportUnknownMemberType]  the SDK's own types are partial
    return call


def _differences(call: EvaluateCall, summaries: Mapping[str, Json]) -> list[str]:
    output = call.output or {}
    return [name for name, summary in summaries.items() if output.get(name) != summary]
