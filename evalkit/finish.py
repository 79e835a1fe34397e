"""What the engine counted, as run.json holds it: cells, leaderboard, calls, and how the run ended."""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from evalkit.aggregate import CellTally, TallySpec
from evalkit.anchors import AnchorCheck
from evalkit.engine import Lane, Progress
from evalkit.halts import Halts
from evalkit.journal import ASK_AGAIN
from evalkit.judge_results import JudgeGaps, find_judge_gaps
from evalkit.leaderboard import build_leaderboard
from evalkit.listed_models import TokenPrice
from evalkit.plan import Cell, Plan
from evalkit.prices import Prices
from evalkit.records import Json, PredictionOutcome, ScoreOutcome
from evalkit.results import CellResult, RunResult
from evalkit.sample_sets import find_sample_sets
from evalkit.spending import total_spending
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder
from evalkit.throttle import Throttle

__all__ = ["describe_calls", "describe_throttle", "finish_run", "open_tallies"]

_UNANSWERED = tuple(sorted(ASK_AGAIN))
_UNSCORED = (ScoreOutcome.SCORER_ERROR, ScoreOutcome.JUDGE_FAILED)


def open_tallies(plan: Plan, prices: Prices) -> dict[str, CellTally]:
    """Return an empty tally for each cell of the plan, by cell key.

    Raises:
        ConfigError: a reducer cannot work with an evaluation's trials or scorers.
    """
    return {cell.key: _tally(plan, cell, prices.of(cell.model)) for cell in plan.cells}


def _tally(plan: Plan, cell: Cell, price: TokenPrice | None) -> CellTally:
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
        price=price,
        price_source=None if price is None else price.source,
        shared_trials=plan.shared_trials(cell),
        measure=cell.measure,
        treatment=cell.treatment,
    )
    return CellTally(spec, cell.dataset.samples, positions=None if plan.part is None else plan.positions(cell))


def finish_run(
    plan: Plan,
    run: RunResult,
    tallies: Mapping[str, CellTally],
    *,
    stop: Stop,
    halts: Halts,
    checks: Mapping[str, AnchorCheck] = MappingProxyType({}),
) -> tuple[RunResult, tuple[str, ...]]:
    """Return the run with its cells, leaderboard and status, and the sentences that say what is missing and why.

    `checks` are how the judges did on their anchors, by their keys.
    """
    cells = tuple(tallies[cell.key].finish() for cell in plan.cells)
    board = build_leaderboard(
        cells,
        {key: tally.item_scores() for key, tally in tallies.items()},
        primary=plan.primary,
        confidence=plan.config.stats.confidence,
        higher_is_better=plan.scorers[plan.board.ranking_scorer].higher_is_better,
        groups=plan.board.groups,
        sample_sets=find_sample_sets(plan) if plan.board.groups else {},
    )
    status, messages = _status(plan, cells, find_judge_gaps(plan, cells, checks), stop=stop, halts=halts)
    if status == "complete":
        messages = tuple(_lost_scores(cells, plan.config.run.max_error_rate, run.run_id))
        status = "incomplete" if messages else "complete"
    finished = dataclasses.replace(
        run,
        status=status,
        ended_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        stopped=_describe_stop(stop, halts),
        cells=cells,
        leaderboard=board.rows,
        pairs=tuple(pair.describe() for pair in board.pairs),
        tie={**dataclasses.asdict(board.tie), "models": list(board.tie.models)},
    )
    return finished, (*messages, *_scorer_errors(cells, tallies))


def _scorer_errors(cells: tuple[CellResult, ...], tallies: Mapping[str, CellTally]) -> Iterator[str]:
    """Yield a sentence for each scorer that has failed: on how many answers, and how it did so first."""
    for cell in cells:
        for name, why in tallies[cell.key].first_errors.items():
            outcomes = cell.metrics[name].outcomes
            failed, scored = outcomes[ScoreOutcome.SCORER_ERROR], sum(outcomes.values())
            yield f"warning: scorer {name} failed on {failed:,} of {scored:,} answers of {cell.key}, first with: {why}"


def describe_calls(
    folder: RunFolder, progress: Progress, lanes: Mapping[str, Lane], *, prices: Prices, continued: bool
) -> dict[str, Json]:
    """Return how many predictions and requests the run took, over all its tries.

    `from_journal` were answered by an earlier try, `shared` by another evaluation's equal call; a continued run does
    not tell the two apart.
    """
    oldest = progress.oldest_cached
    with folder.reader() as reader:
        by_status = reader.attempts_by_status()
        spending = total_spending(reader.accounts(), prices.of_call)
    return {
        "requests": progress.done,
        "attempts": sum(by_status.values()),
        "from_journal": progress.from_journal if continued else 0,
        "shared": 0 if continued else progress.from_journal,
        "from_cache": progress.from_cache,
        "oldest_cached": None if oldest is None else datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds"),
        "by_status": by_status,
        "peak_in_flight": max((throttle.peak_in_flight for throttle in _throttles(lanes).values()), default=0),
        **spending.describe(),
    }


