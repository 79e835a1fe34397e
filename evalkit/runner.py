"""The only conductor: a plan through providers, engine and files, to a run folder."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalkit.aggregate import CellTally
from evalkit.engine import Engine, Lane, Progress
from evalkit.environment import describe_git, describe_machine, describe_versions
from evalkit.errors import ExitCode
from evalkit.finish import finish_run, summarize_calls
from evalkit.folders import lock_folder
from evalkit.interrupts import heed_interrupts
from evalkit.journal import Journal
from evalkit.lanes import open_lanes
from evalkit.plan import Cell, Plan
from evalkit.publishing import Publisher
from evalkit.records import Json, RunResult, SampleResult
from evalkit.scoring import aclose_scorers
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder, encode_cell

__all__ = ["RunEnd", "WeaveTarget", "Watch", "run_plan"]

Watch = Callable[[Progress, Mapping[str, Lane]], AbstractAsyncContextManager[None]]
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


async def run_plan(plan: Plan, folder: RunFolder, *, weave: WeaveTarget, watch: Watch | None = None) -> RunEnd:
    """Answer, score, aggregate, report and publish a plan into `folder`, continuing what is already there.

    Raises:
        AccessError: a key or project is missing; nothing was sent.
        ProviderError: a provider cannot be started.
        StoreError: the folder is being written by another process, or the disk refuses.
    """
    with lock_folder(folder):
        run, continued = _begin(plan, folder, weave)
        return await _Conductor(plan, folder, run, continued=continued).conduct(watch)


def _begin(plan: Plan, folder: RunFolder, weave: WeaveTarget) -> tuple[RunResult, bool]:
    """Write run.json as it is before the first call; keep the start of an earlier try."""
    continued = folder.run_json.is_file()
    started_at = folder.load().started_at if continued else datetime.now(UTC).isoformat(timespec="milliseconds")
    config = plan.config
    target = {**dataclasses.asdict(weave), "traces": config.weave.traces, "verify": config.weave.verify}
    run = RunResult(
        run_id=folder.path.name,
        name=config.name,
        status="incomplete",
        started_at=started_at,
        ended_at=None,
        plan_digest=plan.digest,
        profile=plan.profile,
        primary=plan.primary,
        versions=describe_versions(),
        git=describe_git(plan.base_dir),
        environment=describe_machine(),
        seed=config.run.seed,
        datasets={name: {"rows": len(d.samples), "digest": d.digest} for name, d in plan.datasets.items()},
        cells=(),
        config=config.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        plan={**plan.describe(), "weave": target},
    )
    folder.save(run)
    return run, continued


class _Conductor:
    """One run from its first call to its last file."""

    def __init__(self, plan: Plan, folder: RunFolder, run: RunResult, *, continued: bool) -> None:
        self.plan, self.folder, self.run, self.continued = plan, folder, run, continued
        self.stop = Stop()
        self.tallies = {cell.key: _tally(plan, cell) for cell in plan.cells}

    async def conduct(self, watch: Watch | None) -> RunEnd:
        """Run the engine, then make every file; publication goes on beside both."""
        publisher = await self._start_publisher()
        try:
            with Journal(self.folder.journal) as journal:
                journal.forget_cells()
                for name, dataset in self.plan.datasets.items():
                    journal.put_samples(name, dataset.samples)
                calls, throttle = await self._answer(journal, watch)
        except BaseException:
            if publisher is not None:
                await publisher.finish(complete=False)
            raise
        run, messages = finish_run(self.plan, self.run, self.tallies, self.stop, calls=calls, throttle=throttle)
        self.folder.save(run)
        written = asyncio.create_task(asyncio.to_thread(self._write_files))
        weave: Mapping[str, Json] | None = None
        if publisher is not None:
            weave = await publisher.finish(complete=run.status == "complete")
            self.folder.replace_weave(weave)
            run = dataclasses.replace(run, weave=weave)
        await written
        return RunEnd(self.folder, run, _exit_code(run, self.stop), messages)

    async def _start_publisher(self) -> Publisher | None:
        if self.run.plan["weave"]["backend"] == "off" or self.plan.part is not None:
            return None
        return await Publisher.start(self.folder)

    async def _answer(self, journal: Journal, watch: Watch | None) -> tuple[dict[str, Json], dict[str, Json]]:
        async with AsyncExitStack() as opened:
            lanes = await open_lanes(self.plan, journal, self.stop, log_dir=self.folder.path, opened=opened)
            opened.push_async_callback(aclose_scorers, tuple(self.plan.scorers.values()))
            engine = Engine(
                self.plan,
                lanes,
                journal,
                stop=self.stop,
                continued=self.continued,
                on_result=self._tally,
                on_cell_end=lambda cell: journal.put_cell(cell.key, encode_cell(self.tallies[cell.key].finish())),
            )
            if watch is not None:
                await opened.enter_async_context(watch(engine.progress, lanes))
            work = asyncio.create_task(engine.run())
            with heed_interrupts(self.stop, work), contextlib.suppress(asyncio.CancelledError):
                await work
            journal.flush()
            return summarize_calls(self.folder, engine.progress, lanes)

    def _tally(self, cell: Cell, position: int, result: SampleResult) -> None:
        self.tallies[cell.key].add(position, result)

    def _write_files(self) -> None:
        from evalkit.report.build import write_report
        from evalkit.samples_table import write_samples

        if self.plan.config.report.parquet:
            write_samples(self.folder)
        write_report(self.folder, self.plan.config.report)


def _exit_code(run: RunResult, stop: Stop) -> ExitCode:
    if stop.reason is StopReason.ACCESS:
        return ExitCode.ACCESS
    if run.status == "interrupted":
        return ExitCode.INTERRUPTED
    if run.status == "incomplete":
        return ExitCode.INCOMPLETE
    failed = run.weave is not None and run.weave.get("error") is not None
    return ExitCode.PUBLISH_FAILED if failed else ExitCode.DONE
