"""A gate's table says what its lines say: verdict, limit, figure, bounds, and what it takes to decide."""

import math
from typing import Any

import pytest

from evalkit.gate_words import describe_gate
from evalkit.report.blocks import Cell, IntervalCell, Paragraph, Row, Table
from evalkit.report.gate_table import build_gate_table
from evalkit.stats.verdicts import Verdict
from tests.report.gated_runs import CHECKS, check, gate_of


def table_of(*checks: Any, **given: Any) -> tuple[Table, Paragraph]:
    table, note = build_gate_table(describe_gate(gate_of(*checks, **given)))
    assert isinstance(table, Table)
    assert isinstance(note, Paragraph)
    return table, note


def row_of(*given: Any) -> Row:
    (row,) = table_of(*given)[0].rows
    return row


def texts(row: Row) -> list[tuple[str, str]]:
    return [(str(cell.text).replace("\u00a0", " "), cell.second) for cell in row.cells if isinstance(cell, Cell)]


def drawing(row: Row) -> IntervalCell:
    (found,) = [cell for cell in row.cells if isinstance(cell, IntervalCell)]
    return found


def test_without_checks_there_is_no_table() -> None:
    assert build_gate_table(describe_gate(gate_of())) == ()


def test_what_failed_stands_first() -> None:
    words = [texts(row)[0][0] for row in table_of(*CHECKS)[0].rows]
    assert words == [
        "\u2715 Fail",
        "! Warns",
        "\u2715 Fail",
        "? Undecided",
        "? Undecided",
        "\u2713 Pass",
        "\u2713 Pass",
    ]


@pytest.mark.parametrize(
    ("given", "tone", "rule"),
    [
        ({}, "FAIL", "falls at most 2.0 points"),
        ({"severity": "warn"}, "INCONCLUSIVE", "falls at most 2.0 points, only warns"),
        ({"higher_is_better": False}, "FAIL", "rises at most 2.0 points"),
        ({"limit": 0.0025}, "FAIL", "falls at most 0.25 points"),
        ({"claim": "min", "limit": 0.5, "estimate": 0.3, "lower": 0.2, "upper": 0.4}, "FAIL", "at least 50.0%"),
        ({"claim": "max", "limit": 0.1, "estimate": 0.3, "lower": 0.2, "upper": 0.4}, "FAIL", "at most 10.0%"),
    ],
    ids=["fails", "only warns", "lower is better", "a fine margin", "a floor", "a ceiling"],
)
def test_a_rule_in_words(given: dict[str, Any], tone: str, rule: str) -> None:
    row = row_of(check("rule", Verdict.FAIL, **given))
    assert (row.tone, texts(row)[1]) == (tone, ("rule", rule))


def test_figure_bounds_and_reach() -> None:
    _, _, figure, bounds, samples, reach = texts(row_of(check("rule", Verdict.FAIL)))
    assert figure == ("\u221210.1 points", "p 0.0027")
    assert bounds == ("\u221214.1 to \u22125.9", "")
    assert (samples, reach) == (("297", ""), ("a drop of 6.4 points", ""))


def test_bounds_never_round_across_the_limit() -> None:
    row = row_of(check("close", Verdict.FAIL, estimate=-0.0301, lower=-0.0401, upper=-0.02004))
    assert "2.004" in texts(row)[3][0]


def test_what_was_not_measured_has_no_figure_and_no_drawing() -> None:
    given = {"estimate": None, "lower": None, "upper": None, "p_raw": None, "p_adjusted": None, "mde": None}
    row = row_of(check("lost", Verdict.INCONCLUSIVE, reason="no sample", **given))
    assert texts(row)[2:] == [("\u2013", "no figure"), ("\u2013", ""), ("297", ""), ("\u2013", "no sample")]
    assert drawing(row).value is None


@pytest.mark.parametrize(
    ("given", "limit", "fails"),
    [
        ({}, -0.02, "below"),
        ({"higher_is_better": False}, 0.02, "above"),
        ({"claim": "min", "limit": 0.5, "estimate": 0.4, "lower": 0.3, "upper": 0.45}, 0.5, "below"),
        ({"claim": "max", "limit": 0.1, "estimate": 0.4, "lower": 0.3, "upper": 0.45}, 0.1, "above"),
    ],
    ids=["drop", "rise", "floor", "ceiling"],
)
def test_the_side_that_fails_is_drawn(given: dict[str, Any], limit: float, fails: str) -> None:
    found = drawing(row_of(check("rule", Verdict.FAIL, **given)))
    assert (found.limit, found.fails) == (limit, fails)


def test_an_undecided_check_says_the_samples_that_its_line_says() -> None:
    gate = describe_gate(gate_of(check("open", Verdict.INCONCLUSIVE, items=60, items_to_pass=484, p_adjusted=1.0)))
    (stored,) = gate["checks"]
    (row,) = build_gate_table(gate)[0].rows
    assert "about 490 items" in stored["line"]
    assert texts(row)[-1][1] == "about 490 samples to decide"


@pytest.mark.parametrize(
    ("given", "reach"),
    [
        pytest.param(
            {"items_to_pass": 484, "trials_to_pass": 7.0},
            ("a drop of 6.4 points", "about 490 samples or 7 trials on both sides to decide"),
            id="trials do as well",
        ),
        pytest.param(
            {"items_to_pass": 484, "trials_to_pass": math.inf},
            ("a drop of 6.4 points", "about 490 samples to decide"),
            id="no number of trials does",
        ),
        pytest.param(
            {"claim": "min", "limit": 0.9, "detect": 0.02, "items_needed": 950, "trials_needed": 4.0, "mde": 0.0054},
            ("a shortfall of 0.54 points", "about 950 samples or 4 trials to decide"),
            id="a level and a small reach",
        ),
        pytest.param(
            {"claim": "max", "limit": 0.1, "mde": 0.05}, ("an excess of 5.0 points", ""), id="an excess, needs unknown"
        ),
        pytest.param({"claim": "min", "limit": 0.01, "mde": None, "is_blind": True}, ("nothing", ""), id="nothing"),
    ],
)
def test_an_undecided_check_says_what_would_decide_it(given: dict[str, Any], reach: tuple[str, str]) -> None:
    assert texts(row_of(check("open", Verdict.INCONCLUSIVE, **given)))[-1] == reach


def test_many_models_are_told_apart() -> None:
    rows = table_of(check("rule", Verdict.PASS), check("rule", Verdict.PASS, model="b", slice="topic=x"))[0].rows
    assert [texts(row)[1][0] for row in rows] == ["rule, a", "rule, b, topic=x"]


def test_the_note_says_how_to_read_it() -> None:
    said = str(table_of(*CHECKS)[1].parts[0])
    assert "Bounds are one-sided at 95% and not adjusted." in said
    assert "p is adjusted by Holm over 4 claims; a fail needs it." in said
    assert "80% power" in said
