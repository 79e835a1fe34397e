"""Figures of a model's calls over nights: failures, truncation, cost, latency and tokens; facts, without intervals."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from evalkit.past_runs import PastMetric, Series
from evalkit.records import PredictionOutcome

__all__ = ["FIGURES", "Unit", "figure_of", "figure_series"]


class Unit(StrEnum):
    """What a trend's values are."""

    SHARE = "share"
    USD = "usd"
    SECONDS = "s"
    TOKENS = "tokens"


def _lost(point: PastMetric) -> float | None:
    return _rate(point, PredictionOutcome.INFRA_ERROR, PredictionOutcome.REJECTED)


def _truncated(point: PastMetric) -> float | None:
    return _rate(point, PredictionOutcome.TRUNCATED)


def _rate(point: PastMetric, *outcomes: PredictionOutcome) -> float | None:
    """Return the share of predictions that ended so, of those that were run, as gate rules count it."""
    run = sum(point.predictions.values()) - point.predictions.get(PredictionOutcome.NOT_RUN, 0)
    return sum(point.predictions.get(outcome, 0) for outcome in outcomes) / run if run else None


FIGURES: Mapping[str, tuple[Unit, Callable[[PastMetric], float | None]]] = {
    "error_rate": (Unit.SHARE, _lost),
    "truncation_rate": (Unit.SHARE, _truncated),
    "cost_usd": (Unit.USD, lambda point: point.cost_usd),
    "latency_p95_s": (Unit.SECONDS, lambda point: point.latency_s.get("p95")),
    "output_tokens": (Unit.TOKENS, lambda point: point.output_tokens.get("p50")),
}
"""Figure -> its unit, and how a run's figure for one model on one evaluation is read."""


def figure_of(metric: str) -> str | None:
    """Return which figure a metric's name ends with, as in error_rate or qa.error_rate; None where it is none."""
    last = metric.rpartition(".")[2]
    return last if last in FIGURES else None


def figure_series(series: Sequence[Series], figure: str) -> tuple[Series, ...]:
    """Return one series for each evaluation and model, whichever of its scorers a run had."""
    found: dict[tuple[str, str], dict[str, PastMetric]] = {}
    for each in series:
        for point in each.points:
            found.setdefault((point.evaluation, each.model), {}).setdefault(point.run.run_id, point)
    order = {point.run.run_id: (point.run.night, point.run.started_at) for each in series for point in each.points}
    return tuple(
        dataclasses.replace(
            series[0],
            metric=f"{evaluation}.{figure}",
            model=model,
            points=tuple([points[run_id] for run_id in sorted(points, key=order.__getitem__)]),
        )
        for (evaluation, model), points in found.items()
    )
