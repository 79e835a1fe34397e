"""Nights through the command line: thirty with a shift, each cause on its own, and what keeps one from running."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.history import History
from tests.cli.commands import CommandLine
from tests.end_to_end.nights import Nights, sections

pytestmark = pytest.mark.slow


@pytest.fixture
def nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return Nights(tmp_path, CommandLine(capsys))


def metric(night: dict[str, Any], name: str = "qa.exact") -> dict[str, Any]:
    (found,) = [each for each in night["metrics"] if each["metric"] == name]
    return found


def causes(night: dict[str, Any]) -> list[str]:
    split = metric(night)["split"]
    return [] if split is None else split["named"]


def test_thirty_nights_with_a_shift_in_the_middle(nights: Nights, tmp_path: Path) -> None:
    found: list[tuple[int, dict[str, Any]]] = []
    for place in range(30):
        accuracy = 0.85 if place < 16 else 0.70
        ended, night = nights.night(place, sections(accuracy=accuracy, seed=place))
        assert ended.code == 0, ended.err
        if metric(night)["drift_found"] is not None:
            found.append((place, metric(night)["drift_found"]))
    assert len(found) == 1, found
    ((told_on, change),) = found
    assert 16 <= told_on <= 26
    assert change["direction"] == "down"
    assert abs(int(change["onset"][-2:]) - 16) <= 2  # the night 2026-10-16 is the last of the better ones
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert len(history.runs("watch", kind="nightly")) == 30
    trend = nights.run("trend", "qa.exact", "--json", "--reports", tmp_path / "reports")
    assert [each["direction"] for each in json.loads(trend.out)["trends"][0]["changes"]] == ["down"]


def test_another_served_model_is_the_serving(nights: Nights) -> None:
    nights.night(0, sections(script={"served_model": "m-2026-01"}))
    _, night = nights.night(1, sections(accuracy=0.5, script={"served_model": "m-2026-02"}))
    assert causes(night) == ["serving"]


def test_the_same_serving_and_other_answers_is_the_model(nights: Nights) -> None:
    nights.night(0, sections())
    _, night = nights.night(1, sections(accuracy=0.5))
    assert causes(night) == ["model"]


def test_other_samples_are_the_samples(nights: Nights) -> None:
    rows = [{"id": f"s{i}", "input": f"q{i}", "target": f"a{i}"} for i in range(200)]
    easy = {"answers": {f"q{i}": f"a{i}" for i in range(200)} | {f"h{i}": "wrong" for i in range(60)}}
    hard = [{"id": f"h{i}", "input": f"h{i}", "target": f"b{i}"} for i in range(60)]
    nights.night(0, sections(script=easy, datasets={"qa": {"rows": rows}}))
    _, night = nights.night(1, sections(script=easy, datasets={"qa": {"rows": [*rows[60:], *hard]}}))
    assert causes(night) == ["samples"]


def test_a_wave_of_cut_off_answers_is_errors_and_truncation(nights: Nights) -> None:
    strict = [{"name": "qa", "dataset": "qa", "on_error": {"truncated": "zero"}}]
    nights.night(0, sections(evaluations=strict))
    _, night = nights.night(1, sections(evaluations=strict, script={"faults": [{"kind": "truncated", "rate": 0.3}]}))
    assert causes(night) == ["errors"]


FAIR = "{% if 'a scripted wrong answer' in prompt %}Verdict: incorrect{% else %}Verdict: correct{% endif %}"
HARSH = "{% if id[-1] in '789' %}Verdict: incorrect{% else %}" + FAIR + "{% endif %}"


def judged(judge: str, **changes: Any) -> dict[str, Any]:
    """Return a config whose one scorer is a scripted judge."""
    made = sections(**changes)
    made["providers"]["bench"] = {"use": "scripted", "address": "bench", "default": judge}
    made["models"].append({"id": "judge-1", "label": "j", "provider": "bench", "role": "judge"})
    made["scorers"] = {"quality": {"use": "judge", "model": "j", "structured": False}}
    return made


def test_a_judge_that_moves_while_the_model_does_not_is_the_judge(nights: Nights, tmp_path: Path) -> None:
    nights.night(0, judged(FAIR))
    ended, night = nights.night(1, judged(HARSH))
    split = metric(night, "qa.quality")["split"]
    assert split["named"] == ["judge"]
    assert split["rejudged"]
    (model,) = [part for part in split["parts"] if part["cause"] == "model"]
    assert model["estimate"] == 0.0
    assert "the judge moved" in ended.err
    assert "200 calls to the judge" in ended.err
    page = (tmp_path / "reports/watch/nightly/2026-10-02.md").read_text(encoding="utf-8")
    assert "The judge moved: re-judging the 200 answers of the night before gives" in page


def test_a_model_that_moves_under_the_same_judge_is_the_model(nights: Nights) -> None:
    nights.night(0, judged(FAIR))
    _, night = nights.night(1, judged(FAIR, accuracy=0.5))
    split = metric(night, "qa.quality")["split"]
    assert (split["named"], split["rejudged"]) == (["model"], True)


def test_another_judge_by_the_config_is_the_judge_too(nights: Nights) -> None:
    nights.night(0, judged(FAIR))
    other = judged(HARSH)
    other["models"][1]["id"] = "judge-2"
    _, night = nights.night(1, other)
    assert metric(night, "qa.quality")["split"]["named"] == ["judge"]


def test_a_quiet_night_pays_for_no_second_judgement(nights: Nights) -> None:
    nights.night(0, judged(FAIR))
    ended, night = nights.night(1, judged(FAIR))
    assert metric(night, "qa.quality")["split"]["named"] == []
    assert "calls to the judge" not in ended.err


def test_a_night_that_ran_is_read_and_asks_nothing(nights: Nights, tmp_path: Path) -> None:
    first, night = nights.night(0, sections())
    again, same = nights.night(0, sections())
    assert (first.code, again.code) == (0, 0)
    assert same["run_id"] == night["run_id"]
    assert "this night has run already" in again.err
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert len(history.runs("watch")) == 1


def test_a_night_without_an_endpoint_could_not_run(nights: Nights, tmp_path: Path) -> None:
    nights.night(0, sections())
    ended, night = nights.night(1, sections(script={"faults": [{"kind": 401}]}))
    assert ended.code == 6
    assert night["state"] in ("could_not_run", "incomplete")
    page = (tmp_path / "reports/watch/nightly/2026-10-02.md").read_text(encoding="utf-8")
    assert "could not run" in page or "ended early" in page
    assert "gression" not in page.replace("never a regression", "")
    ended, night = nights.night(2, sections())
    assert (ended.code, night["state"]) == (0, "ran")


def test_a_wave_of_new_failures_shows_ten_and_counts_the_rest(nights: Nights, tmp_path: Path) -> None:
    wrong = {f"q{i}": "no" for i in range(13)}
    for place in range(9):
        answers = wrong if place >= 7 else {}
        ended, _ = nights.night(place, sections(rows=40, accuracy=1.0, script={"answers": answers}))
        assert ended.code == 0, ended.err
    page = (tmp_path / "reports/watch/nightly/2026-10-09.md").read_text(encoding="utf-8")
    assert "Samples that newly fail" in page
    assert "And 3 more: `evalkit flips` lists them all." in page.replace("\\", "")


def test_failures_come_with_a_metric_that_moved_and_long_answers_are_cut(nights: Nights, tmp_path: Path) -> None:
    """Model a has failed two samples for two nights; tonight b loses half of its samples to endless answers."""
    long = "begin" + "z" * 300_000 + "end"
    for place in range(9):
        made = sections(rows=40, accuracy=1.0, script={"answers": {"q1": "no", "q2": "no"} if place >= 7 else {}})
        answers = {f"q{i}": long for i in range(20)} if place == 8 else {}
        made["providers"]["other"] = {"use": "scripted", "address": "b", "accuracy": 1.0, "answers": answers}
        made["models"] = [{"id": "a", "provider": "script"}, {"id": "b", "provider": "other"}]
        ended, _ = nights.night(place, made)
        assert ended.code == 0, ended.err
    page = (tmp_path / "reports/watch/nightly/2026-10-09.html").read_text(encoding="utf-8")
    stable, _, first = page.partition("Samples that newly fail")[2].partition("qa.exact of b moved, and 20 samples")
    assert stable.count("for 2 nights running") == 2
    assert first.count("for 1 night running") == 8
    assert "297,008 characters left out" in first
    assert len(page) < 300_000
