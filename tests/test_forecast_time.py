"""How long a plan takes, and which budget ends it."""

from pathlib import Path
from typing import Any

import pytest

from evalkit.config.schema import RunSpec
from evalkit.forecast import Forecast, forecast_plan
from evalkit.forecast_time import ASSUMED_LATENCY_S, Spent, find_budget_ends, forecast_time
from evalkit.plan import Plan
from evalkit.prices import Prices

from .plans import plan_of


def foreseen(folder: Path, **sections: Any) -> tuple[Plan, Forecast]:
    plan = plan_of(folder, rows=20, **sections)
    return plan, forecast_plan(plan, Prices([cell.model for cell in plan.cells]))


def test_a_seen_latency_stands_for_the_assumed_one(tmp_path: Path) -> None:
    plan, forecast = foreseen(tmp_path, throttle={"max_concurrency": 4})
    (assumed,) = forecast_time(plan, forecast, {})
    assert (assumed.seconds, assumed.is_assumed) == (20 * ASSUMED_LATENCY_S / 4, True)
    (seen,) = forecast_time(plan, forecast, {("qa", "m"): 0.5})
    assert (seen.seconds, seen.latency_s, seen.is_assumed) == (2.5, 0.5, False)


def test_the_slowest_limit_decides(tmp_path: Path) -> None:
    plan, forecast = foreseen(tmp_path, throttle={"max_concurrency": 20, "requests_per_second": 2})
    (lane,) = forecast_time(plan, forecast, {})
    assert (lane.seconds, lane.bound_by) == (10.0, "requests_per_second")


def test_a_provider_and_a_model_may_have_limits_of_their_own(tmp_path: Path) -> None:
    providers = {
        "script": {"use": "scripted", "throttle": {"max_concurrency": 2}},
        "other": {"use": "scripted"},
    }
    models = [
        {"id": "a", "provider": "script"},
        {"id": "b", "provider": "other", "throttle": {"max_concurrency": 1}},
    ]
    plan, forecast = foreseen(tmp_path, providers=providers, models=models, throttle={"max_concurrency": 10})
    lanes = {lane.name: lane for lane in forecast_time(plan, forecast, {})}
    assert lanes["b"].seconds == 20 * ASSUMED_LATENCY_S
    assert max(lane.seconds for name, lane in lanes.items() if name != "b") <= 20 * ASSUMED_LATENCY_S


@pytest.mark.parametrize(
    ("limits", "spent", "ends"),
    [
        ({}, Spent(), []),
        ({"max_requests": 20}, Spent(), []),
        ({"max_requests": 19}, Spent(), ["max_requests"]),
        ({"max_requests": 20}, Spent(requests=1), ["max_requests"]),
        ({"max_tokens": 100, "max_time": 1}, Spent(), ["max_tokens", "max_time"]),
        ({"max_cost": 1}, Spent(usd=2.0), ["max_cost"]),
    ],
    ids=["none", "just enough", "one too few", "spent before", "several", "cost of earlier tries"],
)
def test_budgets(tmp_path: Path, limits: dict[str, Any], spent: Spent, ends: list[str]) -> None:
    _, forecast = foreseen(tmp_path)
    found = find_budget_ends(RunSpec.model_validate(limits), forecast, 15.0, spent)
    assert [end.name for end in found] == ends
    assert all(end.needed > end.limit for end in found)
