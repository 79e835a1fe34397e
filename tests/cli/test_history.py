"""`evalkit history`, `history import` and `history forget`, as a user runs them."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from evalkit.history import History
from evalkit.past_runs import PastEvent
from tests.cli.commands import CommandLine
from tests.comparing import write_sections
from tests.remembering import on_night, stored

HOME = "history.sqlite"


@pytest.fixture
def path() -> Path:
    return Path(os.environ["EVALKIT_HOME"]) / HOME


@pytest.fixture
def known(tmp_path: Path, path: Path) -> Path:
    """Three nights, of which the second has a release before it, and one run by another name."""
    folder, run = stored(tmp_path / "reports" / "nightly")
    (folder.path / "report.html").write_text("<p>", encoding="utf-8")
    with History(path) as history:
        for number in range(3):
            history.register(folder, on_night(run, number, verdict="PASS" if number else None))
        history.note(PastEvent(name="nightly", at="2026-01-01T12:00:00+00:00", kind="release", text="release v1"))
        history.register(folder, on_night(run, 7, name="other"))
    return tmp_path


def test_a_run_registers_itself_and_a_shard_does_not(tmp_path: Path, cli: CommandLine, path: Path) -> None:
    config = write_sections(tmp_path, rows=6)
    reports = tmp_path / "reports"
    assert cli("run", config, "--reports", reports).code == 0
    assert cli("run", config, "--reports", reports, "--shard", "1/2").code == 0
    with History(path) as history:
        (past,) = history.runs()
        assert (past.status, past.exit_code, past.kind) == ("complete", 0, "run")
        assert len(history.items(past.run_id)) == 2
    ended = cli("history", "--reports", reports)
    assert past.run_id in ended.out


def test_a_run_whose_history_is_broken_ends_as_it_would_without(tmp_path: Path, cli: CommandLine, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"scribble" * 200)
    ended = cli("run", write_sections(tmp_path, rows=2), "--reports", tmp_path / "reports")
    assert ended.code == 0
    assert "the run is not in the history" in ended.err


def test_scored_again_it_is_remembered_beside_its_series(tmp_path: Path, cli: CommandLine, path: Path) -> None:
    reports = tmp_path / "reports"
    run = cli("run", write_sections(tmp_path, rows=4), "--reports", reports).out.strip()
    assert cli("score", run, "--scorer", "loose=f1", "--reports", reports).code == 0
    assert cli("baseline", "set", run, "--reason", "good", "--out", tmp_path / "b.json", "--author", "me").code == 0
    ended = cli("history", "--reports", reports)
    assert "scored again" in ended.out
    assert f"baseline: run {Path(run).name} became the baseline" in ended.out
    with History(path) as history:
        assert [len(series.points) for series in history.series("nightly")] == [1, 1]


def test_the_table_has_the_newest_last_and_what_happened_between(known: Path, cli: CommandLine) -> None:
    ended = cli("history", "nightly", "--reports", known / "reports")
    title, first, event, second, third = ended.out.splitlines()
    assert title.split()[:3] == ["night", "run", "size"]
    assert [line.split()[0] for line in (first, second, third)] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert event == "  -- 2026-01-01 release: release v1"
    assert "2 x 1" in first
    assert "PASS" in third
    assert "scores are qa.exact" in ended.err


@pytest.mark.parametrize(
    ("options", "nights"),
    [
        (("--limit", "1"), ["2026-01-03"]),
        (("--since", "2026-01-02"), ["2026-01-02", "2026-01-03"]),
        (("--since", "2027-01-01"), []),
    ],
    ids=["limit", "since", "none"],
)
def test_runs_are_chosen(known: Path, cli: CommandLine, options: tuple[str, ...], nights: list[str]) -> None:
    ended = cli("history", "nightly", *options, "--reports", known / "reports")
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == nights
    assert "of 3 runs; --limit and --since choose" in ended.err


def test_models_are_chosen(known: Path, cli: CommandLine) -> None:
    ended = cli("history", "nightly", "--model", "[b]", "--reports", known / "reports")
    assert ended.out.splitlines()[0].split()[3] == "b"
    assert "1 model not shown" in ended.err


def test_several_names_are_listed(known: Path, cli: CommandLine) -> None:
    ended = cli("history", "--reports", known / "reports")
    assert [line.split()[:2] for line in ended.out.splitlines()] == [["nightly", "3"], ["other", "1"]]


def test_json_has_every_metric_of_every_run(known: Path, cli: CommandLine) -> None:
    everything = json.loads(cli("history", "--json", "--reports", known / "reports").out)
    assert [(each["name"], len(each["runs"])) for each in everything] == [("nightly", 3), ("other", 1)]
    first = everything[0]["runs"][0]
    assert [metric["model"] for metric in first["metrics"]] == ["a", "b"]
    assert {"mean", "lower", "upper", "n", "series", "outcomes"} <= set(first["metrics"][0])
    assert [event["kind"] for event in everything[0]["events"]] == ["release"]


def test_the_page_leads_to_the_reports(known: Path, cli: CommandLine) -> None:
    page = known / "a folder" / "history.html"
    assert cli("history", "nightly", "--html", page, "--reports", known / "reports").code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count('href="./../reports/nightly/20260101T000000-0000/report.html"') == 3
    assert "release v1" in text
    again = known / "again.html"
    cli("history", "nightly", "--html", again, "--reports", known / "reports")
    assert "<script" not in again.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("history", "nihgtly"), "did you mean 'nightly'"),
        (("history", "--since", "yesterday"), "is no date"),
        (("history", "--html", "x.html"), "--html shows one name"),
        (("history", "nightly", "--html", "/dev/null/x.html"), "cannot be written"),
        (("history", "import", "nowhere"), "no run folder there"),
        (("history", "forget", "nihgtly", "--keep", "1"), "did you mean 'nightly'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_is_told(known: Path, cli: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    ended = cli(*arguments, "--reports", known / "reports")
    assert ended.code == 2
    assert said in ended.err


def test_nobody_there_to_agree_forgets_nothing(known: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    ended = cli("history", "forget", "--keep", "1", "--reports", known / "reports")
    assert (ended.code, "--yes" in ended.err) == (2, True)


def test_without_a_history_it_says_how_to_begin_one(tmp_path: Path, cli: CommandLine, path: Path) -> None:
    ended = cli("history", "--reports", tmp_path)
    assert ended.code == 2
    assert "evalkit history import" in ended.err
    assert not path.exists()


def test_import_registers_once_and_leaves_out_what_cannot_be_read(tmp_path: Path, cli: CommandLine, path: Path) -> None:
    reports = tmp_path / "reports"
    stored(reports / "nightly", rows=3)
    for name, text in (("broken", "{"), ("older", '{"schema_version": 0}')):
        (reports / "nightly" / name).mkdir()
        (reports / "nightly" / name / "run.json").write_text(text, encoding="utf-8")
    for _ in range(2):
        ended = cli("history", "import", reports, "--reports", reports)
        assert ended.code == 0
        assert "1 run registered" in ended.err
        assert "2 left out" in ended.err
        assert ended.err.count("left out: ") == 2
    with History(path) as history:
        assert len(history.runs()) == 1


def test_forget_keeps_the_newest(known: Path, cli: CommandLine, path: Path) -> None:
    ended = cli("history", "forget", "--keep", "1", "--yes", "--reports", known / "reports")
    assert ended.code == 0
    assert "nightly: 1 run forgotten, 2 remembered, the first of each series that goes on among them" in ended.err
    with History(path) as history:
        assert [past.night for past in history.runs("nightly")] == ["2026-01-01", "2026-01-03"]


def test_import_counts_a_folder_without_a_run_and_refuses_a_night_that_is_none(
    known: Path, cli: CommandLine, path: Path
) -> None:
    path.unlink()
    dead = known / "reports" / "nightly" / "20990101T000000-dead"
    dead.mkdir()
    (dead / "night.json").write_text('{"night": "2026-01-01"}', encoding="utf-8")
    (marked,) = {run.parent for run in (known / "reports" / "nightly").glob("**/run.json")}
    (marked / "night.json").write_text('{"night": "not a date"}', encoding="utf-8")
    ended = cli("history", "import", known / "reports", "--reports", known / "reports")
    assert "no run.json there" in ended.err
    assert "names no night" in ended.err
    assert "0 runs registered" in ended.err
    assert "2 left out" in ended.err
    assert cli("history", "--reports", known / "reports").code == 2
