"""A run as its report reads it: each model's place, primary metric, failures and spending, best first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from evalkit.board_plan import read_board
from evalkit.records import Json, ScoreOutcome
from evalkit.results import CellResult, MetricResult, RunResult

__all__ = [
    "NOTHING_MEASURED",
    "Spending",
    "Standing",
    "State",
    "count_failed",
    "lead_outcomes",
    "primary_metrics",
    "read_average",
    "read_standings",
    "read_state",
]

NOTHING_MEASURED = frozenset(
    {
        ScoreOutcome.INFRA_ERROR,
        ScoreOutcome.REJECTED,
        ScoreOutcome.NOT_RUN,
        ScoreOutcome.SCORER_ERROR,
        ScoreOutcome.JUDGE_FAILED,
    }
)
"""Outcomes that say nothing about the model; the others are the model's own."""

State = Literal["empty", "one_model", "unpaired", "ahead", "tied"]
"""What a leaderboard can claim: nothing scored, one model, no test possible, one clear best, or a band of best."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a model used over all its cells.

    Cost is None when a cell has no price, or when billed calls did not tell their tokens: `without_usage` of them.
    `untold` counts those of cells without a price too: the tokens are at least what is counted here.
    """

    cost_usd: float | None
    cost_per_sample: float | None
    input_tokens: int
    output_tokens: int
    without_usage: int
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of the leaderboard with the metric that ranks it, None where the model has no such cell.

    Ranked on a group, `metric` is the macro average; its mean is None where one of `missing` has none. `samples` are
    those of the metric's cells, `latency_s` is that of the slowest of them, `evaluation` the one there is.
    """

    model: str
    model_id: str
    rank: tuple[int, int] | None
    band: int | None
    metric: MetricResult | None
    spending: Spending
    samples: int = 0
    latency_s: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    missing: tuple[str, ...] = ()
    evaluation: str | None = None

    @property
    def is_scored(self) -> bool:
        """Whether there is a score to show."""
        return self.metric is not None and self.metric.mean is not None


def read_standings(run: RunResult) -> tuple[Standing, ...]:
    """Return the models of a run in leaderboard order."""
    ranking = primary_metrics(run)
    return tuple(_standing(run, row, ranking) for row in run.leaderboard)


def primary_metrics(run: RunResult) -> tuple[str, ...]:
    """Return the metric that ranks, or those whose average does."""
    return read_board(run).members(run.primary)


def read_average(row: Mapping[str, Json], group: str) -> MetricResult | None:
    """Return a model's macro average from its row of run.json's leaderboard; None where it has no such group."""
    groups: Mapping[str, Mapping[str, Json]] = row.get("groups") or {}
    stored = groups.get(group)
    if stored is None:
        return None
    names = {each.name for each in fields(MetricResult)}
    return MetricResult(**{name: value for name, value in stored.items() if name in names})


def _standing(run: RunResult, row: Mapping[str, Json], ranking: Collection[str]) -> Standing:
    cells = [each for each in run.cells if each.model == row["model"]]
    ranked = [cell for cell in cells if any(f"{cell.evaluation}.{name}" in ranking for name in cell.metrics)]
    metric = read_average(row, run.primary or "")
    missing: tuple[str, ...] = ()
    samples = sum(cell.samples for cell in ranked)
    if metric is not None:
        missing, samples = tuple(row["groups"][run.primary]["missing"]), row["groups"][run.primary]["samples"]
    else:
        found = (
            each for cell in ranked for name, each in cell.metrics.items() if f"{cell.evaluation}.{name}" in ranking
        )
        metric = next(found, None)
    slowest = max(ranked, key=lambda cell: cell.latency_s.get("p50") or 0.0, default=None)
    return Standing(
        model=row["model"],
        model_id=cells[0].model_id if cells else "",
        rank=None if row["rank"] is None else (row["rank"][0], row["rank"][1]),
        band=row["band"],
        metric=metric,
        spending=_spending(cells),
        samples=samples,
        latency_s={} if slowest is None else slowest.latency_s,
        missing=missing,
        evaluation=ranked[0].evaluation if len(ranked) == 1 else None,
    )


def _spending(cells: list[CellResult]) -> Spending:
    costs = [cell.cost_usd for cell in cells]
    total = None if not costs or None in costs else sum(cost for cost in costs if cost is not None)
    samples = sum(cell.samples for cell in cells)
    return Spending(
        cost_usd=total,
        cost_per_sample=None if total is None or not samples else total / samples,
        input_tokens=sum(cell.usage.get("prompt_tokens", 0) for cell in cells),
        output_tokens=sum(cell.usage.get("completion_tokens", 0) for cell in cells),
        without_usage=sum(cell.usage.get("without_usage", 0) for cell in cells if cell.price_source is not None),
        untold=sum(cell.usage.get("without_usage", 0) for cell in cells),
    )


def read_state(run: RunResult) -> State:
    """Return what the leaderboard can claim."""
    scored = [row for row in run.leaderboard if row["rank"] is not None]
    if not scored:
        return "empty"
    if len(run.leaderboard) == 1:
        return "one_model"
    if all(pair["p_adjusted"] is None or pair["n"] < 2 for pair in run.pairs):  # noqa: PLR2004  a pair of samples
        return "unpaired"
    return "ahead" if list(scored[0]["rank"]) == [1, 1] else "tied"


def lead_outcomes(cell: CellResult, ranking: Collection[str]) -> Mapping[str, int]:
    """Return how the scorings ended that stand for the cell: those of a metric that ranks, else of its first one."""
    listed = min(cell.metrics, key=lambda scorer: f"{cell.evaluation}.{scorer}" not in ranking)
    return cell.metrics[listed].outcomes


def count_failed(outcomes: Mapping[str, int]) -> tuple[int, int]:
    """Return how many scorings failed by the model's own doing, and how many otherwise."""
    other = sum(outcomes.get(outcome, 0) for outcome in NOTHING_MEASURED)
    return sum(outcomes.values()) - outcomes.get(ScoreOutcome.SCORED, 0) - other, other
