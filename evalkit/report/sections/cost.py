"""Cost and quality: which models may be the best choice at some budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.report.blocks import Block, Paragraph, ScatterChart, ScatterMark, Section
from evalkit.report.claims import list_names
from evalkit.report.numbers import decimals, format_money, format_percent, half_width, plural
from evalkit.report.standings import Standing, read_standings
from evalkit.results import RunResult

__all__ = ["CostSection"]

_TOO_FEW = 2


@dataclass(frozen=True, slots=True)
class CostSection:
    """One sentence, then quality over cost; only what is missing where fewer than two models have both."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section; nothing when the run has no model on its board."""
        standings = read_standings(run)
        if not standings:
            return ()
        return (Section("cost", "Cost", "Cost and quality", _blocks(run, standings)),)


def _blocks(run: RunResult, standings: Sequence[Standing]) -> tuple[Block, ...]:
    shown = [standing for standing in standings if _is_drawable(standing)]
    if len(shown) < _TOO_FEW:
        having = "none has" if not shown else f"{len(shown)} has"
        need = "This comparison needs two models with a score, an interval and a price"
        return (Paragraph((f"{need}; of {plural(len(standings), 'model')}, {having} all three.",), "lead"),)
    better = _significantly_better(run)
    dominated = {each.model for each in shown if any(_dominates(other, each, better) for other in shown)}
    marks = tuple(_mark(each, is_dominated=each.model in dominated) for each in shown)
    caption = "Bars: the interval of the score. Hollow: dominated. Models without a price or a score are left out."
    description = f"{run.primary} against cost per 1,000 samples; the numbers are in the leaderboard"
    chart = ScatterChart(marks, description, caption)
    return (Paragraph((_sentence(shown, dominated),), "lead"), chart)


def _is_drawable(standing: Standing) -> bool:
    metric = standing.metric
    has_interval = metric is not None and metric.lower is not None and metric.n >= _TOO_FEW
    return has_interval and bool(standing.spending.cost_per_sample)


def _significantly_better(run: RunResult) -> set[tuple[str, str]]:
    """Return (better, worse) for every pair that the leaderboard tells apart; the first of a pair stands higher."""
    return {
        (pair["first"], pair["second"])
        for pair in run.pairs
        if pair["p_adjusted"] is not None and pair["p_adjusted"] < 1 - pair["confidence"]
    }


def _dominates(other: Standing, each: Standing, better: set[tuple[str, str]]) -> bool:
    costs = other.spending.cost_per_sample, each.spending.cost_per_sample
    is_cheaper = costs[0] is not None and costs[1] is not None and costs[0] <= costs[1]
    return is_cheaper and (other.model, each.model) in better


def _sentence(shown: Sequence[Standing], dominated: set[str]) -> str:
    by_cost = sorted(shown, key=lambda each: (each.spending.cost_per_sample or 0.0, each.model))
    worth = [each.model for each in by_cost if each.model not in dominated]
    first = f"{list_names(worth)} may be the best choice at some budget."
    if not dominated:
        return f"{first} No model is dominated."
    named = list_names([each.model for each in shown if each.model in dominated])
    verb = "is" if len(dominated) == 1 else "are"
    return f"{first} {named} {verb} dominated: another model costs no more and is significantly better."


def _mark(standing: Standing, *, is_dominated: bool) -> ScatterMark:
    metric, cost = standing.metric, standing.spending.cost_per_sample
    assert metric is not None
    assert metric.mean is not None
    assert metric.lower is not None
    assert metric.upper is not None
    assert cost is not None
    level = format_percent(metric.mean, decimals(half_width(metric.lower, metric.upper)))
    text = f"{level} at {format_money(1000 * cost)}"
    is_tied = standing.band == 1
    return ScatterMark(
        standing.model, 1000 * cost, metric.mean, metric.lower, metric.upper, text, is_tied, is_dominated
    )
