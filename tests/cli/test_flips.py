"""`evalkit flips`: which samples newly fail, with answers then and now."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.night_runs import night_of


@pytest.fixture(autouse=True)
def here(nine_nights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(nine_nights)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return nine_nights


def test_new_stable_failures_stand_first_with_answers_then_and_now(cli: CommandLine) -> None:
    done = cli("flips")
    assert done.code == 0
    first, second = done.out.split("b [0.7]\n")
    assert first.startswith("a\n1 new stable failure. Of 8 samples over 9 nights")
    assert "s1: qa.exact of a: wrong for 2 nights running, 111111100\n  input: question s1\n" in first
    assert f"  {night_of(6)}, 1: the answer to s1\n  {night_of(8)}, 0: a mistake of night 8\n" in first
    assert "Failing, which re-running alone may explain, qa.exact of a: 1 sample\n" in first
    assert second.startswith("No new stable failure. Of 8 samples over 9 nights")


def test_plain_values_hold_every_sample_and_both_answers(cli: CommandLine) -> None:
    plain = json.loads(cli("flips", "qa.exact", "--model", "a", "--json").out)
    (ledger,) = plain["ledgers"]
    assert (ledger["counts"]["new_failure"], ledger["counts"]["failing"]) == (1, 1)
    assert [sample["sample"] for sample in ledger["samples"]][:2] == ["s1", "s2"]
    assert ledger["samples"][0] == {
        "sample": "s1",
        "state": "new_failure",
        "is_right": False,
        "scores": [1.0] * 7 + [0.0] * 2,
        "nights": 9,
        "right": 7,
        "flips": 1,
        "flip_rate": 1 / 8,
        "streak": 2,
        "since": night_of(7),
        "before": night_of(6),
        "chance": pytest.approx(0.0006, abs=0.0003),
    }
    answer = ledger["answers"][0]
    assert (answer["then"]["answer"], answer["now"]["answer"]) == ("the answer to s1", "a mistake of night 8")
    assert answer["now"]["weave_call"] is None


def test_how_many_nights_make_it_stable_is_chosen(cli: CommandLine) -> None:
    assert "1 new stable failure" in cli("flips", "--failing", "2").out.splitlines()[1]
    assert "No new stable failure" in cli("flips", "--failing", "3").out.splitlines()[1]


def test_a_page_is_written(cli: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "new" / "flips.html"
    done = cli("flips", "--html", page)
    assert (done.code, done.out, done.err) == (0, "", f"flips: {page}\n")
    text = page.read_text(encoding="utf-8")
    assert "a mistake of night 8" in text
    assert "<script" not in text


def test_answers_of_a_folder_that_is_gone_are_told_to_be(cli: CommandLine, here: Path, tmp_path: Path) -> None:
    newest = max((here / "reports" / "nightly").iterdir())
    shutil.move(newest, tmp_path / "away")
    try:
        done = cli("flips", "--model", "a")
    finally:
        shutil.move(tmp_path / "away", newest)
    assert done.code == 0
    assert "the answer to s1" in done.out
    assert f"{night_of(8)}, 0 (the run folder is gone: " in done.out


def test_quarantined_samples_are_left_out_and_told(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "q.json"
    cli("quarantine", "add", "s1", "--metric", "qa", "--reason", "x", "--author", "y", "--days", "90", "--file", file)
    done = cli("flips", "--model", "a", "--quarantine", file)
    assert "No new stable failure. Of 7 samples" in done.out
    assert "1 of 8 samples, 12.5 % of the weight, is" in done.out


def test_an_unknown_metric_is_refused(cli: CommandLine) -> None:
    done = cli("flips", "qa.exat")
    assert done.code == 2
    assert "did you mean 'qa.exact'?" in done.err
