"""`evalkit trend`: past runs as a chart, a page and plain values."""

import json
import math
import shutil
from pathlib import Path

import pytest

from evalkit.history import History
from evalkit.past_runs import PastEvent
from tests.cli.commands import CommandLine
from tests.night_runs import night_of


@pytest.fixture
def here(nine_nights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(nine_nights)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return nine_nights


@pytest.fixture
def own(nine_nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of one's own, whose run folders are those of all."""
    (tmp_path / ".evalkit").mkdir()
    shutil.copy(nine_nights / ".evalkit" / "history.sqlite", tmp_path / ".evalkit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_a_terminal_shows_levels_intervals_and_the_newest_nights(cli: CommandLine) -> None:
    done = cli("trend", "qa.exact", "--model", "a")
    assert done.code == 0
    assert f"qa.exact of a\n75% on {night_of(8)} (41 to 93%, 8 samples); 9 nights since {night_of(0)}.\n" in done.out
    assert "it has seen 9 of the 10 nights it needs" in done.out
    assert "●" in done.out
    assert "\x1b" not in done.out
    table = [line.split()[0] for line in done.out.splitlines() if line.startswith("2026-")]
    assert table == [night_of(place) for place in reversed(range(9))]


def test_plain_values_name_every_run_and_its_folder(cli: CommandLine, here: Path) -> None:
    plain = json.loads(cli("trend", "qa.*", "--json").out)
    assert (plain["name"], plain["kind"]) == ("nightly", "nightly")
    assert [(trend["metric"], trend["model"]) for trend in plain["trends"]] == [
        ("qa.exact", "a"),
        ("qa.exact", "b [0.7]"),
    ]
    points = plain["trends"][0]["points"]
    assert [point["value"] for point in points] == [1.0] * 7 + [0.875, 0.75]
    assert all((Path(point["folder"]) / "run.json").is_file() for point in points)
    assert points[0]["folder"].startswith(str(here.resolve()))


@pytest.mark.usefixtures("here")
def test_a_model_with_brackets_is_found_by_its_label(cli: CommandLine) -> None:
    plain = json.loads(cli("trend", "qa.exact", "--model", "b [0.7]", "--json", "--last", "2").out)
    assert [trend["model"] for trend in plain["trends"]] == ["b [0.7]"]
    assert len(plain["trends"][0]["points"]) == 2
    assert plain["trends"][0]["nights"] == 9


@pytest.mark.usefixtures("here")
def test_an_alarm_takes_more_where_several_metrics_are_watched_whichever_are_asked_for(cli: CommandLine) -> None:
    (one,) = json.loads(cli("trend", "qa.exact", "--model", "a", "--json").out)["trends"]
    assert one["drift"]["watched"] == 2
    assert one["drift"]["alarm"] == pytest.approx(5.35 + math.log(2))
    said = " ".join(cli("trend", "qa.exact", "--model", "a").out.split())
    assert "watches 2 metrics side by side: an alarm takes h = 6.04 instead of 5.35" in said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("figure", ["error_rate", "truncation_rate", "cost_usd", "latency_p95_s", "qa.output_tokens"])
def test_figures_have_trends_of_their_own(cli: CommandLine, figure: str) -> None:
    done = cli("trend", figure, "--model", "a")
    assert done.code == 0
    assert "A fact of each run, without an interval; the drift rule watches scores only." in done.out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("qa.exat",), "no metric of these runs fits 'qa.exat'; did you mean 'qa.exact'?", id="metric"),
        pytest.param(("error_rat",), "did you mean 'error_rate'?", id="figure"),
        pytest.param(("qa.exact", "--model", "z"), "no model of qa.exact fits 'z'", id="model"),
        pytest.param(("qa.exact", "--name", "nigthly"), "did you mean 'nightly'?", id="name"),
        pytest.param(("qa.exact", "--kind", "run"), "no complete run of that kind", id="kind"),
        pytest.param(("qa.exact", "--since", "yesterday"), "not a date", id="since"),
        pytest.param(("qa.exact", "--quarantine", "none.json"), "none.json: the quarantine cannot be read", id="file"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_nearest(
    cli: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    done = cli("trend", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_without_a_history_it_says_how_to_make_one(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    done = cli("trend", "qa.exact")
    assert done.code == 2
    assert "no history there yet; `evalkit history import`" in done.err
    assert not (tmp_path / ".evalkit").exists()


@pytest.mark.parametrize("command", ["trend", "flips"])
def test_a_page_that_cannot_be_written_is_one_sentence(cli: CommandLine, here: Path, command: str) -> None:
    done = cli(command, "qa.exact", "--html", "/dev/null/page.html")
    assert (done.code, done.out) == (2, "")
    [said] = done.err.splitlines()
    assert said.startswith("/dev/null/page.html: cannot be written (")


def test_a_page_leads_to_the_reports_that_are_there(cli: CommandLine, here: Path, tmp_path: Path) -> None:
    newest = max((here / "reports" / "nightly").iterdir())
    (newest / "report.html").touch()
    page = tmp_path / "pages" / "trend.html"
    done = cli("trend", "qa.exact", "--html", page)
    assert (done.code, done.out, done.err) == (0, "", f"trend: {page}\n")
    text = page.read_text(encoding="utf-8")
    assert "Content-Security-Policy" in text
    assert "<script" not in text
    assert text.count(f"{newest.name}/report.html") == 2 * 3, "two drawings and a table, for each of two models"
    assert text.count("/report.html") == 2 * 3
    assert "no report.html" in text
    before = page.read_bytes()
    cli("trend", "qa.exact", "--html", page)
    assert page.read_bytes() == before


def test_events_are_marked(cli: CommandLine, own: Path) -> None:
    with History(own / ".evalkit" / "history.sqlite") as history:
        history.note(PastEvent(name="nightly", at=night_of(4), kind="release", text="release 2.0 \x1b[31m"))
    done = cli("trend", "qa.exact", "--model", "a")
    assert "◆ something happened before that night" in done.out
    assert "release 2.0" in done.out
    assert "\x1b" not in done.out


def test_a_quarantine_is_never_silent(cli: CommandLine, own: Path) -> None:
    (own / "baselines").mkdir()
    cli("quarantine", "add", "s1", "--metric", "qa.exact", "--reason", "x", "--author", "y", "--days", "90")
    entry = json.loads((own / "baselines" / "quarantine.json").read_text(encoding="utf-8"))["samples"][0]
    until = entry["until"]
    done = cli("trend", "qa.exact", "--model", "a")
    assert f"1 of 8 samples, 12.5 % of the weight, is quarantined until {until}.\n" in done.out
    assert f"Without quarantined samples it would be 86% on {night_of(8)}; the levels here hold them" in done.out
    plain = json.loads(cli("trend", "qa.exact", "--model", "a", "--json").out)["trends"][0]
    assert plain["quarantine"]["samples"] == ["s1"]
    assert (plain["points"][-1]["value"], plain["points"][-1]["without"]) == (0.75, pytest.approx(6 / 7))
    assert plain["points"][-1]["paired"] == 7
    assert plain["points"][-1]["difference"] == pytest.approx(-1 / 7)


def test_a_folder_that_is_gone_is_told(cli: CommandLine, own: Path, nine_nights: Path) -> None:
    moved = own / "away"
    shutil.move(nine_nights / "reports", moved)
    try:
        assert "(folder gone)" in cli("trend", "qa.exact").out
    finally:
        shutil.move(moved, nine_nights / "reports")
