"""`evalkit quarantine`: a reviewed file of samples that say nothing for a while."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.night_runs import make_nights

FILE = Path("baselines/quarantine.json")
WHY = ("--reason", "flips", "--author", "Ada", "--days", "30")


def day(ahead: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=ahead)).isoformat()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return tmp_path


@pytest.fixture
def known(here: Path) -> Path:
    """A history of one night: ten samples, two models."""
    outcomes = {f"s{n}": "1" for n in range(10)}
    make_nights(here, {"a": outcomes, "b": outcomes})
    return here


@pytest.mark.usefixtures("known")
def test_what_is_added_is_said_with_its_weight(cli: CommandLine) -> None:
    done = cli("quarantine", "add", "s1", "s2", "--metric", "qa.exact", *WHY)
    assert (done.code, done.out) == (0, f"{FILE}\n")
    weight = f"2 of 10 samples, 20.0 % of the weight, are quarantined until {day(30)}."
    assert f"qa.exact of a (nightly): {weight}\nqa.exact of b (nightly): {weight}\n" in done.err
    assert "2 added by Ada; commit it" in done.err
    entries = json.loads(FILE.read_text(encoding="utf-8"))["samples"]
    assert [(e["sample"], e["model"], e["set_at"], e["until"]) for e in entries] == [
        ("s1", "*", day(0), day(30)),
        ("s2", "*", day(0), day(30)),
    ]


@pytest.mark.usefixtures("known")
def test_samples_and_metrics_that_nobody_knows_are_said(cli: CommandLine) -> None:
    assert (
        "names 's99', which this metric does not have"
        in cli("quarantine", "add", "s99", "--metric", "qa.exact", *WHY).err
    )
    assert (
        "no metric in the history fits 'qa.exat' of model '*'; did you mean 'qa.exact'?"
        in cli("quarantine", "add", "s1", "--metric", "qa.exat", *WHY).err
    )


@pytest.mark.usefixtures("here")
def test_without_a_history_nobody_checks_and_that_is_said(cli: CommandLine) -> None:
    done = cli("quarantine", "add", "s1", "--metric", "qa.exact", *WHY)
    assert done.code == 0
    assert "nobody checked that these samples exist" in done.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--reason", "x"), "a quarantine ends", id="no end"),
        pytest.param(("--reason", "x", "--days", "3", "--until", "2027-01-01"), "a quarantine ends", id="two ends"),
        pytest.param(("--reason", "x", "--until", "soon"), "not a date", id="no date"),
        pytest.param(("--reason", "x", "--until", "2999-01-01"), "at most 90", id="for ever"),
        pytest.param(("--reason", "x", "--until", "2020-01-01"), "is before it was set", id="in the past"),
        pytest.param(("--reason", " ", "--days", "3"), "--reason is empty", id="no reason"),
        pytest.param(("--reason", "x", "--days", "91"), "91", id="91 days"),
    ],
)
def test_a_quarantine_without_an_end_or_a_reason_is_refused(
    cli: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    done = cli("quarantine", "add", "s1", "--metric", "qa.exact", "--author", "Ada", *arguments)
    assert done.code == 2
    assert said in done.err
    assert not FILE.exists()


@pytest.mark.usefixtures("here")
def test_what_is_there_is_replaced_only_when_told(cli: CommandLine) -> None:
    add = ("quarantine", "add", "s1", "--metric", "qa.exact", "--author", "Ada", "--days", "30")
    cli(*add, "--reason", "first")
    before = FILE.read_bytes()
    again = cli(*add, "--reason", "second")
    assert again.code == 2
    assert f"is set aside until {day(30)} already (first); add --replace" in again.err
    assert FILE.read_bytes() == before
    assert cli(*add, "--reason", "second", "--replace").code == 0
    assert [each["reason"] for each in json.loads(FILE.read_text(encoding="utf-8"))["samples"]] == ["second"]


@pytest.mark.usefixtures("known")
def test_the_list_says_how_long_and_how_much(cli: CommandLine) -> None:
    cli("quarantine", "add", "s1", "--metric", "qa.exact", "--model", "a", *WHY)
    _expire("s2")
    listed = cli("quarantine", "list").out
    assert f"s1 (qa.exact of a): until {day(30)}, 31 days left; flips (Ada, {day(0)})" in listed
    assert f"s2 (qa.exact): EXPIRED {day(-1)}, counted again; flips" in listed
    assert "qa.exact of a (nightly): 1 of 10 samples, 10.0 % of the weight, is quarantined" in listed
    plain = json.loads(cli("quarantine", "list", "--json").out)
    assert [each["in_force"] for each in plain["samples"]] == [False, True]
    assert [(each["model"], each["samples"], each["expired"]) for each in plain["metrics"]] == [
        ("a", ["s1"], ["s2"]),
        ("b", [], ["s2"]),
    ]


@pytest.mark.usefixtures("here")
def test_samples_count_again_when_removed_or_when_expired_ones_are_cleared(cli: CommandLine) -> None:
    cli("quarantine", "add", "s1", "s3", "--metric", "qa.exact", *WHY)
    _expire("s2")
    cleared = cli("quarantine", "remove", "--expired")
    assert cleared.code == 0
    assert "s2 (qa.exact of *): counts again" in cleared.err
    assert cli("quarantine", "remove", "s1", "--metric", "qa.exact").code == 0
    assert [each["sample"] for each in json.loads(FILE.read_text(encoding="utf-8"))["samples"]] == ["s3"]
    for arguments, said in ((("s1",), "no such entry of s1"), ((), "name the samples")):
        refused = cli("quarantine", "remove", *arguments)
        assert refused.code == 2
        assert said in refused.err


@pytest.mark.usefixtures("here")
def test_an_empty_quarantine_lists_nothing_and_a_missing_one_is_told(cli: CommandLine) -> None:
    assert cli("quarantine", "list").code == 2
    cli("quarantine", "add", "s1", "--metric", "qa.exact", *WHY)
    cli("quarantine", "remove", "s1")
    assert cli("quarantine", "list").out == f"{FILE}: nothing is set aside\n"


def _expire(sample: str) -> None:
    """Write an entry whose last day was yesterday."""
    plain = json.loads(FILE.read_text(encoding="utf-8"))
    entry = {**plain["samples"][0], "model": "*", "sample": sample, "set_at": day(-20), "until": day(-1)}
    FILE.write_text(json.dumps({**plain, "samples": [*plain["samples"], entry]}), encoding="utf-8")
