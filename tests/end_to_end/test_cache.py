"""The shared cache as a user meets it: a second run asks nothing, and every number is the same digit for digit."""

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Done, evalkit, without_what_may_differ, write_config, write_rows
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS = 20
TRIALS = 2
CALLS = ROWS * TRIALS


@pytest.fixture(autouse=True)
def _beside_the_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the cache where a user has it: in `.evalkit`."""
    monkeypatch.delenv("EVALKIT_HOME", raising=False)


def write(folder: Path, endpoint: FakeEndpoint, *, cache: str = "shared", **params: Any) -> None:
    rows = [{"id": f"r{n}", "input": f"Question {n}", "target": f"answer {n}"} for n in range(ROWS)]
    endpoint.configure({"answers": {row["input"]: row["target"] for row in rows}, "accuracy": {"*": 0.7}})
    write_rows(folder, rows)
    write_config(
        folder,
        name="reuse",
        weave={"backend": "off"},
        providers={"fake": {"use": "openai", "base_url": endpoint.url}},
        models=[{"id": "a", "provider": "fake", "price": {"input": 1, "output": 2}, "params": params}],
        datasets={"rows": {"path": "rows.jsonl"}},
        scorers={"exact": {"use": "exact"}},
        evaluations=[{"name": "qa", "dataset": "rows", "scorers": ["exact"], "trials": TRIALS}],
        retry={"max_attempts": 1},
        run={"cache": cache, "max_error_rate": 1},
        report={"parquet": False},
    )


def run(folder: Path) -> Done:
    return evalkit("run", "config.yaml", "--fresh", cwd=folder)


def numbers(done: Done) -> dict[str, Any]:
    kept = without_what_may_differ(done.run)
    return {name: kept[name] for name in ("status", "cells", "leaderboard", "pairs", "tie", "plan_digest")}


def times(done: Done) -> list[Any]:
    return [(cell["latency_s"], cell["timing_s"]) for cell in done.run["cells"]]


def test_a_second_run_asks_nothing_and_counts_the_same(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint, temperature=1)
        first = run(tmp_path)
        assert (first.code, endpoint.stats()["requests"]) == (0, CALLS)
        second = run(tmp_path)
        assert (second.code, endpoint.stats()["requests"]) == (0, CALLS)
    assert numbers(first) == numbers(second)
    assert times(first) == times(second), "an answer took as long as it took when it was given"
    assert [cell["attempts"]["from_cache"] for run in (first, second) for cell in run.run["cells"]] == [0, CALLS]
    assert (first.run["calls"]["from_cache"], first.run["calls"]["oldest_cached"]) == (0, None)
    calls = second.run["calls"]
    assert (calls["requests"], calls["from_cache"], calls["attempts"]) == (CALLS, CALLS, 0)
    assert calls["oldest_cached"] >= first.run["started_at"][:19]
    said = f"{CALLS} of {CALLS} answers came from the shared cache, the oldest given on {calls['oldest_cached'][:10]};"
    assert said in second.stderr.replace("\n", " ")
    assert said in (second.folder / "summary.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "came from the shared cache" not in first.stderr


def test_a_changed_param_is_asked_and_explained(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint, temperature=1)
        run(tmp_path)
        write(tmp_path, endpoint, temperature=0.2)
        explained = evalkit("cache", "explain", "config.yaml", cwd=tmp_path)
        assert f"{CALLS}  params.temperature 1 -> 0.2" in explained.stdout
        assert run(tmp_path).run["calls"]["from_cache"] == 0
        assert endpoint.stats()["requests"] == 2 * CALLS
    assert f"{CALLS} calls: {CALLS} hits" in evalkit("cache", "explain", "config.yaml", cwd=tmp_path).stdout


def test_refresh_asks_every_call_again(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint, temperature=1)
        run(tmp_path)
        write(tmp_path, endpoint, cache="refresh", temperature=1)
        assert run(tmp_path).run["calls"]["from_cache"] == 0
        assert endpoint.stats()["requests"] == 2 * CALLS


def test_errors_are_never_served(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint, temperature=1)
        endpoint.configure({"faults": {"500": 1.0}})
        failed = run(tmp_path)
        assert failed.run["calls"]["from_cache"] == 0
        endpoint.configure({"faults": {}})
        endpoint.reset()
        assert run(tmp_path).run["calls"]["from_cache"] == 0
        assert endpoint.stats()["requests"] == CALLS


def test_by_default_no_answer_outlives_its_run(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint, cache="run", temperature=1)
        run(tmp_path)
        run(tmp_path)
        assert endpoint.stats()["requests"] == 2 * CALLS
    assert not list(tmp_path.rglob("cache.sqlite*"))


def test_a_broken_cache_costs_nothing_but_the_reuse(tmp_path: Path) -> None:
    (tmp_path / ".evalkit").mkdir()
    (tmp_path / ".evalkit" / "cache.sqlite").write_text("no database " * 100)
    with FakeEndpoint() as endpoint:
        write(tmp_path, endpoint, temperature=1)
        done = run(tmp_path)
        assert endpoint.stats()["requests"] == CALLS
    assert done.code == 0
    said = " ".join(done.stderr.split())
    assert said.count("The shared cache") == 1
    assert "`evalkit cache clear` empties it" in said
    assert "shared cache" in done.run["calls"]["cache_problem"]
