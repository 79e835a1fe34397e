"""The judges of a run in words and in a table: nothing without them, and a warning where anchors do not hold."""

from dataclasses import replace
from typing import Any

import pytest

from evalkit.report.blocks import Cell, Paragraph, Section, Table
from evalkit.report.judge_claims import claim_judges
from evalkit.report.sections.judges import JudgesSection
from evalkit.results import RunResult
from tests.weave_io.run_folders import RunSpec

ANCHORS = {
    "n": 20,
    "scored": 19,
    "unanswered": 0,
    "agreement": 0.95,
    "lower": 0.76,
    "upper": 0.99,
    "min_agreement": 0.9,
    "holds": True,
    "digest": "d",
}
JUDGE: dict[str, Any] = {
    "scorer": "right",
    "model": "J",
    "model_id": "judge-1",
    "provider": "p",
    "votes": 1,
    "judgements": 1200,
    "failed": {"unparseable": 0, "unanswered": 0},
    "served_models": ["judge-1-0613"],
    "fingerprints": [],
    "calls": 1203,
    "from_journal": 0,
    "from_cache": 0,
    "reformatted": 3,
    "vote_agreement": None,
    "usage": {},
    "cost_usd": 0.25,
    "price_source": "config",
    "latency_s": {"p50": 0.8, "p95": 2.0, "mean": 1.0},
    "anchors": ANCHORS,
}


def run(**changes: Any) -> RunResult:
    return replace(RunSpec().run(), judges=({**JUDGE, **changes},))


def texts(made: RunResult) -> list[str]:
    (section,) = JudgesSection().build(made)
    assert isinstance(section, Section)
    table = section.blocks[1]
    assert isinstance(table, Table)
    return [str(cell.text) for cell in table.rows[0].cells if isinstance(cell, Cell)]


def test_a_run_without_judges_has_no_section() -> None:
    assert JudgesSection().build(RunSpec().run()) == ()
    assert claim_judges(RunSpec().run()) == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "J judged 1,200 answers for right in 1,203 calls. Agreement with its anchors: 95% of 20 (76% to 99%)."),
        (
            {"anchors": None},
            "J judged 1,200 answers for right in 1,203 calls. It has no anchors: nothing says how well it judges.",
        ),
        (
            {"anchors": {**ANCHORS, "agreement": 0.6, "lower": 0.39, "upper": 0.78, "holds": False}},
            (
                "J judged 1,200 answers for right in 1,203 calls. "
                "NOT TRUSTED: agreement with its anchors: 60% of 20 (39% to 78%), below 90%."
            ),
        ),
        (
            {"anchors": {**ANCHORS, "agreement": None, "unanswered": 20, "holds": False}},
            (
                "J judged 1,200 answers for right in 1,203 calls. "
                "NOT TRUSTED: agreement with its anchors: unknown, none of 20 could be asked."
            ),
        ),
        (
            {"failed": {"unparseable": 2, "unanswered": 1}, "anchors": None},
            (
                "J judged 1,200 answers for right in 1,203 calls. 2 answers got no verdict that can be read. "
                "It could not be asked about 1. It has no anchors: nothing says how well it judges."
            ),
        ),
    ],
    ids=["fine", "no anchors", "distrusted", "anchors not asked", "failures"],
)
def test_what_is_said(changes: dict[str, Any], sentence: str) -> None:
    assert claim_judges(run(**changes)) == (sentence,)
    (section,) = JudgesSection().build(run(**changes))
    assert isinstance(section, Section)
    assert section.blocks[0] == Paragraph((sentence,), "lead")


def test_a_row_for_each_judge() -> None:
    assert texts(run(votes=3, vote_agreement=0.9)) == [
        *("J", "right", "1,203", "0", "0", "3", "90%", "800\N{NO-BREAK SPACE}ms", "$0.250"),
        *("95% of 20 (76% to 99%)", "judge-1-0613"),
    ]


@pytest.mark.parametrize(
    ("changes", "cost"),
    [({}, "$0.250"), ({"cost_usd": None}, "\N{EN DASH}"), ({"price_source": None, "cost_usd": None}, "no price")],
)
def test_a_cost_that_is_not_known_is_not_nought(changes: dict[str, Any], cost: str) -> None:
    assert texts(run(**changes))[8] == cost
