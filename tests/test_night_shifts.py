"""What changed since the night before beside the scores: told with counts, and nothing told on an ordinary night."""

import dataclasses
from typing import Any

import pytest

from evalkit.night_measured import Measured, Shift
from evalkit.night_shifts import find_shifts
from evalkit.stored_items import MetricItems
from tests.drifting import CUT, LOST, OK, Row, night
from tests.trending import SETTING, past_metric

N = 200
LIMIT = 0.05


def items(cut: int = 0, lost: int = 0, rows: int = N, asked: str = "m-1", **names: str) -> MetricItems:
    ends = [CUT] * cut + [LOST] * lost + [OK] * (rows - cut - lost)
    made = night([Row(f"s{place}", [(1.0, end)]) for place, end in enumerate(ends)], treatment={"model": asked})
    return dataclasses.replace(made, **names)


def measured(*cells: MetricItems, **changes: Any) -> Measured:
    metrics = [
        past_metric(
            0,
            evaluation=each.evaluation,
            scorer=each.scorer,
            model=each.model,
            samples=len(each.ids),
            **{"predictions": _endings(each), **changes},
        )
        for each in cells
    ]
    return Measured(metrics, cells)


def _endings(cell: MetricItems) -> dict[str, int]:
    ends = [cell.prediction(place).value for place in range(len(cell.ids))]
    return {end: ends.count(end) for end in ends}


def told(before: Measured, tonight: Measured) -> list[str]:
    return [shift.text for shift in find_shifts(before, tonight, limit=LIMIT)]


def test_an_ordinary_night_has_nothing_to_tell() -> None:
    usual = {"latency_s": {"p50": 1.0}, "cost_usd": 0.2}
    assert told(measured(items(cut=3), **usual), measured(items(cut=6), **{**usual, "cost_usd": 0.22})) == []


def test_truncated_answers_beyond_what_the_run_bears_are_the_night_s_headline() -> None:
    (found,) = find_shifts(measured(items()), measured(items(cut=70)), limit=LIMIT)
    assert found == Shift("truncated answers went from 0 to 70 of 200 (qa of m)", is_worse=True)


def test_a_few_failed_calls_are_told_and_are_no_headline() -> None:
    (found,) = find_shifts(measured(items()), measured(items(lost=10)), limit=LIMIT)
    assert found == Shift("failed calls went from 0 to 10 of 200 (qa of m)")


def test_what_no_model_shows_alone_is_shown_by_all_of_them() -> None:
    first = measured(*(items(model=f"m{place}") for place in range(10)))
    second = measured(*(items(lost=2, model=f"m{place}") for place in range(10)))
    (said,) = told(first, second)
    assert said.startswith("failed calls went from 0 to 2 of 200 (qa of m0); ")
    assert said.endswith("; and 7 more")


@pytest.mark.parametrize(
    ("usual", "tonight", "said"),
    [
        ({"cost_usd": 0.2}, {"cost_usd": 2.0}, ["cost per answer: qa of m 10.0 times the night before"]),
        ({"cost_usd": None}, {"cost_usd": 2.0}, []),
        (
            {"latency_s": {"p50": 0.5}},
            {"latency_s": {"p50": 2.5}},
            ["median latency: qa of m 5.0 times the night before"],
        ),
        (
            {"latency_s": {"p50": 2.0}},
            {"latency_s": {"p50": 0.5}},
            ["median latency: qa of m 0.25 times the night before"],
        ),
        ({"latency_s": {"p50": 0.001}}, {"latency_s": {"p50": 0.01}}, []),
    ],
    ids=["ten times the price", "no price before", "slower", "faster", "too quick to notice"],
)
def test_cost_and_latency_are_told_by_factor(usual: dict[str, Any], tonight: dict[str, Any], said: list[str]) -> None:
    assert told(measured(items(), **usual), measured(items(), **tonight)) == said


@pytest.mark.parametrize(
    ("before", "tonight", "said"),
    [
        (
            [items(), items(model="n", asked="n-1")],
            [items()],
            [Shift("the model n is no longer measured", is_worse=True)],
        ),
        ([items()], [items(), items(model="n", asked="n-1")], [Shift("the model n is new")]),
        ([items()], [items(model="n")], [Shift("the model m is now called n, and its series start anew")]),
        (
            [items(), items(evaluation="qb")],
            [items()],
            [Shift("the evaluation qb is no longer measured", is_worse=True)],
        ),
        (
            [items()],
            [items(evaluation="qb")],
            [Shift("the evaluation qa is now called qb, and its series start anew")],
        ),
        (
            [items(), items(scorer="f1")],
            [items()],
            [Shift("qa.f1 of m is no longer measured", is_worse=True)],
        ),
    ],
    ids=["model gone", "model new", "model renamed", "evaluation gone", "evaluation renamed", "metric gone"],
)
def test_what_is_measured(before: list[MetricItems], tonight: list[MetricItems], said: list[Shift]) -> None:
    assert list(find_shifts(measured(*before), measured(*tonight), limit=LIMIT)) == said


def test_other_samples_are_counted_and_start_anew() -> None:
    other = {**SETTING, "dataset": "another"}
    assert told(measured(items(rows=100)), measured(items(rows=85), setting=other)) == [
        "the dataset of qa changed, from 100 to 85 samples (15 gone): drift starts anew"
    ]


def test_other_settings_are_named() -> None:
    other = {**SETTING, "prompt": "another"}
    assert told(measured(items()), measured(items(), setting=other)) == [
        "the prompt changed for qa.exact of m: drift starts anew"
    ]
