"""The only conductor: a plan through providers, engine and files, to a run folder."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from evalkit.anchors import AnchorCheck, check_anchors, distrusted
from evalkit.budget import Budget
from evalkit.cache import SharedCache, cache_path
from evalkit.engine import Engine, Lane, Progress
from evalkit.errors import ExitCode, most_pressing
from evalkit.finish import describe_calls, describe_throttle, finish_run, open_tallies
from evalkit.folders import lock_folder
from evalkit.garbage import rare_collections
from evalkit.gate_run import RunGate
from evalkit.halts import Halts
from evalkit.image_store import ImageStore
from evalkit.interrupts import Interrupts, catch_interrupts
from evalkit.journal import Journal, settle_journal
from evalkit.judge_results import describe_judges
from evalkit.judge_tally import JudgeTally
from evalkit.judging import Judgement, judge_run
from evalkit.lanes import OFFLINE_LANE, Opened, Session, offline_lanes, open_lanes
from evalkit.pages import PageMaker
from evalkit.plan import Plan
from evalkit.prices import check_budget, price_plan
from evalkit.publishing import Publisher
from evalkit.records import Json
from evalkit.reference_rows import score_references
from evalkit.results import RunResult
from evalkit.run_start import WeaveTarget, begin_run
from evalkit.scoring import BoundScorer, aclose_scorers
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder, encode_cell
from evalkit.tokens import TokenEstimator

__all__ = ["RunEnd", "Watch", "WeaveTarget", "run_plan"]

Watch = Callable[[Progress, Mapping[str, Lane], Budget], AbstractAsyncContextManager[None]]
"""Opens a display over a running engine."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: its result, the exit code it deserves and what to tell the user."""

    folder: RunFolder
    run: RunResult
    exit_code: ExitCode
    messages: tuple[str, ...]


async def run_plan(
    plan: Plan,
    folder: RunFolder,
    *,
    weave: WeaveTarget,
    watch: Watch | None = None,
    offline: bool = False,
    ask_judges: bool = False,
    parent_run: str | None = None,
    gate: RunGate | None = None,
) -> RunEnd:
    """Answer, score, aggregate, report and publish a plan into `folder`, continuing what is already there.

    `offline` makes no call: what the folder's journal does not answer is not run (merged shards end here). With
    `ask_judges` beside it the judges are asked about the answers of the journal, and nobody else.
    `parent_run` is the run whose answers are scored again, `gate` what the run is held to once it is stored.
    A folder may begin with a journal alone: the answers that are taken over from another run.

    Raises:
        AccessError: a key or project is missing; nothing was sent.
        ConfigError: there is a budget in USD, and a model without a price; nothing was sent.
        ProviderError: a provider cannot be started.
        StoreError: the folder is being written by another process, or the disk refuses.
    """
    asks = _Asks(candidates=not offline, judges=ask_judges or not offline)
    if asks.anybody:
        check_budget(plan)
    with lock_folder(folder), catch_interrupts() as interrupts:
        has_answers = folder.journal.is_file()
        run, continued = begin_run(plan, folder, weave, parent_run)
        conductor = _Conductor(plan, folder, run, interrupts, continued=continued or offline or has_answers)
        return await conductor.conduct(watch, asks=asks, gate=gate)


@dataclass(frozen=True, slots=True)
class _Asks:
    """Who may be asked; the rest answers from the journal."""

    candidates: bool
    judges: bool

    @property
    def anybody(self) -> bool:
        return self.candidates or self.judges


