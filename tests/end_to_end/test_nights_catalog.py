"""Models that an endpoint begins to list, or a judge that it no longer serves, night by night."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import CommandLine
from tests.end_to_end.nights import Nights, sections
from tests.fake_endpoint import FakeEndpoint

pytestmark = pytest.mark.slow

CHEAP = {"id": "acme/cheap-1", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}
DEAR = {"id": "acme/dear-1", "pricing": {"prompt": "1", "completion": "1"}}


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(models=["acme/one", "other/x"], accuracy={"acme/cheap-1": 0.2}) as opened:
        yield opened


@pytest.fixture
def nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return Nights(tmp_path, CommandLine(capsys))


def config(endpoint: FakeEndpoint, **changes: Any) -> dict[str, Any]:
    made = {
        "providers": {"here": {"use": "openai", "base_url": endpoint.url, "retry": {"max_attempts": 1}}},
        "models": [{"id": "acme/one", "label": "One", "provider": "here", "params": {"max_tokens": 10}}],
        "nightly": {"catalog": {"join": ["acme/*"], "max_cost": 0.5}},
    }
    return sections(rows=20, **{**made, **changes})


def models(night: dict[str, Any]) -> list[str]:
    return [metric["model"] for metric in night["metrics"]]


def test_new_models_join_by_a_glob_within_a_budget(nights: Nights, endpoint: FakeEndpoint) -> None:
    listed = ["acme/one", "other/x"]
    for place in range(2):
        ended, night = nights.night(place, config(endpoint))
        assert (ended.code, models(night), night["catalog"]) == (0, ["One"], [])
    endpoint.configure({"models": [*listed, CHEAP, DEAR, "acme/unpriced"]})
    ended, night = nights.night(2, config(endpoint))
    assert ended.code == 0, ended.err
    assert models(night) == ["One", "acme/cheap-1"]
    assert [each["moved"] for each in night["metrics"]] == [False, False]
    assert [each["drift_found"] for each in night["metrics"]] == [None, None]
    news, joins, dear, unpriced = night["catalog"]
    assert "3 models newly listed since 2026-10-02: acme/cheap-1, acme/dear-1, acme/unpriced." in news
    assert joins.startswith("acme/cheap-1 of here joins the run as acme/cheap-1 (forecast $")
    assert dear.startswith("acme/dear-1 of here did not join: it would cost $")
    assert dear.endswith("and nightly.catalog.max_cost is $0.50.")
    assert unpriced.endswith("its price is not known, so nightly.catalog.max_cost cannot be kept.")
    page = (nights.folder / "reports/watch/nightly/2026-10-03.html").read_text(encoding="utf-8")
    assert "joins the run as acme/cheap-1" in page
    assert set(endpoint.stats()["models"]) == {"acme/one", "acme/cheap-1"}
    for place in (3, 4):
        ended, night = nights.night(place, config(endpoint))
        assert (ended.code, models(night), night["catalog"]) == (0, ["One", "acme/cheap-1"], [])
        assert not any(each["moved"] for each in night["metrics"])
        assert any("acme/dear-1 of here did not join" in note for note in night["notes"])


def test_a_night_that_ran_is_not_undone_by_a_try_that_could_not(nights: Nights, endpoint: FakeEndpoint) -> None:
    ended, night = nights.night(0, config(endpoint))
    assert (ended.code, night["state"]) == (0, "ran")
    page = nights.folder / "reports/watch/nightly/2026-10-01.json"
    before = page.read_bytes()
    endpoint.configure({"api_key": "another"})
    ended, _ = nights.night(0, config(endpoint))
    assert ended.code == 6
    assert "the night of 2026-10-01 has run, and stays as it is; once more, it could not:" in ended.err
    assert page.read_bytes() == before
    with closing(sqlite3.connect(nights.folder / "home/history.sqlite")) as db:
        assert db.execute("SELECT COUNT(*) FROM events WHERE kind = 'could_not_run'").fetchone() == (0,)


def judged(endpoint: FakeEndpoint, bench: str) -> dict[str, Any]:
    made = config(endpoint)
    made["providers"]["bench"] = {"use": "openai", "base_url": bench, "retry": {"max_attempts": 1}}
    made["models"].append({"id": "judge-1", "label": "j", "provider": "bench", "role": "judge"})
    made["scorers"]["quality"] = {"use": "judge", "model": "j", "structured": False}
    return made


def test_a_judge_that_is_away_costs_no_answer(nights: Nights, endpoint: FakeEndpoint) -> None:
    """Nothing is said of a night whose judge cannot be reached; what was answered waits for it."""
    with FakeEndpoint(models=["judge-1"], script=lambda asked: "Verdict: correct") as bench:
        ended, _ = nights.night(0, judged(endpoint, bench.url))
        assert ended.code == 0, ended.err
        endpoint.reset()
        bench.configure({"faults": {"503": 1.0}})
        ended, night = nights.night(1, judged(endpoint, bench.url))
        assert (ended.code, night["state"], night["metrics"]) == (3, "incomplete", [])
        assert "judgements" in night["why"]
        assert endpoint.stats()["requests"] == 20
        bench.configure({"faults": {}})
        ended, night = nights.night(1, judged(endpoint, bench.url))
        assert (ended.code, night["state"], len(night["metrics"])) == (0, "ran", 2)
        assert endpoint.stats()["requests"] == 20, "no answer was asked for twice"
    with closing(sqlite3.connect(nights.folder / "home/history.sqlite")) as db:
        runs = db.execute("SELECT night, status FROM runs ORDER BY night").fetchall()
    assert runs == [("2026-10-01", "complete"), ("2026-10-02", "complete")]
    assert json.loads((nights.folder / "reports/watch/nightly/2026-10-02.json").read_text("utf-8"))["state"] == "ran"


def test_a_judge_that_is_gone_is_found_before_the_first_call(nights: Nights, endpoint: FakeEndpoint) -> None:
    """The night cannot run; without what is judged it can, and the other series go on as they were."""
    with FakeEndpoint(models=["judge-1", "z"], script=lambda asked: "Verdict: correct") as bench:
        ended, _ = nights.night(0, judged(endpoint, bench.url))
        assert ended.code == 0, ended.err
        endpoint.reset()
        bench.configure({"models": ["judge-2", "z"]})
        ended, night = nights.night(1, judged(endpoint, bench.url))
        assert (ended.code, night["state"]) == (6, "could_not_run")
        assert "does not list 'judge-1'" in night["why"]
        assert endpoint.stats()["requests"] == 0
        meanwhile = judged(endpoint, bench.url)
        meanwhile["profiles"] = {"meanwhile": {"evaluations": [{"name": "qa", "dataset": "qa", "scorers": ["exact"]}]}}
        ended, night = nights.night(1, meanwhile, "--profile", "meanwhile")
        assert ended.code == 0, ended.err
        [metric] = night["metrics"]
        assert [each["what"] for each in metric["against"]] == ["the night before"]
        assert metric["drift"]["learned"] == 2
