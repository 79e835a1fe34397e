"""Figures of a model's calls in one run, held to a most: facts, so compared directly, with no claim beyond the run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import PredictionOutcome
from evalkit.results import CellResult
from evalkit.stats.verdicts import Verdict

__all__ = ["FactFigure", "judge_fact", "read_fact"]

_LOST = (PredictionOutcome.INFRA_ERROR, PredictionOutcome.REJECTED)


@dataclass(frozen=True, slots=True)
class FactFigure:
    """A figure, and the least and the most it could be once the calls not yet made are; None where unknown.

    `calls` counts the predictions behind it; `reason` says why there is no figure.
    """

    value: float | None
    least: float | None
    most: float | None
    calls: int
    unit: str
    reason: str = ""


def read_fact(metric: str, cells: Sequence[CellResult]) -> FactFigure:
    """Return a figure of a model over its cells: error_rate, truncation_rate, cost_usd or tokens.

    error_rate is the share of predictions that ended as infra_error or rejected, truncation_rate of those cut off at
    max_tokens; what was not run may still become either. What was not run will cost, so such a sum has no most.
    """
    calls = sum(cell.samples * cell.trials for cell in cells)
    waiting = _count(cells, PredictionOutcome.NOT_RUN)
    if metric == "cost_usd":
        known = [cell.cost_usd for cell in cells]
        if any(cost is None for cost in known):
            return FactFigure(None, None, None, calls, "usd", "not every call of the model has a known cost")
        spent = math.fsum(cost for cost in known if cost is not None)
        return FactFigure(spent, spent, math.inf if waiting else spent, calls, "usd")
    if metric == "tokens":
        used = sum(cell.usage.get("total_tokens", 0) for cell in cells)
        silent = sum(cell.usage.get("without_usage", 0) for cell in cells)
        reason = f"{silent} calls did not tell their tokens" if silent else ""
        return FactFigure(used, used, math.inf if waiting or silent else used, calls, "tokens", reason)
    wanted = _LOST if metric == "error_rate" else (PredictionOutcome.TRUNCATED,)
    found = sum(_count(cells, outcome) for outcome in wanted)
    if not calls:
        return FactFigure(None, None, None, 0, "share", "the model was asked nothing")
    return FactFigure(found / max(1, calls - waiting), found / calls, (found + waiting) / calls, calls, "share")


def judge_fact(figure: FactFigure, limit: float) -> tuple[Verdict, str]:
    """Return the verdict on "at most `limit`", and why there is none."""
    if figure.value is None or figure.least is None or figure.most is None:
        return Verdict.INCONCLUSIVE, figure.reason
    if figure.least > limit:
        return Verdict.FAIL, ""
    if figure.most <= limit:
        return Verdict.PASS, ""
    return Verdict.INCONCLUSIVE, figure.reason or "calls that were not run may still decide it"


def _count(cells: Sequence[CellResult], outcome: PredictionOutcome) -> int:
    return sum(cell.outcomes.get(outcome, 0) for cell in cells)
