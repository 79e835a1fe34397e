"""A budget ends a run; raised, the same run goes on with what is missing and ends as an undisturbed one."""

import dataclasses
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evalkit.budget import Budget
from evalkit.engine import Lane, Progress
from evalkit.errors import ConfigError, ExitCode
from evalkit.prices import check_budget, price_plan
from evalkit.results import CellResult
from evalkit.runner import RunEnd
from evalkit.store import RunFolder
from tests.fake_endpoint import FakeEndpoint
from tests.test_runner import asked, plan_of, run

ROWS = [{"id": f"r{n}", "input": f"Question {n:02d}", "target": f"answer {n}"} for n in range(24)]
PRICE = {"input": 1.0, "output": 2.0}
PROMPT, ANSWER = 3, 3
"""Tokens of every question and answer, as the fake endpoint counts them."""


def settings(endpoint: FakeEndpoint, **limits: Any) -> dict[str, Any]:
    return {
        "providers": {"fake": {"use": "openai", "base_url": endpoint.url}},
        "models": [{"id": "m", "provider": "fake", "price": PRICE, "params": {"max_tokens": 20}}],
        "datasets": {"rows": {"rows": ROWS}},
        "throttle": {"max_concurrency": 4, "adaptive": False},
        "retry": {"base": 0.01, "cap": 0.01},
        "run": limits,
    }


def numbers(cell: CellResult) -> CellResult:
    """Return a cell without what two equal runs may differ in: time, and how often was asked."""
    return dataclasses.replace(cell, latency_s={}, timing_s={}, attempts={})


def answers() -> dict[str, Any]:
    return {row["input"]: row["target"] for row in ROWS}


@pytest.mark.parametrize(
    ("limits", "seen", "message"),
    [
        (
            {"max_requests": 10},
            10,
            "stopped: run.max_requests is 10 and 10 requests were sent; raise it to go on; 14 of",
        ),
        ({"max_tokens": 120}, None, "stopped: run.max_tokens is 120, "),
        ({"max_cost": 0.0002}, None, "stopped: run.max_cost is $0.0002, $0.0001"),
        ({"max_time": "0.35s"}, None, "stopped: run.max_time is 0.35 s and it is over; "),
    ],
    ids=["requests", "tokens", "cost", "time"],
)
async def test_a_budget_ends_a_run_that_can_go_on(
    tmp_path: Path, limits: dict[str, Any], seen: int | None, message: str
) -> None:
    latency_s = 0.2 if "max_time" in limits else 0.0
    with FakeEndpoint(answers=answers(), accuracy={"*": 0.6}, latency_s=latency_s) as endpoint:
        stopped = await run(plan_of(tmp_path, **settings(endpoint, **limits)), tmp_path / "run")
        asked_first = endpoint.stats()
        assert (stopped.exit_code, stopped.run.status) == (ExitCode.INCOMPLETE, "incomplete")
        assert stopped.run.stopped is not None
        assert stopped.run.stopped["reason"] == "budget"
        assert stopped.messages[0].startswith(message)
        assert asked_first["requests"] == len(asked(stopped)) < len(ROWS)
        assert seen is None or asked_first["requests"] == seen
        within(stopped, limits)
        endpoint.configure({"latency_s": 0.0})
        ended = await run(plan_of(tmp_path, **settings(endpoint)), tmp_path / "run")
        assert (ended.exit_code, ended.run.status, ended.run.stopped) == (ExitCode.DONE, "complete", None)
        assert set(endpoint.stats()["answered"].values()) == {1}
        assert endpoint.stats()["requests"] == len(ROWS)
        undisturbed = await run(plan_of(tmp_path, **settings(endpoint)), tmp_path / "undisturbed")
    assert [numbers(cell) for cell in ended.run.cells] == [numbers(cell) for cell in undisturbed.run.cells]
    assert ended.run.calls["cost_usd"] == undisturbed.run.calls["cost_usd"] == ended.run.cells[0].cost_usd


def within(end: RunEnd, limits: dict[str, Any]) -> None:
    calls = end.run.calls
    assert calls["attempts"] <= limits.get("max_requests", len(ROWS))
    assert calls["tokens"] <= limits.get("max_tokens", calls["tokens"])
    assert calls["cost_usd"] <= limits.get("max_cost", calls["cost_usd"])


