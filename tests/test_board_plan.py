"""What a board shows and what ranks it, of the metrics that a plan measures."""

from pathlib import Path
from typing import Any

import pytest

from evalkit.board_plan import plan_board, read_board
from evalkit.config.schema import LeaderboardSpec
from tests.report.grouped_runs import BOARD, make_grouped_run
from tests.report.stored_runs import make_run

METRICS = {"easy.exact": "exact", "easy.f1": "f1", "hard.exact": "exact"}
GROUPS = {"both": ["easy.exact", "hard.exact"], "words": ["easy.f1"]}


@pytest.mark.parametrize(
    ("spec", "primary", "columns", "ranking"),
    [
        ({}, "easy.exact", ["easy.exact", "easy.f1", "hard.exact"], "exact"),
        ({"primary": "easy.f1"}, "easy.f1", ["easy.f1", "easy.exact", "hard.exact"], "f1"),
        ({"groups": GROUPS}, "easy.exact", ["easy.exact", "both", "words", "easy.f1", "hard.exact"], "exact"),
        (
            {"groups": GROUPS, "primary": "words"},
            "words",
            ["words", "both", "easy.exact", "easy.f1", "hard.exact"],
            "f1",
        ),
        ({"groups": GROUPS, "columns": ["hard.exact", "both"]}, "easy.exact", ["hard.exact", "both"], "exact"),
    ],
    ids=["nothing said", "a metric", "groups", "a group", "columns"],
)
def test_a_board_is_planned(spec: dict[str, Any], primary: str, columns: list[str], ranking: str) -> None:
    board = plan_board(LeaderboardSpec.model_validate(spec), METRICS)
    assert (board.primary, list(board.columns), board.ranking_scorer) == (primary, columns, ranking)


def test_a_narrowed_plan_has_no_part_of_a_group() -> None:
    spec = LeaderboardSpec.model_validate({"groups": GROUPS, "primary": "both", "columns": ["both", "easy.f1"]})
    board = plan_board(spec, {"easy.exact": "exact", "easy.f1": "f1"})
    assert (board.primary, board.columns, dict(board.groups)) == ("easy.exact", ("easy.f1",), {"words": ("easy.f1",)})


def test_a_plan_without_metrics_has_no_primary() -> None:
    board = plan_board(LeaderboardSpec(), {})
    assert (board.primary, board.columns, board.ranking_scorer, board.members(None)) == (None, (), "", ())


def test_a_name_stands_for_its_metrics() -> None:
    board = plan_board(LeaderboardSpec.model_validate({"groups": GROUPS}), METRICS)
    assert board.members("both") == ("easy.exact", "hard.exact")
    assert board.members("easy.f1") == ("easy.f1",)


def test_a_stored_run_has_the_board_that_was_planned(tmp_path: Path) -> None:
    run = make_grouped_run(tmp_path).load()
    board = read_board(run)
    assert board.describe() == BOARD
    assert board.ranking_scorer == "exact"


def test_a_stored_run_without_groups_shows_every_metric(tmp_path: Path) -> None:
    run = make_run(tmp_path).load()
    assert read_board(run).describe() == {"primary": "qa.exact", "columns": ["qa.exact"], "groups": {}}
