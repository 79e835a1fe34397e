"""Past runs as a table: what a reader sees of each, and of what changed between them."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from evalkit.past_runs import PastEvent, PastMetric, PastRun
from evalkit.report.blocks import Cell, Table
from evalkit.report.history_page import history_lines, render_history
from evalkit.report.history_table import PastRuns, build_history, format_age
from evalkit.report.numbers import NOTHING


def a_run(number: int, **changes: Any) -> PastRun:
    fields: dict[str, Any] = {
        "run_id": f"r{number}",
        "name": "n",
        "night": f"2026-01-{number:02}",
        "kind": "nightly",
        "started_at": f"2026-01-{number:02}T03:00:00+00:00",
        "ended_at": None,
        "status": "complete",
        "folder": "/f",
        "plan_digest": "p",
        "primary": "qa.exact",
    }
    return PastRun(**{**fields, **changes})


def a_metric(run: PastRun, model: str = "a", **changes: Any) -> PastMetric:
    fields: dict[str, Any] = {
        "evaluation": "qa",
        "scorer": "exact",
        "kind": "binary",
        "higher_is_better": True,
        "confidence": 0.95,
        "mean": 0.725,
        "lower": 0.70,
        "upper": 0.75,
        "n": 990,
        "samples": 1000,
        "trials": 1,
        "outcomes": {"scored": 990, "infra_error": 10},
        "predictions": {"ok": 990, "infra_error": 10},
        "series": "s",
        "setting": {"dataset": "d"},
    }
    return PastMetric(run=run, model=model, **{**fields, **changes})


def past(
    runs: Sequence[PastRun], metrics: Mapping[str, Sequence[PastMetric]] | None = None, **changes: Any
) -> PastRuns:
    found = {run.run_id: [a_metric(run)] for run in runs} if metrics is None else metrics
    return PastRuns(**{"runs": runs, "metrics": found, "models": ["a"], **changes})


def texts(table: Table) -> list[list[str]]:
    return [[str(cell.text) for cell in row.cells if isinstance(cell, Cell)] for row in table.rows]


def test_a_row_says_what_a_run_came_to() -> None:
    run = a_run(1, verdict="PASS", cost_usd=1.5)
    table = build_history(past([run]), now=datetime(2026, 1, 4, 3, tzinfo=UTC))
    assert texts(table) == [["2026-01-01", "r1", "1 x 1", "72.5%", "10", "PASS", "$1.50", "3 d"]]
    assert table.rows[0].cells[3] == Cell("72.5%", "70.0 to 75.0")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"status": "incomplete", "verdict": None}, "incomplete"),
        ({"parent_run": "r0"}, "scored again"),
        ({"verdict": "FAIL", "parent_run": "r0"}, "FAIL"),
        ({}, NOTHING),
    ],
    ids=["incomplete", "scored again", "a verdict first", "none"],
)
def test_the_verdict_says_why_there_is_none(changes: dict[str, Any], verdict: str) -> None:
    assert texts(build_history(past([a_run(1, **changes)])))[0][-2] == verdict


def test_a_run_without_results_has_dashes() -> None:
    (row,) = texts(build_history(past([a_run(1)], {})))
    assert row == ["2026-01-01", "r1", NOTHING, NOTHING, NOTHING, NOTHING, "no price"]


def test_events_stand_where_they_happened() -> None:
    events = [
        PastEvent(name="n", at=at, kind="release", text=text)
        for at, text in (("2026-01-03T00:00:00+00:00", "after"), ("2026-01-01T23:30:00-02:00", "between"))
    ]
    rows = texts(build_history(past([a_run(1), a_run(2)], events=events)))
    assert [row[0] for row in rows] == [
        *("2026-01-01", "2026-01-02 release: between", "2026-01-02", "2026-01-03 release: after"),
    ]


def test_a_changed_setting_is_told_once_and_by_name() -> None:
    runs = [a_run(number) for number in range(1, 5)]
    other = {"series": "t", "setting": {"dataset": "e"}}
    metrics = {run.run_id: [a_metric(run, **(other if place > 1 else {}))] for place, run in enumerate(runs)}
    rows = texts(build_history(past(runs, metrics)))
    assert [row[0] for row in rows if len(row) == 1] == ["from here on another dataset"]
    assert rows[2] == ["from here on another dataset"]
    again = dataclasses.replace(runs[2], parent_run="r1")
    assert all(len(row) > 1 for row in texts(build_history(past([*runs[:2], again], metrics))))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 min"), (59, "0 min"), (3599, "59 min"), (7200, "2 h"), (47 * 3600, "47 h"), (86400 * 9.9, "9 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_lines_are_aligned_and_hold_no_control_characters() -> None:
    events = [PastEvent(name="n", at="2026-01-01T00:00:00+00:00", kind="release", text="v1\x1b[2J\u202e")]
    run = a_run(1)
    metrics = {"r1": [a_metric(run), a_metric(run, "模型")]}
    lines = history_lines(build_history(past([run], metrics, events=events, models=["a", "模型"])))
    assert "\x1b" not in "".join(lines)
    assert lines[1].startswith("  -- 2026-01-01 release: v1")
    ends = [line.index(text) + len(text) for line, text in ((lines[0], "not scored"), (lines[2], " 20"))]
    assert cell_len(lines[0][: ends[0]]) == cell_len(lines[2][: ends[1]])


def test_a_page_is_the_same_each_time_and_escapes() -> None:
    hostile = "<script>alert(1)</script>"
    events = [PastEvent(name="n", at="2026-01-01T00:00:00+00:00", kind="release", text=hostile)]
    table = build_history(past([a_run(1)], events=events, pages={"r1": "./x/report.html"}))
    page = render_history("n", table, version="1")
    assert page == render_history("n", table, version="1")
    assert hostile not in page
    assert 'href="./x/report.html"' in page
