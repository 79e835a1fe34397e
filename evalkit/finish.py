"""What the engine counted, as run.json holds it: cells, leaderboard, calls, and how the run ended."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime

from evalkit.aggregate import CellTally, TallySpec
from evalkit.engine import Lane, Progress
from evalkit.journal import ASK_AGAIN
from evalkit.leaderboard import build_leaderboard
from evalkit.plan import Cell, Plan
from evalkit.records import Json, PredictionOutcome
from evalkit.results import CellResult, RunResult
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder

__all__ = ["describe_calls", "describe_throttle", "finish_run", "open_tallies"]

_UNANSWERED = tuple(sorted(ASK_AGAIN))


def open_tallies(plan: Plan) -> dict[str, CellTally]:
    """Return an empty tally for each cell of the plan, by cell key.

    Raises:
        ConfigError: a reducer cannot work with an evaluation's trials or scorers.
    """
    return {cell.key: _tally(plan, cell) for cell in plan.cells}


def _tally(plan: Plan, cell: Cell) -> CellTally:
    evaluation, model = cell.evaluation, cell.model
    spec = TallySpec(
        model=model.label,
        model_id=model.id,
        provider=model.provider,
        evaluation=evaluation.name,
        kinds={scorer.name: scorer.kind for scorer in cell.bound_scorers},
        trials=evaluation.trials,
        reduce=evaluation.reduce if isinstance(evaluation.reduce, str) else {**evaluation.reduce},
        on_error=evaluation.on_error,
        confidence=plan.config.stats.confidence,
        price=model.price,
        shared_trials=plan.shared_trials(cell),
        measure=cell.measure,
        treatment=cell.treatment,
    )
    return CellTally(spec, cell.dataset.samples, positions=None if plan.part is None else plan.positions(cell))


def finish_run(
    plan: Plan, run: RunResult, tallies: Mapping[str, CellTally], stop: Stop
) -> tuple[RunResult, tuple[str, ...]]:
    """Return the run with its cells, leaderboard and status, and the sentences that say what is missing and why."""
    cells = tuple(tallies[cell.key].finish() for cell in plan.cells)
    board = build_leaderboard(
        cells,
        {key: tally.item_scores() for key, tally in tallies.items()},
        primary=plan.primary,
        confidence=plan.config.stats.confidence,
        higher_is_better=plan.scorers[plan.primary_scorer].higher_is_better,
    )
    status, messages = _status(plan, cells, stop)
    finished = dataclasses.replace(
        run,
        status=status,
        ended_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        cells=cells,
        leaderboard=board.rows,
        pairs=tuple(pair.describe() for pair in board.pairs),
        tie={**dataclasses.asdict(board.tie), "models": list(board.tie.models)},
    )
    return finished, messages


def describe_calls(
    folder: RunFolder, progress: Progress, lanes: Mapping[str, Lane], *, continued: bool
) -> dict[str, Json]:
    """Return how many predictions and requests the run took, over all its tries.

    `from_journal` were answered by an earlier try, `shared` by another evaluation's equal call; a continued run does
    not tell the two apart.
    """
    with folder.reader() as reader:
        by_status = reader.attempts_by_status()
    return {
        "requests": progress.done,
        "attempts": sum(by_status.values()),
        "from_journal": progress.from_journal if continued else 0,
        "shared": 0 if continued else progress.from_journal,
        "by_status": by_status,
        "peak_in_flight": max((lane.throttle.peak_in_flight for lane in lanes.values()), default=0),
    }


def describe_throttle(lanes: Mapping[str, Lane]) -> dict[str, Json]:
    """Return each provider's limit and where it settled; the one provider's own keys when there is only one."""
    described: dict[str, dict[str, Json]] = {
        name: {
            "max_concurrency": lane.throttle.max_concurrency,
            "settled": lane.throttle.limit,
            "refusals": lane.throttle.refusals,
        }
        for name, lane in lanes.items()
    }
    if len(described) == 1:
        return next(iter(described.values()))
    return {"providers": described}


def _status(plan: Plan, cells: tuple[CellResult, ...], stop: Stop) -> tuple[str, tuple[str, ...]]:
    again = "run the same command again to go on"
    missing = sum(cell.outcomes[PredictionOutcome.NOT_RUN] for cell in cells)
    failed = sum(cell.outcomes[outcome] for cell in cells for outcome in _UNANSWERED)
    if stop:
        status = "interrupted" if stop.reason is StopReason.INTERRUPTED else "incomplete"
        advice = f"mend that, then {again}" if stop.reason is StopReason.ACCESS else again
        return status, (f"stopped: {stop.message}; {failed} of {plan.calls} calls have no answer yet; {advice}",)
    if missing:
        return "incomplete", (f"{missing} of {plan.calls} calls not run; {again}",)
    allowed = plan.config.run.max_error_rate
    if failed > allowed * plan.calls:
        share = f"{failed} of {plan.calls} calls failed ({failed / plan.calls:.1%})"
        advice = f"run the same command to ask them again, or raise run.max_error_rate (it is {allowed:.1%})"
        return "incomplete", (f"{share}; {advice}",)
    return "complete", ()
