"""The only conductor: a plan through providers, engine and files, to a run folder."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from evalkit.budget import Budget
from evalkit.cache import SharedCache, cache_path
from evalkit.dataset import Dataset
from evalkit.engine import Engine, Lane, Progress
from evalkit.environment import describe_git, describe_machine, describe_versions
from evalkit.errors import ExitCode, most_pressing
from evalkit.finish import describe_calls, describe_throttle, finish_run, open_tallies
from evalkit.folders import lock_folder
from evalkit.garbage import rare_collections
from evalkit.gate_run import RunGate
from evalkit.halts import Halts
from evalkit.image_store import ImageStore
from evalkit.interrupts import Interrupts, catch_interrupts
from evalkit.journal import Journal, settle_journal
from evalkit.judging import Judgement, judge_run
from evalkit.lanes import Session, offline_lanes, open_lanes
from evalkit.pages import PageMaker
from evalkit.plan import Plan
from evalkit.prices import check_budget, price_plan
from evalkit.publishing import Publisher
from evalkit.records import Json
from evalkit.reference_rows import score_references
from evalkit.results import RunResult
from evalkit.scoring import aclose_scorers
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder, encode_cell
from evalkit.tokens import TokenEstimator

__all__ = ["RunEnd", "Watch", "WeaveTarget", "run_plan"]

Watch = Callable[[Progress, Mapping[str, Lane], Budget], AbstractAsyncContextManager[None]]
"""Opens a display over a running engine."""


@dataclass(frozen=True, slots=True)
class WeaveTarget:
    """Where a run is published: a backend of the config with `auto` resolved, and its project."""

    backend: str
    project: str


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
    parent_run: str | None = None,
    gate: RunGate | None = None,
) -> RunEnd:
    """Answer, score, aggregate, report and publish a plan into `folder`, continuing what is already there.

    `offline` makes no call: what the folder's journal does not answer is not run (merged shards end here).
    `parent_run` is the run whose answers are scored again, `gate` what the run is held to once it is stored.

    Raises:
        AccessError: a key or project is missing; nothing was sent.
        ConfigError: there is a budget in USD, and a model without a price; nothing was sent.
        ProviderError: a provider cannot be started.
        StoreError: the folder is being written by another process, or the disk refuses.
    """
    if not offline:
        check_budget(plan)
    with lock_folder(folder), catch_interrupts() as interrupts:
        run, continued = _begin(plan, folder, weave, parent_run)
        conductor = _Conductor(plan, folder, run, interrupts, continued=continued or offline)
        return await conductor.conduct(watch, offline=offline, gate=gate)


def _begin(plan: Plan, folder: RunFolder, weave: WeaveTarget, parent_run: str | None) -> tuple[RunResult, bool]:
    """Write run.json as it is before the first call; keep the start of an earlier try."""
    continued = folder.run_json.is_file()
    before = folder.load() if continued else None
    config = plan.config
    target = {**dataclasses.asdict(weave), "traces": config.weave.traces, "verify": config.weave.verify}
    run = RunResult(
        run_id=folder.path.name,
        name=config.name,
        status="incomplete",
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds") if before is None else before.started_at,
        ended_at=None,
        plan_digest=plan.digest,
        profile=plan.profile,
        parent_run=parent_run if before is None else before.parent_run,
        primary=plan.primary,
        versions=describe_versions(),
        git=describe_git(plan.base_dir),
        environment=describe_machine(),
        seed=config.run.seed,
        datasets={name: _describe_dataset(dataset) for name, dataset in plan.datasets.items()},
        cells=(),
        config=_without_headers(config.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
        plan={**plan.describe(), "weave": target},
        calls={} if before is None else before.calls,
        throttle={} if before is None else before.throttle,
    )
    folder.save(run)
    return run, continued


def _without_headers(config: dict[str, Json]) -> dict[str, Json]:
    """Return the config without the values of headers, which may be keys of a gateway."""
    for provider in config.get("providers", {}).values():
        if "headers" in provider:
            provider["headers"] = dict.fromkeys(provider["headers"], "[hidden]")
    return config


def _describe_dataset(dataset: Dataset) -> dict[str, Json]:
    pinned = {"provenance": dict(dataset.provenance)} if dataset.provenance else {}
    return {"rows": len(dataset.samples), "digest": dataset.digest, **pinned}


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

    async def conduct(self, watch: Watch | None, *, offline: bool, gate: RunGate | None) -> RunEnd:
        """Run the engine while the publisher follows, then make every file."""
        with Journal(self.folder.journal) as journal:
            journal.forget_results()
            for name, dataset in self.plan.datasets.items():
                journal.put_samples(name, dataset.samples)
                await asyncio.to_thread(ImageStore(self.folder.images).keep, dataset.samples, dataset.images)
            publisher = await self._start_publisher()
            pages = await PageMaker.start(self.folder, self.plan.config.report)
            try:
                counted = await self._answer(journal, watch, offline=offline)
            except BaseException:
                pages.stop()
                if publisher is not None:
                    await publisher.finish(complete=False)
                raise
            run, messages = finish_run(
                self.plan, dataclasses.replace(self.run, **counted), self.tallies, stop=self.stop, halts=self.halts
            )
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

    async def _answer(self, journal: Journal, watch: Watch | None, *, offline: bool) -> dict[str, Json]:
        async with AsyncExitStack() as opened:
            budget = self._open_budget(opened)
            cache = None if offline else self._open_cache(opened)
            if offline:
                lanes = offline_lanes(self.plan, journal)
            else:
                session = Session(self.plan, self.folder, journal, budget, self.stop, self.halts, cache)
                lanes = await open_lanes(session, opened)
            opened.push_async_callback(aclose_scorers, tuple(self.plan.scorers.values()))
            engine = self._engine(journal, lanes)
            if watch is not None:
                await opened.enter_async_context(watch(engine.progress, lanes, budget))
            budget.start()
            work = asyncio.create_task(engine.run())
            with rare_collections(), self.interrupts.heed(lambda: self._interrupt(work)):
                try:
                    await work
                except asyncio.CancelledError:
                    engine.give_up()
            journal.flush()
            counted = self._count(engine.progress, {} if offline else lanes)
            if cache is not None:
                cache.close()
                counted["calls"]["cache_problem"] = cache.problem
            return counted

    def _open_cache(self, opened: AsyncExitStack) -> SharedCache | None:
        """Return the cache beside the `reports/` that holds the run, unless every answer is to be this run's own."""
        if self.plan.config.run.cache == "run":
            return None
        above = self.folder.path.resolve().parents
        path = cache_path(os.environ, above[min(2, len(above) - 1)])
        return opened.enter_context(SharedCache(path, run_id=self.run.run_id))

    def _open_budget(self, opened: AsyncExitStack) -> Budget:
        """Return the run's budget with what its earlier tries have spent."""
        limits, price_of = self.plan.config.run, self.prices.of_call
        budget = Budget(limits, price_of=price_of, stop=self.stop, estimator=TokenEstimator())
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