class _Conductor:
    """One run from its first call to its last file."""

    def __init__(
        self, plan: Plan, folder: RunFolder, run: RunResult, interrupts: Interrupts, *, continued: bool
    ) -> None:
        self.plan, self.folder, self.run, self.continued = plan, folder, run, continued
        self.interrupts = interrupts
        self.stop = Stop()
        self.halts = Halts()
        self.prices = price_plan(plan)
        self.tallies = open_tallies(plan, self.prices)
        self.judge_tallies = {judge.key: JudgeTally() for judge in plan.judges}
        self.checks: dict[str, AnchorCheck] = {}

    async def conduct(self, watch: Watch | None, *, asks: _Asks, gate: RunGate | None) -> RunEnd:
        """Run the engine while the publisher follows, then make every file."""
        with Journal(self.folder.journal) as journal:
            journal.forget_results()
            for name, dataset in self.plan.datasets.items():
                journal.put_samples(name, dataset.samples)
                await asyncio.to_thread(ImageStore(self.folder.images).keep, dataset.samples, dataset.images)
            publisher = await self._start_publisher()
            pages = await PageMaker.start(self.folder, self.plan.config.report)
            try:
                counted = await self._answer(journal, watch, asks)
            except BaseException:
                pages.stop()
                if publisher is not None:
                    await publisher.finish(complete=False)
                raise
            run, messages = self._finished(dataclasses.replace(self.run, **counted))
            run = dataclasses.replace(run, references=await score_references(self.plan))
            for cell in run.cells if run.status == "complete" else ():
                journal.put_cell(cell.key, encode_cell(cell))
        self.folder.save(run)
        judged = Judgement(run) if gate is None else await asyncio.to_thread(judge_run, gate, self.folder, run)
        run, messages = judged.run, (*messages, *judged.messages)
        finishing = asyncio.create_task(self._finish(run, publisher, pages))
        try:
            with self.interrupts.heed(finishing.cancel):
                run, broken = await finishing
        except asyncio.CancelledError:
            pages.stop()
            if publisher is not None:
                await publisher.stop()
            later = "interrupted while publishing and reporting; every answer is saved; run the same command again"
            return RunEnd(self.folder, run, most_pressing(ExitCode.INTERRUPTED, judged.exit_code), (*messages, later))
        bug = ExitCode.DONE if broken is None else ExitCode.BUG
        exit_code = most_pressing(bug, _exit_code(run, self.stop, self.halts), judged.exit_code)
        return RunEnd(self.folder, run, exit_code, (*messages, *(() if broken is None else (broken,))))

    def _finished(self, run: RunResult) -> tuple[RunResult, tuple[str, ...]]:
        """Return the run with its numbers, and what is missing of it."""
        run, messages = finish_run(self.plan, run, self.tallies, stop=self.stop, halts=self.halts, checks=self.checks)
        judges = describe_judges(self.plan, run.cells, self.judge_tallies, self.checks, prices=self.prices)
        told = (f"{why}: no gate rule is decided by scorer {name}" for name, why in distrusted(judges).items())
        return dataclasses.replace(run, judges=judges), (*messages, *told)

    async def _finish(
        self, run: RunResult, publisher: Publisher | None, pages: PageMaker
    ) -> tuple[RunResult, str | None]:
        """Make the pages while the publisher ends; only a complete run is published."""
        making = asyncio.create_task(pages.make())
        try:
            if publisher is not None:
                block = await publisher.finish(complete=run.status == "complete")
                run = dataclasses.replace(run, weave=block if run.status == "complete" else None)
                self.folder.replace_weave(run.weave)
            broken = await making
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        settle_journal(self.folder.journal)
        return run, broken

    async def _start_publisher(self) -> Publisher | None:
        if self.run.plan["weave"]["backend"] == "off" or self.plan.part is not None:
            return None
        return await Publisher.start(self.folder)

    async def _answer(self, journal: Journal, watch: Watch | None, asks: _Asks) -> dict[str, Json]:
        async with AsyncExitStack() as opened:
            budget = self._open_budget(opened)
            cache = self._open_cache(opened) if asks.anybody else None
            lanes, graders = await self._open_lanes(journal, budget, cache, asks, opened)
            opened.push_async_callback(aclose_scorers, tuple(self.plan.scorers.values()))
            engine = self._engine(journal, lanes)
            if watch is not None:
                await opened.enter_async_context(watch(engine.progress, lanes, budget))
            budget.start()
            work = asyncio.create_task(self._work(engine, graders))
            with rare_collections(), self.interrupts.heed(lambda: self._interrupt(work)):
                try:
                    await work
                except asyncio.CancelledError:
                    engine.give_up()
            journal.flush()
            counted = self._count(engine.progress, lanes if asks.anybody else {})
            if cache is not None:
                cache.close()
                counted["calls"]["cache_problem"] = cache.problem
            return counted

    async def _open_lanes(
        self, journal: Journal, budget: Budget, cache: SharedCache | None, asks: _Asks, opened: AsyncExitStack
    ) -> Opened:
        if not asks.anybody:
            return offline_lanes(self.plan, journal, self.judge_tallies)
        session = Session(
            self.plan,
            self.folder,
            journal,
            budget,
            self.stop,
            self.halts,
            cache,
            asks_candidates=asks.candidates,
            tallies=self.judge_tallies,
        )
        return await open_lanes(session, opened)

    async def _work(self, engine: Engine, graders: Mapping[str, BoundScorer]) -> None:
        """Run the engine, and the judges over their anchors beside it."""
        if not self.plan.held_judges:
            await engine.run()
            return
        checking = asyncio.create_task(
            check_anchors(self.plan.held_judges, graders, confidence=self.plan.config.stats.confidence)
        )
        try:
            await engine.run()
            self.checks = await checking
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    def _open_cache(self, opened: AsyncExitStack) -> SharedCache | None:
        """Return the cache beside the `reports/` that holds the run, unless every answer is to be this run's own."""
        if self.plan.config.run.cache == "run":
            return None
        above = self.folder.path.resolve().parents
        path = cache_path(os.environ, above[min(2, len(above) - 1)])
        return opened.enter_context(SharedCache(path, run_id=self.run.run_id))

    def _open_budget(self, opened: AsyncExitStack) -> Budget:
        """Return the run's budget with what its earlier tries, but not the run it scores again, have spent."""
        limits, price_of = self.plan.config.run, self.prices.of_call
        budget = Budget(limits, price_of=price_of, stop=self.stop, estimator=TokenEstimator())
        if self.run.parent_run is None:
            with self.folder.reader() as reader:
                budget.restore(reader.accounts())
        opened.callback(budget.close)
        return budget

    def _interrupt(self, work: asyncio.Task[None]) -> None:
        """Ask the run to stop; asked again, give up on what is in flight."""
        if self.stop.reason is StopReason.INTERRUPTED:
            work.cancel()
        self.stop.request(StopReason.INTERRUPTED, "interrupted; what was answered is saved")

    def _count(self, progress: Progress, lanes: Mapping[str, Lane]) -> dict[str, Json]:
        """Return the run's calls and throttle; a try that asked nothing learned nothing of the endpoint's limit."""
        calls = describe_calls(self.folder, progress, lanes, prices=self.prices, continued=self.continued)
        calls["peak_in_flight"] = max(calls["peak_in_flight"], self.run.calls.get("peak_in_flight", 0))
        lanes = {name: lane for name, lane in lanes.items() if name != OFFLINE_LANE}
        has_asked = any(lane.throttle.peak_in_flight for lane in lanes.values())
        return {"calls": calls, "throttle": describe_throttle(lanes) if has_asked else self.run.throttle}

    def _engine(self, journal: Journal, lanes: Mapping[str, Lane]) -> Engine:
        return Engine(
            self.plan,
            lanes,
            journal,
            stop=self.stop,
            halts=self.halts,
            continued=self.continued,
            on_result=lambda cell, position, result: self.tallies[cell.key].add(position, result),
        )


def _exit_code(run: RunResult, stop: Stop, halts: Halts) -> ExitCode:
    if stop.reason is StopReason.ACCESS or any(halt.is_access for halt in halts.cells.values()):
        return ExitCode.ACCESS
    if run.status == "interrupted":
        return ExitCode.INTERRUPTED
    if run.status == "incomplete":
        return ExitCode.INCOMPLETE
    failed = run.weave is not None and run.weave.get("error") is not None
    return ExitCode.PUBLISH_FAILED if failed else ExitCode.DONE
