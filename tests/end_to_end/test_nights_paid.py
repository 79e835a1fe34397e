"""What a night pays for, once: judging again within its budget, an edited config, a name that two files share."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.history import History
from tests.cli.commands import CommandLine
from tests.end_to_end.nights import FIRST, Nights, sections
from tests.end_to_end.test_nights import FAIR, HARSH, judged

pytestmark = pytest.mark.slow


@pytest.fixture
def nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return Nights(tmp_path, CommandLine(capsys))


def priced(judge: str, **limits: Any) -> dict[str, Any]:
    """Return a judged config of 40 samples with prices and limits."""
    made = judged(judge, rows=40, run=limits)
    for model in made["models"]:
        model |= {"price": {"input": 1000, "output": 1000}, "params": {"max_tokens": 10}}
    return made


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        pytest.param({"max_requests": 90}, "it takes 40 requests, and run.max_requests leaves 10", id="requests"),
        pytest.param({"max_cost": 12}, "and run.max_cost leaves $", id="cost"),
        pytest.param({"max_tokens": 12000}, "tokens, and run.max_tokens leaves", id="tokens"),
    ],
)
def test_judging_again_takes_what_the_run_left(nights: Nights, limits: dict[str, Any], said: str) -> None:
    nights.night(0, priced(FAIR, **limits))
    ended, night = nights.night(1, priced(HARSH, **limits))
    assert ended.code == 0
    assert said in ended.err
    assert "were not judged again" in ended.err
    assert (night["rejudged"], night["metrics"][0]["split"]["rejudged"]) == (None, False)


def test_what_judging_again_cost_is_part_of_the_night(nights: Nights, tmp_path: Path) -> None:
    _, first = nights.night(0, priced(FAIR, max_cost=60))
    ended, night = nights.night(1, priced(HARSH, max_cost=60))
    assert "40 calls to the judge, $" in ended.err
    assert night["rejudged"]["calls"] == 40
    assert night["cost_usd"] == pytest.approx(first["cost_usd"] + night["rejudged"]["cost_usd"])
    again, same = nights.night(1, priced(HARSH, max_cost=60))
    assert "calls to the judge" not in again.err
    assert (same["rejudged"], same["cost_usd"]) == (night["rejudged"], night["cost_usd"])
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert [run.cost_usd for run in history.runs("watch")] == [first["cost_usd"], night["cost_usd"]]


def test_an_edited_config_pays_for_what_is_new(nights: Nights, tmp_path: Path) -> None:
    nights.night(0, sections(rows=30))
    edited = sections(rows=30)
    edited["models"] = [{"id": "m", "label": "nice", "provider": "script"}, {"id": "m2", "provider": "script"}]
    ended, night = nights.night(0, edited)
    assert "The config changed since this night ran: 30 answers taken over, 30 calls are new." in ended.err
    folder = tmp_path / "reports" / "watch" / night["run_id"]
    with sqlite3.connect(folder / "calls.sqlite") as db:
        assert db.execute("SELECT model, count(*) FROM attempts GROUP BY 1 ORDER BY 1").fetchall() == [
            ("m", 30),
            ("m2", 30),
        ]
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert [run.run_id for run in history.runs("watch")] == [night["run_id"]]
    read, same = nights.night(0, edited)
    assert "taken over" not in read.err
    assert same["run_id"] == night["run_id"]


def test_one_name_is_one_config(nights: Nights, tmp_path: Path) -> None:
    nights.night(0, sections(rows=10))
    other = tmp_path / "other.yaml"
    other.write_text((tmp_path / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    told = ("nightly", other, "--night", FIRST.isoformat(), "--reports", tmp_path / "reports")
    refused = nights.run(*told)
    assert refused.code == 2
    assert f"is the name of the nights of {tmp_path / 'config.yaml'} too, so {other} would" in refused.err
    (tmp_path / "config.yaml").unlink()
    assert nights.run(*told).code == 0


def test_the_first_night_has_no_baseline_yet(nights: Nights) -> None:
    rules = [{"metric": "qa.exact", "max_drop": 0.5}, {"metric": "error_rate", "max": 0.02}]
    config = sections(rows=10, gate={"baseline": "previous", "rules": rules})
    ended, night = nights.night(0, config)
    assert (ended.code, night["verdict"]) == (0, "pass")
    assert "No baseline yet, since no earlier run is here: the gate does not judge qa.exact by it." in ended.err
    ended, _ = nights.night(1, config)
    assert "PASS: all 2 checks hold" in ended.err
    alone = sections(rows=10, gate={"baseline": "previous", "rules": rules[:1]}, name="alone")
    ended, night = nights.night(0, alone)
    assert (ended.code, night["verdict"]) == (0, None)


def test_a_damaged_history_is_one_sentence_and_keeps_what_was_paid(nights: Nights, tmp_path: Path) -> None:
    nights.night(0, sections(rows=10))
    with sqlite3.connect(tmp_path / "home" / "history.sqlite") as db:
        db.execute("UPDATE scores SET item_values = x'000101'")
    ended, _ = nights.night(1, sections(rows=10))
    assert ended.code == 2
    assert "the history is damaged" in ended.err
    for path in (tmp_path / "home").iterdir():
        path.unlink()
    nights.run("history", "import", tmp_path / "reports", "--reports", tmp_path / "reports")
    ended, night = nights.night(1, sections(rows=10))
    assert "this night has run already" in ended.err
    assert [each["night"] for each in night["metrics"][0]["against"]] == [FIRST.isoformat()]


def test_a_missing_quarantine_is_found_before_the_first_call(nights: Nights) -> None:
    ended, _ = nights.night(0, sections(rows=10, nightly={"quarantine": "nosuch.json"}))
    assert ended.code == 2
    assert "nosuch.json" in ended.err
    assert "10 calls" not in ended.err
