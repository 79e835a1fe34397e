"""One night: run it or go on with it, hold it against the nights before, write the morning report, tell who asked."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from evalkit.budget import Budget
from evalkit.engine import Lane, Progress
from evalkit.errors import ExitCode, most_pressing
from evalkit.folders import has_ended
from evalkit.gate_run import RunGate
from evalkit.history import History
from evalkit.judging import judge_run
from evalkit.night_folder import keep_rejudged, rejudged_of
from evalkit.night_result import NightResult, NightState
from evalkit.nightly_reading import NightReader, Rejudge
from evalkit.nightly_start import begin_night
from evalkit.past_runs import PastRun
from evalkit.plan import Plan
from evalkit.quarantine import Quarantine, read_quarantine
from evalkit.rejudging import Rejudging
from evalkit.results import RunResult
from evalkit.run_start import WeaveTarget
from evalkit.runner import RunEnd, Watch, run_plan
from evalkit.store import RunFolder

__all__ = ["Night", "conduct_night", "could_not_run", "read_night_quarantine"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Night:
    """What a night is run with.

    `catalog` is what the endpoints' lists of models have shown that is worth telling, `unavailable` the models of the
    config that they lack, `notes` what there is to say beside. `config` is where the
    config lies. `hold` raises LockedError where the night has become another process's: it is asked before anything is
    published or registered.
    """

    plan: Plan
    night: str
    reports: Path
    history: History
    weave: WeaveTarget
    gate: RunGate | None
    hold: Callable[[], None]
    watch: Watch | None = None
    catalog: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    config: Path | None = None


def conduct_night(night: Night, *, anew: bool = False) -> tuple[NightResult, RunEnd]:
    """Run a night, or go on with what was begun of it, register it, and compare it with the nights before.

    A night that has ended already asks nothing again: it is read anew. One whose config was edited since takes over
    what it has answered. `anew` runs it once more all the same.

    Raises:
        LockedError: another process has taken the night over; nothing of it was published here.
        EvalkitError: the night could not run; what was answered is saved.
    """
    quarantine, began = read_night_quarantine(night.plan), time.monotonic()
    notes = list(night.notes)
    end = _run(night, notes.append, anew=anew)
    night.hold()
    code = most_pressing(end.exit_code, *((ExitCode.ACCESS,) if night.unavailable else ()))
    past = night.history.register(end.folder, end.run, kind="nightly", night=night.night, exit_code=int(code))
    rejudging = Rejudging(night.plan, end.folder, end.run, tell=notes.append, began=began)
    result = _read(night, end, past, quarantine, rejudging.rejudge)
    past = _keep_rejudged(night, end, past, rejudging)
    rejudged, cost_usd = rejudged_of(end.folder), past.cost_usd
    result = dataclasses.replace(result, exit_code=code, notes=tuple(notes), rejudged=rejudged, cost_usd=cost_usd)
    return result, dataclasses.replace(end, messages=(*end.messages, *rejudging.asked))


def could_not_run(name: str, night: str, why: str, code: ExitCode, catalog: tuple[str, ...] = ()) -> NightResult:
    """Return a night that was none: never green, and never a regression."""
    return NightResult(name=name, night=night, state=NightState.COULD_NOT_RUN, exit_code=code, why=why, catalog=catalog)


def read_night_quarantine(plan: Plan) -> Quarantine:
    """Return what a plan's nights leave out of their claims.

    Raises:
        ConfigError: the file that `nightly.quarantine` names is missing, or is none.
    """
    path = plan.config.nightly.quarantine
    return Quarantine() if path is None else read_quarantine(plan.base_dir / path)


def _run(night: Night, tell: Callable[[str], None], *, anew: bool) -> RunEnd:
    plan = night.plan
    folder, run = begin_night(plan, night.reports, night.night, config=night.config, anew=anew, tell=tell)
    if run is not None and has_ended(folder, run):
        return _ended(folder, run, night.gate)
    return asyncio.run(run_plan(plan, folder, weave=night.weave, watch=_holding(night), gate=night.gate))


def _keep_rejudged(night: Night, end: RunEnd, past: PastRun, rejudging: Rejudging) -> PastRun:
    """Make what was judged again part of what the night cost, in its folder and in history."""
    rejudged = rejudging.rejudged
    if rejudged is None or rejudged == rejudged_of(end.folder):
        return past
    night.hold()
    keep_rejudged(end.folder, rejudged)
    return night.history.register(end.folder, end.run, kind="nightly", night=night.night, exit_code=past.exit_code)


def _holding(night: Night) -> Watch:
    """Watch the engine, and when it has ended make sure that the night is still ours, before anything is published."""

    @asynccontextmanager
    async def watch(progress: Progress, lanes: Mapping[str, Lane], budget: Budget) -> AsyncGenerator[None]:
        async with AsyncExitStack() as opened:
            if night.watch is not None:
                await opened.enter_async_context(night.watch(progress, lanes, budget))
            yield
        night.hold()

    return watch


def _ended(folder: RunFolder, run: RunResult, gate: RunGate | None) -> RunEnd:
    """Return the end of a run that ended before, judged now where it was not."""
    failed = run.weave is not None and run.weave.get("error") is not None
    code, messages = (ExitCode.PUBLISH_FAILED if failed else ExitCode.DONE), ("this night has run already: it is read",)
    if gate is not None:
        judged = judge_run(gate, folder, run)
        run, code, messages = judged.run, most_pressing(code, judged.exit_code), (*messages, *judged.messages)
    return RunEnd(folder, run, code, messages)


def _read(night: Night, end: RunEnd, past: PastRun, quarantine: Quarantine, rejudge: Rejudge) -> NightResult:
    is_complete = end.run.status == "complete"
    held_to = None if night.gate is None else night.gate.held_to
    reader = NightReader(night.history, past, quarantine, held_to, rejudge, keep=night.plan.config.history.keep)
    metrics = reader.metrics() if is_complete else ()
    shifts = reader.shifts(night.plan.config.run.max_error_rate) if is_complete else ()
    return NightResult(
        name=past.name,
        night=night.night,
        state=NightState.RAN if is_complete else NightState.INCOMPLETE,
        exit_code=end.exit_code,
        why="" if is_complete else " ".join(end.messages),
        run=end.run,
        folder=str(end.folder.path),
        metrics=metrics,
        catalog=night.catalog,
        unavailable=night.unavailable,
        shifts=shifts,
    )
