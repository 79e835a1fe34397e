"""A night as a page and as Markdown: its one answer in each state, and texts that nobody may run."""

import dataclasses
from typing import Any

import pytest

from evalkit.errors import ExitCode
from evalkit.night_result import NightResult, NightState
from evalkit.report.night_claims import claim_night
from evalkit.report.night_page import render_night, summarize_night
from evalkit.report.night_sections import build_night
from evalkit.report.run_pages import RunPages
from evalkit.results import RunResult

HOSTILE = "<script>alert(1)</script>\u202e|`x`"


def result(**changes: Any) -> NightResult:
    plain: dict[str, Any] = {
        "name": "watch",
        "night": "2026-11-23",
        "state": NightState.RAN,
        "exit_code": ExitCode.DONE,
    }
    return NightResult(**{**plain, **changes})


RUN = RunResult(
    run_id="20261123T020000-abcd",
    name="watch",
    status="complete",
    started_at="2026-11-23T02:00:00.000+00:00",
    ended_at="2026-11-23T02:05:00.000+00:00",
    plan_digest="p",
    versions={},
    datasets={},
    cells=(),
)


def gated(verdict: str) -> RunResult:
    check = {"name": "qa.exact", "metric": "qa.exact", "model": "Atlas", "verdict": verdict, "severity": "fail"}
    sentence = f"{verdict.upper()}: Atlas lost 10.1 points of qa.exact; 2.0 were allowed."
    gate = {"verdict": verdict, "sentence": sentence, "checks": [{**check, "line": f"{verdict} qa.exact"}]}
    return dataclasses.replace(RUN, gate=gate, verdict=verdict)


@pytest.mark.parametrize(
    ("night", "kind", "word", "headline"),
    [
        (
            result(state=NightState.COULD_NOT_RUN, exit_code=ExitCode.ACCESS, why="401 Invalid Authentication"),
            "INCONCLUSIVE",
            "Could not run",
            "The night of 2026-11-23 could not run.",
        ),
        (
            result(state=NightState.INCOMPLETE, exit_code=ExitCode.INCOMPLETE, why="the budget is used up"),
            "INCONCLUSIVE",
            "Incomplete",
            "The night of 2026-11-23 ended early; nothing is said of its scores.",
        ),
        (result(), "NONE", "Quiet", "No metric is shown to have moved."),
        (result(run=gated("pass")), "PASS", "Quiet", "No metric is shown to have moved."),
        (
            result(run=gated("fail"), exit_code=ExitCode.GATE_FAILED),
            "FAIL",
            "Regression",
            "Atlas lost 10.1 points of qa.exact; 2.0 were allowed.",
        ),
    ],
    ids=["could not run", "ended early", "quiet", "quiet and gated", "regression"],
)
def test_a_night_has_one_answer(night: NightResult, kind: str, word: str, headline: str) -> None:
    assert claim_night(night)[:3] == (kind, word, headline)
    sections = build_night(night, RunPages())
    assert headline in render_night("watch", sections, version="1")
    assert headline in summarize_night(sections)


def test_a_night_that_could_not_run_is_never_green_and_never_a_regression() -> None:
    night = result(state=NightState.COULD_NOT_RUN, exit_code=ExitCode.INCOMPLETE, why="no reply")
    page = render_night("watch", build_night(night, RunPages()), version="1")
    assert "No reply" in page
    for word in ("PASS", "Regression", "Quiet"):
        assert f">{word}<" not in page


def test_an_undecided_gate_makes_no_night_green() -> None:
    assert claim_night(result(run=gated("inconclusive")))[0] != "PASS"


def test_what_a_judge_lost_by_its_anchors_is_said() -> None:
    anchors = {"n": 20, "agreement": 0.6, "min_agreement": 0.9, "holds": False}
    run = dataclasses.replace(RUN, judges=({"scorer": "quality", "model": "Judge", "anchors": anchors},))
    detail = claim_night(result(run=run, metrics=()))[3]
    assert "agrees with 60% of its 20 anchors, below 90%" in detail


def test_hostile_texts_stay_texts() -> None:
    night = result(name=HOSTILE, state=NightState.COULD_NOT_RUN, why=HOSTILE, catalog=(HOSTILE,), notes=(HOSTILE,))
    sections = build_night(night, RunPages(), alerts=(HOSTILE,))
    page = render_night(HOSTILE, sections, version="1")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert page == render_night(HOSTILE, sections, version="1")
    assert "<script>" not in summarize_night(sections)
