"""A run held to its rules: refused before its first call where they cannot be, judged from its files after the last."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.anchors import distrusted
from evalkit.baseline_source import Fetch, HeldTo, find_baseline
from evalkit.config.gates import GateSpec
from evalkit.errors import ConfigError
from evalkit.gate import judge_gate
from evalkit.gate_plan import plan_checks
from evalkit.gate_result import GateResult
from evalkit.plan import Cell, Plan
from evalkit.records import Json
from evalkit.results import CellResult, RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, measure_of, read_items

__all__ = ["RunGate", "gate_stored_run", "open_gate", "resolve_baseline"]


@dataclass(frozen=True, eq=False)
class RunGate:
    """The rules of a run that is about to be made, and what they hold it to."""

    rules: GateSpec
    held_to: HeldTo | None

    def judge(self, folder: RunFolder, run: RunResult) -> GateResult:
        """Return the verdict on the run once it is stored."""
        return gate_stored_run(folder, run, self.rules, self.held_to)


def open_gate(
    plan: Plan, baseline: str | None, *, reports: Path, before: RunFolder | None, fetch: Fetch | None = None
) -> RunGate:
    """Return the gate of a planned run, with its baseline; `before` is the run's folder where it has one already.

    `fetch` reads a baseline from Weave.

    Raises:
        ConfigError: there are no rules, or they cannot be held against this plan and baseline; nothing was sent.
    """
    rules = plan.config.gate
    if rules is None:
        raise ConfigError("--gate needs rules; write a gate section with rules into the config")
    if plan.part is not None:
        raise ConfigError("a shard is no run to judge; join the shards with `evalkit merge`, then `evalkit gate`")
    name = plan.config.name
    held_to = resolve_baseline(
        rules, baseline, reports=reports, name=name, before=before, base_dir=plan.base_dir, fetch=fetch
    )
    plan_checks(rules, _planned_items(plan), None if held_to is None else held_to.items)
    return RunGate(rules, held_to)


def gate_stored_run(folder: RunFolder, run: RunResult, gate: GateSpec, held_to: HeldTo | None) -> GateResult:
    """Return the verdict on a stored run.

    Raises:
        ConfigError: a rule cannot be held against it.
        StoreError: its journal cannot be read.
    """
    costs = _costs(folder, run) if any(rule.metric == "cost_per_sample_usd" for rule in gate.rules) else {}
    return judge_gate(
        gate,
        run.cells,
        read_items(folder, run, known=None if held_to is None else held_to.known),
        None if held_to is None else held_to.items,
        about_baseline=None if held_to is None else held_to.about,
        costs=costs,
        distrusted=distrusted(run.judges),
    )


def _planned_items(plan: Plan) -> list[MetricItems]:
    """Return the metrics that a plan will have, none of them scored."""
    scorers = plan.describe()["scorers"]
    return [item for cell in plan.cells for item in _cell_items(plan, cell, scorers)]


def _cell_items(plan: Plan, cell: Cell, scorers: Mapping[str, Json]) -> Iterator[MetricItems]:
    samples, evaluation = cell.dataset.samples, cell.evaluation
    nothing = array("d", [math.nan]) * len(samples)
    slices: dict[str, dict[str, list[int]]] = {}
    for place, sample in enumerate(samples):
        for key, value in sample.slices.items():
            slices.setdefault(key, {}).setdefault(value, []).append(place)
    ids, digests = tuple([sample.id for sample in samples]), tuple([sample.digest for sample in samples])
    for scorer in cell.bound_scorers:
        yield MetricItems(
            evaluation=evaluation.name,
            model=cell.model.label,
            scorer=scorer.name,
            kind=scorer.kind,
            higher_is_better=scorer.higher_is_better,
            confidence=plan.config.stats.confidence,
            ids=ids,
            digests=digests,
            values=nothing,
            worst=nothing,
            best=nothing,
            trials=evaluation.trials,
            repeats=evaluation.trials,
            predictions=b"",
            scorings=b"",
            slices=slices,
            measure=measure_of(
                scorers[scorer.name],
                cell.measure,
                reasoning=cell.model.reasoning.model_dump(mode="json"),
                on_error=evaluation.on_error.model_dump(),
            ),
            treatment=cell.treatment,
        )


def _costs(folder: RunFolder, run: RunResult) -> dict[str, list[float]]:
    """Return what each sample's answers cost, all its trials together, by cell; NaN where that is not known."""
    with folder.reader() as reader:
        return {cell.key: _cell_costs(cell, reader.token_columns(cell.key)) for cell in run.cells}


def _cell_costs(cell: CellResult, tokens: Sequence[tuple[int, int | None, int | None]]) -> list[float]:
    price: Mapping[str, float] | None = cell.price
    if price is None:
        return [math.nan] * cell.samples
    found: dict[int, float] = {}
    for position, prompt, completion in tokens:
        cost = math.nan
        if prompt is not None and completion is not None:
            cost = (prompt * price["input"] + completion * price["output"]) / 1e6
        found[position] = found.get(position, 0.0) + cost
    return list(found.values())


def resolve_baseline(
    gate: GateSpec,
    reference: str | None,
    *,
    reports: Path,
    name: str,
    before: RunFolder | None,
    base_dir: Path,
    fetch: Fetch | None = None,
) -> HeldTo | None:
    """Return what `reference`, or else the gate's own baseline, means; None where neither is given.

    A reference is relative to the current folder, the gate's own to `base_dir`. `fetch` reads a baseline from Weave.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    if reference is not None:
        base_dir = Path()
    elif gate.baseline is None or all(rule.max_drop is None for rule in gate.rules):
        return None
    found = reference or gate.baseline or ""
    return find_baseline(found, reports=reports, name=name, before=before, base_dir=base_dir, fetch=fetch)
