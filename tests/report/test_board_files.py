"""The leaderboard's files: the same numbers as run.json, references apart, nothing a spreadsheet would run."""

import csv
import io
import json
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from evalkit.report.board_files import board_rows, render_board_csv, render_board_json, render_board_markdown
from evalkit.report.build import write_report
from evalkit.report.claims import claim_cheapest, claim_references
from evalkit.report.content import build_sections
from evalkit.report.markdown import render_markdown
from evalkit.report.terminal import print_leaderboard
from tests.report.stored_runs import make_run

REFERENCES = (
    {"reference": "oracle", "metric": "qa.exact", "mean": 1.0, "n": 12, "samples": 12},
    {"reference": "majority", "metric": "qa.exact", "mean": 1 / 12, "n": 12, "samples": 12},
)
PRICE = {"input": 1.0, "output": 2.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    models = [{"id": "a", "label": "=cmd()", "price": PRICE}, {"id": "b", "price": PRICE | {"output": 9.0}}]
    return make_run(tmp_path_factory.mktemp("board"), models=models)


@pytest.fixture(scope="module")
def run(folder):
    return replace(folder.load(), references=REFERENCES)


def test_a_row_holds_the_runs_own_numbers(run) -> None:
    rows = {row["model"]: row for row in board_rows(run)}
    for cell in run.cells:
        row, metric = rows[cell.model], cell.metrics["exact"]
        assert (row["qa.exact"], row["qa.exact lower"], row["qa.exact n"]) == (metric.mean, metric.lower, metric.n)
        assert (row["kind"], row["rank_low"], row["rank_high"]) == ("model", 1, 2)
        assert row["cost_usd"] == cell.cost_usd > 0


def test_references_come_last_and_have_no_rank(run) -> None:
    *models, oracle, majority = board_rows(run)
    assert [row["kind"] for row in models] == ["model", "model"]
    assert (oracle["model"], oracle["rank_low"], oracle["qa.exact"]) == ("oracle", None, 1.0)
    assert majority["qa.exact"] == 1 / 12
    assert set(oracle) == set(models[0])


def test_csv_is_read_back_and_starts_no_formula(run) -> None:
    rows = list(csv.DictReader(io.StringIO(render_board_csv(run))))
    assert {row["model"] for row in rows} == {"'=cmd()", "b", "oracle", "majority"}
    assert float(rows[0]["qa.exact"]) == board_rows(run)[0]["qa.exact"]


def test_json_has_the_same_rows(run) -> None:
    content = json.loads(render_board_json(run))
    assert content["rows"] == board_rows(run)
    assert content["primary"] == "qa.exact"


def test_a_run_without_cells_has_files_too(run) -> None:
    empty = replace(run, cells=(), leaderboard=(), pairs=(), tie=None, references=())
    assert render_board_csv(empty) == ""
    assert json.loads(render_board_json(empty))["rows"] == []


@pytest.mark.parametrize("render", [render_board_markdown, render_markdown], ids=["leaderboard.md", "summary.md"])
def test_markdown_shows_references_in_a_table_of_their_own(run, render) -> None:
    html = MarkdownIt("commonmark").enable("table").render(render(run, build_sections(run)))
    assert html.count("<table>") == 2
    assert "oracle" in html.split("<table>")[2]


def test_the_files_are_made_when_they_are_asked_for(folder) -> None:
    stored = folder.load()
    only = {"html": False, "markdown": False, "csv": True, "junit": True}
    folder.save(replace(stored, config={**stored.config, "report": only}))
    names = [path.name for path in write_report(folder)]
    assert names == ["leaderboard.csv", "leaderboard.json", "leaderboard.md", "junit.xml"]
    folder.save(stored)


def test_the_cheapest_of_the_best_is_named(run, capsys: pytest.CaptureFixture[str]) -> None:
    [sentence] = claim_cheapest(run)
    assert sentence.startswith("Cheapest of them: =cmd(), $")
    print_leaderboard(run)
    said = capsys.readouterr().err
    assert sentence in said
    assert "For scale, without any model: oracle 100.0%, majority 8.3%." in said


def test_nothing_is_cheapest_without_every_price_or_without_others(run) -> None:
    unpriced = replace(run, cells=(run.cells[0], replace(run.cells[1], cost_usd=None)))
    assert claim_cheapest(unpriced) == ()
    ahead = replace(run, leaderboard=tuple({**row, "band": n + 1} for n, row in enumerate(run.leaderboard)))
    assert claim_cheapest(ahead) == ()


def test_equal_costs_are_said_to_be_equal(run) -> None:
    equal = replace(run, cells=tuple(replace(cell, cost_usd=0.12) for cell in run.cells))
    assert claim_cheapest(equal) == ("All of them cost the same, $10.00 per 1,000 samples.",)


def test_a_part_of_a_dataset_is_said_to_be_one(run) -> None:
    part = tuple({**each, "samples": 5000} for each in REFERENCES)
    assert claim_references(replace(run, references=part)) == (
        "For scale, without any model: oracle 100.0%, majority 8.3% (on 12 of 5,000 samples).",
    )
