"""Budgets a sample: the mean cost of a sample and the slowest calls, held to a most by one-sided bounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.config.gates import GateSpec
from evalkit.results import CellResult
from evalkit.stats.intervals import t_interval
from evalkit.stats.verdicts import Verdict

__all__ = ["BUDGETS", "BudgetFigure", "read_budget"]

BUDGETS = ("cost_per_sample_usd", "latency_p95_s")
"""The figures that are held to a most by an interval, not directly."""


_P95 = 0.95
_USUAL_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class BudgetFigure:
    """An estimate with its one-sided bounds; a bound is None where nothing bounds it. `reason` says why."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int
    unit: str
    method: str
    alpha: float | None = None
    reason: str = ""

    def judge(self, limit: float) -> tuple[Verdict, str]:
        """Return the verdict on "at most `limit`", and why there is none."""
        if self.lower is not None and self.lower > limit:
            return Verdict.FAIL, ""
        if self.upper is not None and self.upper <= limit and not self.reason:
            return Verdict.PASS, ""
        return Verdict.INCONCLUSIVE, self.reason


def read_budget(
    metric: str, cells: Sequence[CellResult], costs: Mapping[str, Sequence[float]], gate: GateSpec
) -> BudgetFigure:
    """Return a budget's figure for a model: the mean cost of its samples, or the p95 of its slowest evaluation.

    `costs` holds the known cost of each sample, all its trials together, by cell. Bounds of the cost are t, one-sided
    at the gate's alpha; those of p95 are order statistics at half of 1 - stats.confidence a side.
    """
    return _latency(cells) if metric == "latency_p95_s" else _cost(cells, costs, gate)


def _cost(cells: Sequence[CellResult], costs: Mapping[str, Sequence[float]], gate: GateSpec) -> BudgetFigure:
    values = [cost for cell in cells for cost in costs.get(cell.key, ())]
    unknown = sum(math.isnan(cost) for cost in values)
    known = [cost for cost in values if not math.isnan(cost)]
    asked = sum(cell.samples for cell in cells)
    reason = f"{unknown + asked - len(values)} of {asked} samples have no known cost"
    if not known:
        return BudgetFigure(None, None, None, 0, "usd", "none", reason=reason)
    interval = t_interval(known, confidence=1 - 2 * gate.alpha)
    is_whole = len(known) == asked
    too_few = "" if interval.upper is not None else "too few samples to bound it"
    return BudgetFigure(
        interval.mean,
        interval.lower if is_whole else None,
        interval.upper if is_whole else None,
        len(known),
        "usd",
        interval.method,
        gate.alpha,
        too_few if is_whole else reason,
    )


def _latency(cells: Sequence[CellResult]) -> BudgetFigure:
    slowest = max(cells, key=lambda cell: cell.latency_s.get("p95") or 0.0, default=None)
    if slowest is None:
        return BudgetFigure(None, None, None, 0, "s", "none", reason="the model was asked nothing")
    lowers = [cell.latency_s.get("p95_lower") for cell in cells]
    uppers = [cell.latency_s.get("p95_upper") for cell in cells]
    bounded = [upper for upper in uppers if upper is not None]
    is_bounded = len(bounded) == len(uppers)
    return BudgetFigure(
        value=slowest.latency_s.get("p95"),
        lower=max((lower for lower in lowers if lower is not None), default=None),
        upper=max(bounded) if is_bounded else None,
        n=sum(int(cell.latency_s.get("n") or 0) for cell in cells),
        unit="s",
        method="order_statistics",
        alpha=_tail(slowest),
        reason="" if is_bounded else _why_unbounded(cells),
    )


def _why_unbounded(cells: Sequence[CellResult]) -> str:
    """Return why nothing bounds p95 from above, and what run would; of the first cell that lacks a bound."""
    cell = next(each for each in cells if each.latency_s.get("p95_upper") is None)
    n, tail = int(cell.latency_s.get("n") or 0), _tail(cell) or _USUAL_TAIL
    enough = math.ceil(math.log(tail) / math.log(_P95))
    if cell.trials > 1:
        return (
            f"{cell.trials} trials of one sample are no independent calls, so these {n:,} bound no p95; "
            f"1 trial of {enough} samples or more would"
        )
    return f"{n:,} calls of {cell.key} are too few to bound p95 from above; {enough} or more would"


def _tail(cell: CellResult) -> float | None:
    """Return what each bound of a cell's latency leaves outside."""
    return next(((1 - metric.confidence) / 2 for metric in cell.metrics.values()), None)