def describe_throttle(lanes: Mapping[str, Lane]) -> dict[str, Json]:
    """Return each provider's limit and where it settled; the one provider's own keys when there is only one.

    `noise` is the share of calls refused whatever the limit, `held_s` how long the server had every call held back.
    """
    described: dict[str, dict[str, Json]] = {
        name: {
            "max_concurrency": throttle.max_concurrency,
            "settled": throttle.wanted,
            "refusals": throttle.refusals,
            "noise": round(throttle.noise, 3),
            "held_s": round(throttle.held_s, 3),
        }
        for name, throttle in _throttles(lanes).items()
    }
    if len(described) == 1:
        return next(iter(described.values()))
    return {"providers": described}


def _throttles(lanes: Mapping[str, Lane]) -> dict[str, Throttle]:
    """Return each throttle once, by the first lane that it paces."""
    found: dict[int, tuple[str, Throttle]] = {}
    for name, lane in lanes.items():
        found.setdefault(id(lane.throttle), (name, lane.throttle))
    return dict(found.values())


def _describe_stop(stop: Stop, halts: Halts) -> dict[str, Json] | None:
    """Return why the run, or some of its cells, ended early; None when nothing did."""
    cells = {key: halt.message for key, halt in halts.cells.items()}
    if stop.reason is None:
        return {"reason": None, "message": "", "cells": cells} if cells else None
    return {"reason": stop.reason.value, "message": stop.message, "cells": cells}


def _status(
    plan: Plan, cells: tuple[CellResult, ...], gaps: JudgeGaps, *, stop: Stop, halts: Halts
) -> tuple[str, tuple[str, ...]]:
    again = "run the same command again to go on"
    missing = sum(cell.outcomes[PredictionOutcome.NOT_RUN] for cell in cells)
    failed = sum(cell.outcomes[outcome] for cell in cells for outcome in _UNANSWERED)
    open_judgements = gaps.not_run + gaps.failed
    unjudged = f", and {open_judgements} of {gaps.asked} judgements no verdict" if open_judgements else ""
    if stop:
        status = "interrupted" if stop.reason is StopReason.INTERRUPTED else "incomplete"
        advice = f"mend that, then {again}" if stop.reason is StopReason.ACCESS else again
        left = f"{failed} of {plan.calls} calls have no answer yet{unjudged}"
        return status, (f"stopped: {stop.message}; {left}; {advice}",)
    if halts.cells:
        given_up = (f"gave up {key}: {halt.message}" for key, halt in halts.cells.items())
        left = f"{failed} of {plan.calls} calls have no answer{unjudged}; mend that, then {again}"
        return "incomplete", (*given_up, left)
    if missing:
        return "incomplete", (f"{missing} of {plan.calls} calls not run{unjudged}; {again}",)
    if gaps.not_run:
        return "incomplete", (f"{gaps.not_run} of {gaps.asked} judgements not run; {again}",)
    allowed = plan.config.run.max_error_rate
    for what, count, of in (("calls", failed, plan.calls), ("judgements", gaps.failed, gaps.asked)):
        if count > allowed * of:
            share = f"{count} of {of} {what} failed ({count / of:.1%})"
            advice = f"run the same command to ask them again, or raise run.max_error_rate (it is {allowed:.1%})"
            return "incomplete", (f"{share}; {advice}",)
    return "complete", ()


def _lost_scores(cells: tuple[CellResult, ...], allowed: float, run_id: str) -> Iterator[str]:
    """Yield a sentence for each metric of which a failing scorer or judge left fewer scores than is allowed."""
    for cell in cells:
        for name, metric in cell.metrics.items():
            lost, of = sum(metric.outcomes.get(each, 0) for each in _UNSCORED), sum(metric.outcomes.values())
            if lost > allowed * of:
                yield (
                    f"{lost:,} of {of:,} scores of {cell.evaluation}.{name} of {cell.model} failed ({lost / of:.1%}); "
                    f"mend the scorer, then `evalkit score {run_id} --config CONFIG` asks no model again; "
                    f"or raise run.max_error_rate (it is {allowed:.1%})"
                )
