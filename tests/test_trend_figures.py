"""Figures of a model's calls over nights."""

import pytest

from evalkit.trend_figures import FIGURES, Unit, figure_of, figure_series
from tests.trending import past_metric, past_series


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("error_rate", 3 / 98),
        ("truncation_rate", 5 / 98),
        ("cost_usd", 0.12),
        ("latency_p95_s", 1.5),
        ("output_tokens", 40.0),
    ],
)
def test_a_figure_is_read_as_gate_rules_read_it(figure: str, value: float) -> None:
    predictions = {"ok": 90, "truncated": 5, "infra_error": 2, "rejected": 1, "not_run": 2}
    point = past_metric(
        0, predictions=predictions, cost_usd=0.12, latency_s={"p50": 1.0, "p95": 1.5}, output_tokens={"p50": 40.0}
    )
    assert FIGURES[figure][1](point) == pytest.approx(value)


def test_what_nobody_measured_is_nothing() -> None:
    point = past_metric(0, predictions={"not_run": 200})
    assert [read(point) for _, read in FIGURES.values()] == [None] * len(FIGURES)


@pytest.mark.parametrize(
    ("metric", "figure"),
    [
        ("error_rate", "error_rate"),
        ("qa.cost_usd", "cost_usd"),
        ("q*.latency_p95_s", "latency_p95_s"),
        ("qa.exact", None),
    ],
)
def test_a_figure_is_named_alone_or_after_its_evaluation(metric: str, figure: str | None) -> None:
    assert figure_of(metric) == figure


def test_a_model_has_one_series_an_evaluation_whichever_scorers_its_runs_had() -> None:
    exact = past_series([past_metric(0), past_metric(2)])
    f1 = past_series([past_metric(0, scorer="f1"), past_metric(1, scorer="f1")], metric="qa.f1")
    other = past_series([past_metric(1, evaluation="qb")], metric="qb.exact")
    found = figure_series([exact, f1, other], "error_rate")
    assert [(each.metric, each.model) for each in found] == [("qa.error_rate", "Model A"), ("qb.error_rate", "Model A")]
    assert [point.run.run_id for point in found[0].points] == ["run-0000", "run-0001", "run-0002"]


def test_each_figure_has_its_unit() -> None:
    assert {unit for unit, _ in FIGURES.values()} == set(Unit)
