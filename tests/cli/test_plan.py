import asyncio
import json
from pathlib import Path

import pytest

from evalkit.cli.run import load_plan
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder
from tests.cli.commands import CommandLine
from tests.plans import write_plan

RULE = {"metric": "qa.exact", "max_drop": 0.02}
PRICED = [{"id": "m", "provider": "script", "params": {"max_tokens": 100}, "price": {"input": 1, "output": 2}}]


def as_json(cli: CommandLine, *arguments: object) -> dict:
    done = cli("plan", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def run_it(config: Path, reports: Path, run_id: str, *overrides: str) -> RunFolder:
    folder = RunFolder(reports / "nightly" / run_id)
    folder.path.mkdir(parents=True)
    asyncio.run(run_plan(load_plan(config, None, overrides), folder, weave=WeaveTarget("off", "")))
    return folder


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def test_calls_tokens_and_cost_add_up(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    evaluation = {"name": "qa", "dataset": "qa", "trials": 2}
    config = write_plan(tmp_path, models=PRICED, evaluations=[evaluation], rows=10)
    found = as_json(cli, config, "--reports", reports)
    (cell,) = found["cells"]
    assert (found["calls"], cell["samples"], cell["trials"], found["completion_tokens"]) == (20, 10, 2, 2000)
    assert found["cost_usd"] == pytest.approx((found["prompt_tokens"] * 1 + 2000 * 2) / 1e6)
    assert cell["price_source"] == "config"
    assert found["is_estimate"]


def test_what_nobody_prices_is_unknown_and_never_nothing(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    models = [*PRICED, {"id": "n", "provider": "script"}]
    config = write_plan(tmp_path, models=models, rows=10)
    found = as_json(cli, config, "--reports", reports)
    assert found["cost_usd"] is None
    assert found["known_cost_usd"] > 0
    assert found["unpriced"] == ["n"]
    text = cli("plan", config, "--reports", reports).out
    assert "n: unknown; give it" in text
    assert "answers of m: at their full max_tokens" in text
    assert "answers of n: 1,024 tokens assumed" in text


def test_equal_calls_of_two_evaluations_are_paid_once(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    evaluations = [{"name": "qa", "dataset": "qa"}, {"name": "again", "dataset": "qa", "trials": 3}]
    found = as_json(cli, write_plan(tmp_path, evaluations=evaluations, rows=10), "--reports", reports)
    assert (found["predictions"], found["shared"], found["calls"]) == (40, 10, 30)


def test_an_unfinished_run_is_gone_on_with(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    config = write_plan(tmp_path, rows=10)
    run_it(config, reports, "20990101T000000-0000", "run.max_requests=4")
    found = as_json(cli, config, "--reports", reports)
    assert (found["in_journal"], found["calls"]) == (4, 6)
    assert found["unfinished_run"].endswith("20990101T000000-0000")
    again = as_json(cli, config, "--reports", reports, "--set", "run.max_requests=9")
    assert [(budget["name"], budget["needed"]) for budget in again["budgets"]] == [("max_requests", 10)]
    fresh = as_json(cli, config, "--reports", reports, "--fresh")
    assert (fresh["in_journal"], fresh["calls"]) == (0, 10)


def test_the_shared_cache_answers_what_it_has(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    reports = tmp_path / "reports"
    config = write_plan(tmp_path, rows=10, run={"cache": "shared"})
    run_it(config, reports, "20990101T000000-0000")
    found = as_json(cli, config, "--reports", reports, "--set", "datasets.qa.limit=5")
    assert (found["in_cache"], found["calls"]) == (5, 0)
    other = as_json(cli, config, "--reports", reports, "--set", "run.cache=run", "--set", "datasets.qa.limit=5")
    assert (other["in_cache"], other["calls"]) == (0, 5)


@pytest.mark.parametrize(
    ("throttle", "seconds", "bound_by"),
    [
        ({"max_concurrency": 3}, 10.0, "max_concurrency"),
        ({"requests_per_second": 0.5}, 20.0, "requests_per_second"),
        ({"tokens_per_minute": 60}, None, "tokens_per_minute"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_time_at_the_configured_limits(
    cli: CommandLine, tmp_path: Path, throttle: dict, seconds: float | None, bound_by: str
) -> None:
    config = write_plan(tmp_path, rows=10, models=PRICED, throttle=throttle)
    found = as_json(cli, config, "--reports", tmp_path / "none")
    tokens = found["prompt_tokens"] + found["completion_tokens"]
    assert found["seconds"] == pytest.approx(tokens if seconds is None else seconds)
    assert found["limits"][0]["bound_by"] == bound_by
    assert found["limits"][0]["is_assumed"]
    assert "a call taken to last 3 s, since no run tells" in cli("plan", config, "--reports", tmp_path / "none").out


def test_budgets_that_would_end_it(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    limits = {"max_cost": 0.0001, "max_requests": 9, "max_tokens": 500, "max_time": 0.5}
    config = write_plan(tmp_path, rows=10, models=PRICED, run=limits)
    done = cli("plan", config, "--reports", reports)
    assert done.code == 0
    for name in limits:
        assert f"run.{name} is" in done.out
    roomy = write_plan(tmp_path, rows=10, models=PRICED, run={"max_requests": 10})
    assert "Budgets" not in cli("plan", roomy, "--reports", reports).out


def test_a_rule_that_cannot_see_its_drop_is_an_error_unless_allowed(
    cli: CommandLine, tmp_path: Path, reports: Path
) -> None:
    config = write_plan(tmp_path, gate={"rules": [{**RULE, "detect": 0.03, "name": "strict"}, {**RULE, "detect": 0.5}]})
    done = cli("plan", config, "--reports", reports)
    assert done.code == 2
    assert "error: gate rule strict (m) must notice 0.03" in done.err
    assert "say --allow strict" in done.err
    assert done.err.count("error:") == 1
    assert "must notice 0.03: NO" in done.out
    assert cli("plan", config, "--reports", reports, "--allow", "strict").code == 0
    wrong = cli("plan", config, "--reports", reports, "--allow", "strikt")
    assert (wrong.code, "did you mean 'strict'" in wrong.err) == (2, True)


def test_without_detect_nothing_is_refused(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    config = write_plan(tmp_path, rows=5, gate={"rules": [RULE, {"metric": "latency_p95_s", "max": 3}]})
    done = cli("plan", config, "--reports", reports)
    assert done.code == 0
    assert "5 samples x 1 trial: smallest drop" in done.out
    assert "latency_p95_s: max 3, compared by its own bounds" in done.out
    assert "no baseline is named" in done.out


def test_the_gate_s_reach_comes_from_stored_runs(cli: CommandLine, tmp_path: Path, reports: Path) -> None:
    config = write_plan(tmp_path, rows=40, gate={"rules": [RULE], "baseline": "previous"})
    missing = cli("plan", config, "--reports", reports).out
    assert "the baseline was not read" in missing
    assert "no run tells" in missing
    run_it(config, reports, "20990101T000000-0000")
    (rule,) = as_json(cli, config, "--reports", reports)["gate"]
    assert rule["basis"].startswith("one run alone (the baseline)")
    run_it(config, reports, "20990101T000001-0000", "run.seed=1")
    (rule,) = as_json(cli, config, "--reports", reports)["gate"]
    assert rule["basis"] == "differences of run 20990101T000000-0000 from the baseline (40 samples)"
    bad = cli("plan", config, "--reports", reports, "--baseline", "gone.json")
    assert (bad.code, "gone.json" in bad.err) == (2, True)


def test_no_key_is_needed(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: Path) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    models = ["meta-llama/Llama-3.1-8B-Instruct"]
    found = as_json(cli, write_plan(tmp_path, models=models, rows=3), "--reports", reports)
    assert found["cost_usd"] is not None
    assert "wandb" in found["cells"][0]["price_source"].lower()
