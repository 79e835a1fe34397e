"""What is on disk already that a plan may build on: an unfinished run, the shared cache, earlier runs, the baseline."""

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.baseline_source import HeldTo
from evalkit.cache import cache_path, read_answer
from evalkit.cache_schema import read_cache
from evalkit.cli.weave_baseline import weave_baselines
from evalkit.errors import ConfigError, StoreError
from evalkit.folders import find_unfinished, run_folders
from evalkit.forecast import IsKnown
from evalkit.forecast_spread import StoredItems
from evalkit.forecast_time import Spent
from evalkit.gate_run import resolve_baseline
from evalkit.plan import Cell, Plan
from evalkit.prices import Prices
from evalkit.records import CallKey
from evalkit.results import RunResult
from evalkit.spending import total_spending
from evalkit.store import RunFolder
from evalkit.stored_items import read_items

__all__ = ["Unfinished", "find_held_to", "known_calls", "read_latencies", "read_stored", "read_unfinished"]

_ASK_AGAIN = ("infra_error", "not_run")
_FIND = "SELECT prediction FROM answers WHERE request = ? AND sample_id = ? AND trial = ? AND slot = ?"
_NEWEST = 2


@dataclass(frozen=True, eq=False)
class Unfinished:
    """The run that `evalkit run` would go on with: the calls it has answered, by cell, and what it has spent."""

    folder: RunFolder
    answered: Mapping[str, frozenset[int]] = field(repr=False)
    spent: Spent
    judge_calls: Mapping[str, int] = field(default_factory=dict[str, int])


def read_unfinished(plan: Plan, reports: Path, prices: Prices) -> Unfinished | None:
    """Return what the newest unfinished run of this plan has done; None where a run would start anew."""
    folder = find_unfinished(reports, plan.config.name, plan.digest, plan.part)
    if folder is None:
        return None
    with folder.reader() as reader:
        answered: dict[str, frozenset[int]] = {}
        for cell in plan.cells:
            scorer = cell.evaluation.scorers[0]
            answered[cell.key] = frozenset(
                row
                for stored in reader.result_columns(cell.key, (scorer,), trials=cell.evaluation.trials)
                for row, text in zip(stored.rows, stored.scorings[scorer], strict=True)
                if not text.startswith(_ASK_AGAIN)
            )
        accounts, judge_calls = reader.accounts(), reader.judge_calls()
    spending = total_spending(accounts, prices.of_call)
    spent = Spent(spending.requests, spending.tokens, spending.guessed_cost_usd)
    return Unfinished(folder, answered, spent, judge_calls)


@contextlib.contextmanager
def known_calls(plan: Plan, reports: Path, unfinished: Unfinished | None) -> Generator[IsKnown | None]:
    """Hold open what answers calls for nothing: the unfinished run's journal, and the shared cache if it is used.

    None where there is neither.
    """
    with contextlib.ExitStack() as opened:
        cache: sqlite3.Connection | None = None
        path = cache_path(os.environ, reports.resolve().parent)
        if plan.config.run.cache == "shared" and path.exists():
            with contextlib.suppress(sqlite3.Error, StoreError):
                cache = opened.enter_context(contextlib.closing(read_cache(path)))

        def is_known(cell: Cell, key: CallKey, position: int) -> str | None:
            if unfinished is not None:
                row = position * cell.evaluation.trials + key.trial
                if row in unfinished.answered[cell.key]:
                    return "journal"
            return "cache" if cache is not None and _is_cached(cache, key) else None

        yield None if unfinished is None and cache is None else is_known


def read_latencies(plan: Plan, reports: Path) -> tuple[dict[tuple[str, str], float], str | None]:
    """Return how long a call lasted in the newest run of this name, by evaluation and model, and which run it was."""
    for folder, run in _runs(plan, reports):
        seen = {(cell.evaluation, cell.model): cell.latency_s.get("mean") for cell in run.cells}
        seen |= {("", judge["model"]): judge["latency_s"].get("mean") for judge in run.judges}
        if known := {name: seconds for name, seconds in seen.items() if seconds is not None}:
            return known, folder.path.name
    return {}, None


def find_held_to(plan: Plan, reports: Path, baseline: str | None) -> tuple[HeldTo | None, str | None]:
    """Return the gate's baseline, and why it could not be read. `baseline` stands for the gate's own.

    Raises:
        ConfigError: `baseline` is given and cannot be used.
    """
    gate, name = plan.config.gate, plan.config.name
    if gate is None:
        return None, None
    fetch = weave_baselines(plan.config.weave, name=name, reports=reports, env=os.environ)
    try:
        held_to = resolve_baseline(
            gate, baseline, reports=reports, name=name, before=None, base_dir=plan.base_dir, fetch=fetch
        )
    except (ConfigError, StoreError) as error:
        if baseline is not None:
            raise
        return None, str(error)
    return held_to, None


def read_stored(plan: Plan, reports: Path, held_to: HeldTo | None) -> list[StoredItems]:
    """Return the gate's baseline, where there is one, and the newest complete runs beside it."""
    found = [] if held_to is None else [StoredItems("the baseline", held_to.items)]
    baseline_id = None if held_to is None else held_to.about.get("run_id")
    complete = ((folder, run) for folder, run in _runs(plan, reports) if run.status == "complete")
    others = itertools.islice(((folder, run) for folder, run in complete if run.run_id != baseline_id), _NEWEST)
    return [*found, *(StoredItems(f"run {folder.path.name}", read_items(folder, run)) for folder, run in others)]


def _runs(plan: Plan, reports: Path) -> Iterator[tuple[RunFolder, RunResult]]:
    for folder in run_folders(reports, plan.config.name):
        run = folder.load()
        if run.cells and not run.plan.get("shard"):
            yield folder, run


def _is_cached(db: sqlite3.Connection, key: CallKey) -> bool:
    try:
        row: Sequence[str] | None = db.execute(_FIND, (key.request, key.sample_id, key.trial, key.slot)).fetchone()
    except sqlite3.Error:
        return False
    return row is not None and read_answer(row[0]) is not None
