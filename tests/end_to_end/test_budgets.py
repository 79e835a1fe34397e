"""Budgets as a user meets them: exit codes, the sentence that says how to go on, and a kill that hides no spending."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import command, environment, evalkit, write_config, write_rows
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS = 40
C = 4
PATIENCE_S = 100


def write(folder: Path, endpoint: FakeEndpoint, **run: Any) -> None:
    folder.mkdir(exist_ok=True)
    rows = [{"id": f"r{n}", "input": f"Question {n}", "target": f"answer {n}"} for n in range(ROWS)]
    endpoint.configure({"answers": {row["input"]: row["target"] for row in rows}, "accuracy": {"*": 0.7}})
    write_rows(folder, rows)
    write_config(
        folder,
        name="budget",
        weave={"backend": "off"},
        providers={"fake": {"use": "openai", "base_url": endpoint.url}},
        models=[{"id": "a", "provider": "fake", "price": {"input": 1, "output": 2}, "params": {"max_tokens": 30}}],
        datasets={"rows": {"path": "rows.jsonl"}},
        scorers={"exact": {"use": "exact"}},
        throttle={"max_concurrency": C, "adaptive": False},
        run=run,
        report={"html": False, "parquet": False},
    )


def cell(run: dict[str, Any]) -> dict[str, Any]:
    (only,) = run["cells"]
    return {name: value for name, value in only.items() if name not in {"latency_s", "timing_s", "attempts"}}


def test_the_option_ends_a_run_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path / "limited", endpoint)
        stopped = evalkit("run", "config.yaml", "--max-cost", "0.0002", cwd=tmp_path / "limited")
        sent = endpoint.stats()["requests"]
        assert (stopped.code, stopped.run["status"]) == (3, "incomplete")
        assert 0 < sent < ROWS
        assert stopped.run["calls"]["attempts"] == sent
        assert stopped.run["calls"]["cost_usd"] <= 0.0002
        assert "run.max_cost is $0.0002" in stopped.stderr
        assert "raise it to go on" in stopped.stderr
        assert "of $0.0002" in stopped.stderr, "the display shows the budget"
        done = evalkit("run", "config.yaml", "--max-cost", "1", cwd=tmp_path / "limited")
        assert (done.code, done.folder) == (0, stopped.folder)
        assert endpoint.stats()["requests"] == ROWS
        write(tmp_path / "undisturbed", endpoint)
        whole = evalkit("run", "config.yaml", cwd=tmp_path / "undisturbed")
    assert cell(done.run) == cell(whole.run)
    summary = (done.folder / "summary.md").read_text(encoding="utf-8")
    assert "$0.000" in summary


def test_what_a_killed_run_had_in_flight_is_of_the_budget(tmp_path: Path) -> None:
    with FakeEndpoint(latency_s=3600.0) as endpoint:
        write(tmp_path / "killed", endpoint)
        with subprocess.Popen(
            command("run", "config.yaml"),
            cwd=tmp_path / "killed",
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            until = time.monotonic() + PATIENCE_S
            while endpoint.stats()["requests"] < C and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        assert endpoint.stats()["requests"] == C
        endpoint.configure({"latency_s": 0.0})
        stopped = evalkit("run", "config.yaml", "--set", "run.max_requests=10", cwd=tmp_path / "killed")
        assert stopped.code == 3, stopped.stderr
        assert endpoint.stats()["requests"] == 10
        assert "run.max_requests is 10 and 10 requests were sent" in stopped.stderr
        calls = stopped.run["calls"]
        assert (calls["attempts"], calls["without_usage"], calls["cost_usd"]) == (10, C, None)
        assert calls["guessed_cost_usd"] > calls["known_cost_usd"] > 0
        done = evalkit("run", "config.yaml", cwd=tmp_path / "killed")
        assert done.code == 0, done.stderr
        assert endpoint.stats()["requests"] == C + ROWS


def test_a_budget_in_usd_without_a_price_spends_nothing(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint)
        path = tmp_path / "config.yaml"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["models"][0].pop("price")
        path.write_text(json.dumps(config), encoding="utf-8")
        refused = evalkit("run", "config.yaml", "--max-cost", "1", cwd=tmp_path)
        assert refused.code == 2
        assert "run.max_cost: the price of model a is not known" in refused.stderr
        assert not (tmp_path / "reports").exists()
        assert endpoint.stats()["requests"] == 0
