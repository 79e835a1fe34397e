"""The engine: every cell's samples x trials through the call stack, scored, journaled and tallied. Knows no Weave."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from evalkit.errors import EvalkitError
from evalkit.halts import Halts
from evalkit.journal import Journal
from evalkit.plan import Cell, Plan
from evalkit.protocols import Model
from evalkit.records import (
    NOT_ANSWERED,
    CallKey,
    Failure,
    FailureKind,
    Prediction,
    PredictionOutcome,
    Sample,
    SampleResult,
    Score,
    ScoreOutcome,
)
from evalkit.scoring import score_prediction
from evalkit.stop import Stop
from evalkit.throttle import Throttle

__all__ = ["CellProgress", "Engine", "Lane", "Progress"]

_WORKERS_PER_PERMIT = 2
"""Workers beyond the permits keep calls going while others score or back off."""

_JUDGED_AHEAD = 1000
"""Answers that may wait for their judges: slow ones do not hold up the candidates, and memory stays bounded."""


@dataclass(slots=True, eq=False)
class WorkItem:
    """One sample and trial of a cell."""

    cell: Cell
    position: int
    trial: int


class _Answered(NamedTuple):
    """What a candidate answered to a presented sample."""

    sample: Sample
    prediction: Prediction
    key: CallKey


@dataclass(slots=True)
class CellProgress:
    """How far a cell is."""

    expected: int
    done: int = 0
    failed: int = 0
    not_run: int = 0


@dataclass(slots=True)
class Progress:
    """What a display reads while the engine works."""

    cells: dict[str, CellProgress] = field(default_factory=dict[str, CellProgress])
    prompt_tokens: int = 0
    completion_tokens: int = 0
    from_journal: int = 0
    from_cache: int = 0
    oldest_cached: float | None = None

    @property
    def done(self) -> int:
        """Predictions that have ended, failed ones included."""
        return sum(cell.done for cell in self.cells.values())

    @property
    def expected(self) -> int:
        """Predictions planned."""
        return sum(cell.expected for cell in self.cells.values())


@dataclass(frozen=True, slots=True)
class Lane:
    """Cells that queue together: their call stack, and the throttle that all models of their endpoint share.

    A model with a `cap` of its own has a lane of its own, so that it does not hold up the others.
    """

    cells: tuple[Cell, ...]
    throttle: Throttle
    model: Model
    cap: Throttle | None = None

    @property
    def max_concurrency(self) -> int:
        """The most calls that this lane may ever have in flight."""
        shared = self.throttle.max_concurrency
        return shared if self.cap is None else min(shared, self.cap.max_concurrency)


class Engine:
    """Runs a plan's cells. Nothing here assumes to be the only worker of the plan."""

    def __init__(
        self,
        plan: Plan,
        lanes: Mapping[str, Lane],
        journal: Journal,
        *,
        stop: Stop,
        halts: Halts,
        continued: bool,
        on_result: Callable[[Cell, int, SampleResult], None],
    ) -> None:
        """Call `on_result` for every result with its sample's position.

        `continued` says that the journal holds answers of an earlier try: they are used even after a stop.
        """
        self.progress = Progress({cell.key: CellProgress(plan.expected(cell)) for cell in plan.cells})
        self._plan = plan
        self._lanes = lanes
        self._journal = journal
        self._stop = stop
        self._halts = halts
        self._continued = continued
        self._on_result = on_result
        self._left: list[Iterator[WorkItem]] = []
        self._judging: dict[WorkItem, None] = {}
        self._room = asyncio.Semaphore(_JUDGED_AHEAD)

    async def run(self) -> None:
        """Answer and score everything, or what was begun before the stop; the rest is recorded as not run.

        Raises:
            EvalkitError: the journal cannot be written, or a prompt cannot be rendered.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for lane in self._lanes.values():
                    items = self._items(lane)
                    self._left.append(items)
                    workers = min(lane.max_concurrency * _WORKERS_PER_PERMIT, self._plan.calls) if lane.cells else 0
                    for _ in range(workers):
                        group.create_task(self._work(items, lane, group))
        except* EvalkitError as errors:
            raise errors.exceptions[0] from None

    def _items(self, lane: Lane) -> Iterator[WorkItem]:
        cells = list(lane.cells)
        order = self._plan.config.run.order
        if order == "by_model":
            cells.sort(key=lambda cell: cell.model.label)
        sequences = [self._cell_items(cell) for cell in cells]
        if order == "interleave":
            return (item for turn in zip_longest(*sequences) for item in turn if item is not None)
        return (item for sequence in sequences for item in sequence)

    def _cell_items(self, cell: Cell) -> Iterator[WorkItem]:
        for trial in range(cell.evaluation.trials):
            for position in self._plan.positions(cell):
                yield WorkItem(cell, position, trial)

    async def _work(self, items: Iterator[WorkItem], lane: Lane, group: asyncio.TaskGroup) -> None:
        for item in items:
            skipped = self._stop and not self._continued
            try:
                answered = _not_run(item) if skipped else await self._answer(item, lane)
                if isinstance(answered, _Answered) and item.cell.is_judged:
                    await self._room.acquire()
                    self._judging[item] = None
                    group.create_task(self._judge(item, answered))
                    continue
                result = await self._score(item, answered) if isinstance(answered, _Answered) else answered
            except asyncio.CancelledError:
                self._record(item, _not_run(item))
                raise
            self._record(item, result)

    def give_up(self) -> None:
        """Record what a cancelled run has not begun, or not judged, as not run, so that no row is missing."""
        for items in (self._judging, *self._left):
            for item in items:
                self._record(item, _not_run(item))

    async def _judge(self, item: WorkItem, answered: _Answered) -> None:
        """Score an answer beside the queue: the worker that got it goes on asking."""
        try:
            result = await self._score(item, answered)
        finally:
            self._room.release()
        del self._judging[item]
        self._record(item, result)

    async def _answer(self, item: WorkItem, lane: Lane) -> _Answered | SampleResult:
        cell = item.cell
        sample = cell.present(cell.dataset.samples[item.position])
        request = cell.request(sample, item.trial)
        if (halt := self._halts.cells.get(cell.key)) is not None and self._journal.find(request.key) is None:
            return _not_run(item, halt.message)
        prediction = await lane.model.predict(request)
        self._halts.note(cell.key, prediction)
        return _Answered(sample, prediction, request.key)

    async def _score(self, item: WorkItem, answered: _Answered) -> SampleResult:
        cell, (sample, prediction, key) = item.cell, answered
        scores = await score_prediction(cell.bound_scorers, sample, prediction, cell.model.reasoning, item.trial)
        return SampleResult(cell.key, sample.id, item.trial, prediction, scores, key)

    def _record(self, item: WorkItem, result: SampleResult) -> None:
        self._journal.put_result(result, item.position)
        self._on_result(item.cell, item.position, result)
        cell, usage = self.progress.cells[item.cell.key], result.prediction.usage
        if result.prediction.outcome is PredictionOutcome.NOT_RUN:
            cell.not_run += 1
            return
        cell.done += 1
        cell.failed += result.prediction.outcome in NOT_ANSWERED
        self.progress.from_journal += result.prediction.from_journal
        if result.prediction.from_cache:
            answered_at, oldest = result.prediction.timing.started_at, self.progress.oldest_cached
            self.progress.from_cache += 1
            self.progress.oldest_cached = answered_at if oldest is None else min(oldest, answered_at)
        elif usage is not None and not result.prediction.from_journal:
            self.progress.prompt_tokens += usage.prompt_tokens or 0
            self.progress.completion_tokens += usage.completion_tokens or 0


def _not_run(item: WorkItem, why: str = "") -> SampleResult:
    cell, sample_id = item.cell, item.cell.dataset.samples[item.position].id
    scores = {name: Score(None, outcome=ScoreOutcome.NOT_RUN) for name in cell.evaluation.scorers}
    key = CallKey("", sample_id, item.trial)
    failure = Failure(FailureKind.NOT_RUN, why) if why else None
    prediction = Prediction(PredictionOutcome.NOT_RUN, failure=failure)
    return SampleResult(cell.key, sample_id, item.trial, prediction, scores, key)