async def test_a_budget_that_is_spent_asks_nothing_more(tmp_path: Path) -> None:
    with FakeEndpoint(answers=answers()) as endpoint:
        plan = plan_of(tmp_path, **settings(endpoint, max_requests=10))
        await run(plan, tmp_path / "run")
        again = await run(plan, tmp_path / "run")
        assert endpoint.stats()["requests"] == 10
    assert again.exit_code is ExitCode.INCOMPLETE
    assert again.run.cells[0].outcomes["ok"] == 10


async def test_requests_that_failed_are_of_the_budget_too(tmp_path: Path) -> None:
    """Every request is counted, retries and refusals included; a refusal costs no tokens."""
    with FakeEndpoint(answers=answers(), faults={"500": 1.0}, fault_attempts=1) as endpoint:
        end = await run(plan_of(tmp_path, **settings(endpoint, max_requests=20)), tmp_path / "run")
        assert endpoint.stats()["requests"] == end.run.calls["attempts"] == 20
    assert end.exit_code is ExitCode.INCOMPLETE
    assert end.run.calls["without_usage"] == 0
    assert end.run.calls["cost_usd"] == end.run.cells[0].cost_usd


async def test_lost_replies_make_the_run_s_cost_unknown_and_the_cell_s_stay(tmp_path: Path) -> None:
    with FakeEndpoint(answers=answers(), fault_at={5: "malformed"}) as endpoint:
        end = await run(plan_of(tmp_path, **settings(endpoint)), tmp_path / "run")
    calls, cell = end.run.calls, end.run.cells[0]
    assert (calls["cost_usd"], calls["without_usage"], calls["attempts"]) == (None, 1, len(ROWS) + 1)
    assert calls["known_cost_usd"] == cell.cost_usd
    assert calls["guessed_cost_usd"] > calls["known_cost_usd"]


async def test_an_unknown_price_is_never_nothing(tmp_path: Path) -> None:
    with FakeEndpoint(answers=answers()) as endpoint:
        changes = settings(endpoint) | {"models": [{"id": "m", "provider": "fake"}]}
        end = await run(plan_of(tmp_path, **changes), tmp_path / "run")
        assert (end.run.calls["cost_usd"], end.run.calls["known_cost_usd"]) == (None, 0.0)
        assert (end.run.cells[0].cost_usd, end.run.cells[0].price) == (None, None)
        limited = plan_of(tmp_path, **changes | {"run": {"max_cost": 1.0}})
        with pytest.raises(ConfigError, match=r"run\.max_cost: the price of model m is not known"):
            check_budget(limited)


async def test_prices_of_the_catalogue_are_named_as_such(tmp_path: Path) -> None:
    known = {"id": "meta-llama/Llama-3.1-8B-Instruct", "provider": "wandb"}
    plan = plan_of(tmp_path, models=[known], providers={}, run={"max_cost": 1.0})
    check_budget(plan)
    price = price_plan(plan).of(plan.cells[0].model)
    assert price is not None
    assert price.source.startswith("wandb.ai/")


async def test_the_journal_says_what_the_budget_counted(tmp_path: Path) -> None:
    """Whatever fails on the way, a run that goes on starts from exactly what the first try had counted."""
    faults = {"500": 0.15, "malformed": 0.15, "reset": 0.15, "429": 0.15}
    seen: list[Budget] = []

    @asynccontextmanager
    async def watch(_progress: Progress, _lanes: Mapping[str, Lane], budget: Budget) -> AsyncGenerator[None]:
        seen.append(budget)
        yield

    with FakeEndpoint(answers=answers(), faults=faults, usage=False) as endpoint:
        await run(plan_of(tmp_path, **settings(endpoint, max_requests=30)), tmp_path / "run", watch=watch)
        endpoint.configure({"usage": True})
        await run(plan_of(tmp_path, **settings(endpoint)), tmp_path / "run", watch=watch)
        sent = endpoint.stats()["requests"]
    first, second = seen
    with RunFolder(tmp_path / "run").reader() as reader:
        assert reader.accounts() == second.accounts
    assert (first.spending.requests, second.spending.requests) == (30, sent)
    assert first.spending.untold > 0


async def test_an_endpoint_that_is_not_there_spends_requests_alone(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        nobody = settings(endpoint, max_cost=0.0002)
    end = await run(plan_of(tmp_path, **nobody | {"retry": {"max_attempts": 1}}), tmp_path / "run")
    calls = end.run.calls
    assert (end.run.stopped, calls["attempts"], calls["tokens"]) == (None, len(ROWS), 0)
    assert (calls["cost_usd"], calls["without_usage"]) == (0.0, 0)
