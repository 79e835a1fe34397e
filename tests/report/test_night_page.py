"""A night as a page and as Markdown: its one answer in each state, and texts that nobody may run."""

import dataclasses
from typing import Any

import pytest

from evalkit.errors import ExitCode
from evalkit.night_measured import Shift
from evalkit.night_result import NightResult, NightState
from evalkit.report.night_claims import claim_night, claim_spending
from evalkit.report.night_page import render_night, summarize_night
from evalkit.report.night_sections import build_night
from evalkit.report.run_pages import RunPages
from evalkit.results import CellResult, RunResult

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
    whole = headline.replace("2026-11-23", '<span class="nowrap">2026-11-23</span>')
    assert f">{whole}</h1>" in render_night("watch", sections, version="1")
    assert headline in summarize_night(sections)


def test_a_night_that_could_not_run_is_never_green_and_never_a_regression() -> None:
    night = result(state=NightState.COULD_NOT_RUN, exit_code=ExitCode.INCOMPLETE, why="no reply")
    page = render_night("watch", build_night(night, RunPages()), version="1")
    assert "No reply" in page
    for word in ("PASS", "Regression", "Quiet"):
        assert f">{word}<" not in page


CELL = {
    "model": "exact",
    "model_id": "org/exact",
    "provider": "p",
    "served_models": (),
    "fingerprints": (),
    "evaluation": "qa",
    "samples": 10,
    "trials": 1,
    "metrics": {},
    "usage": {},
    "cost_usd": None,
    "price_source": None,
    "output_tokens": {},
    "latency_s": {},
    "measure": {},
    "treatment": {},
}


def answered(**outcomes: int) -> RunResult:
    return dataclasses.replace(RUN, cells=(CellResult(**{**CELL, "outcomes": outcomes}),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("why", "printed"),
    [
        ("no reply from 127.0.0.1", "No reply from 127.0.0.1"),
        ("missing.json is not there", "missing.json is not there"),
        ("scorers.exact: unknown option", "scorers.exact: unknown option"),
        ("exact lost its answers", "exact lost its answers"),
    ],
    ids=["a sentence", "a file", "a key of the config", "a model of the config"],
)
def test_a_sentence_begins_with_a_capital_and_a_name_as_it_is_written(why: str, printed: str) -> None:
    night = result(state=NightState.INCOMPLETE, run=answered(ok=10), why=why)
    assert claim_night(night)[3] == printed


def test_a_night_that_asked_everything_and_lacks_scores_did_not_end_early() -> None:
    whole = result(state=NightState.INCOMPLETE, run=answered(ok=10), why="200 of 200 judgements failed")
    assert claim_night(whole)[2] == "The night of 2026-11-23 has too many gaps; nothing is said of its scores."
    cut = result(state=NightState.INCOMPLETE, run=answered(ok=4, not_run=6), why="the budget is used up")
    assert claim_night(cut)[2] == "The night of 2026-11-23 ended early; nothing is said of its scores."


def test_what_else_changed_is_listed_and_what_is_worse_is_in_the_headline() -> None:
    told = (Shift("the evaluation qb is no longer measured", is_worse=True), Shift("the model n is new"))
    night = result(run=RUN, shifts=told)
    assert claim_night(night)[:3] == (
        "INCONCLUSIVE",
        "Changed",
        "No metric is shown to have moved, but the evaluation qb is no longer measured.",
    )
    assert claim_night(result(run=RUN, shifts=told[1:]))[1] == "Quiet"
    page = summarize_night(build_night(night, RunPages()))
    assert "What else changed since the night before" in page
    assert "The model n is new." in page


@pytest.mark.parametrize(
    ("calls", "judges", "said"),
    [
        ({"requests": 200, "cost_usd": 1.5}, (), "Tonight: 200 calls to models; $1.50."),
        (
            {"requests": 1, "cost_usd": None},
            ({"scorer": "q", "model": "J", "calls": 1200},),
            "Tonight: 1 call to models, and 1,200 to judges; cost unknown, as no price is set.",
        ),
        (
            {"requests": 2, "cost_usd": None, "known_cost_usd": 1.5},
            (),
            "Tonight: 2 calls to models; at least $1.50, as not every price is known.",
        ),
        ({}, (), ""),
    ],
    ids=["priced", "no price", "half priced", "an old run"],
)
def test_what_a_night_cost_is_one_line(calls: Any, judges: Any, said: str) -> None:
    assert claim_spending(result(run=dataclasses.replace(RUN, calls=calls, judges=judges))) == said


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
