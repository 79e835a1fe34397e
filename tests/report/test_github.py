"""The step summary, the comment and the annotations, as GitHub would take them."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from evalkit.gate_words import gate_sentence
from evalkit.report.content import build_sections
from evalkit.report.github import annotations, comment_marker, first_sentence, render_comment, render_step_summary
from evalkit.stats.verdicts import Verdict
from tests.report.gated_runs import CHECKS, check, gate_of, gated_run
from tests.report.stored_runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    return gated_run(tmp_path_factory.mktemp("github"))


def test_the_comment_starts_with_its_marker_and_then_the_verdict(run) -> None:
    lines = render_comment(run, build_sections(run)).splitlines()
    assert lines[0] == comment_marker(run) == "<!-- evalkit:nightly -->"
    assert lines[1].startswith("**FAIL: 2 of 6 checks are proven to fail: dropped")


def test_the_same_run_gives_the_same_comment(run) -> None:
    sections = build_sections(run)
    assert render_comment(run, sections) == render_comment(run, sections)
    assert len(render_comment(run, sections)) < 65_536


def test_every_check_is_a_row_and_failures_come_first(run) -> None:
    html = MarkdownIt("commonmark").enable("table").render(render_step_summary(run, build_sections(run)))
    assert html.count("<table>") == 3, "the checks, the board, the reference rows"
    marks = [row.split("<td>")[1].split("</td>")[0] for row in html.split("</table>")[0].split("<tr>")[2:]]
    assert len(marks) == len(CHECKS)
    assert "FAIL" in marks[0]
    assert marks[-1].endswith("PASS")
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_without_a_gate_the_claim_of_the_board_comes_first(tmp_path) -> None:
    run = make_run(tmp_path).load()
    assert first_sentence(run) == "a and b are not distinguishable from the best."
    assert list(annotations(run)) == []
    assert first_sentence(replace(run, status="incomplete")).startswith("The run is incomplete.")


def test_an_annotation_is_one_line_that_cannot_be_left(run) -> None:
    lines = list(annotations(run))
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 3 + ["::warning"] * 2
    assert all("\n" not in line and line.count("::") >= 2 for line in lines)
    hostile = lines[2].removeprefix("::error title=")
    title, _, _ = hostile.partition("::")
    assert "," not in title
    assert "%0A%3A%3Aerror" in title


def test_no_more_annotations_than_github_shows(tmp_path) -> None:
    many = gate_of(*(check(f"c{n}", Verdict.FAIL) for n in range(30)))
    lines = list(annotations(gated_run(tmp_path, many)))
    assert len(lines) == 10
    assert lines[-1].endswith("::and 21 more like these")


def test_the_first_sentence_is_the_gates_own(run) -> None:
    assert first_sentence(run) == gate_sentence(gate_of(*CHECKS))
