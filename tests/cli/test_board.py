"""A board with a group and columns, from the config to every page: each number against one worked out here."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.boards import (
    GROUP,
    Board,
    expected_average,
    expected_pair,
    expected_ranks,
    read_markdown,
    read_page,
    run_board,
    said,
    values,
)

RANK_SAID = {"a": "1\u20132", "b": "1\u20132", "c": "3"}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """The board of three models whose every answer was scored."""
    return run_board(tmp_path_factory.mktemp("board"))


def test_data_files_hold_the_average_that_numpy_finds(board: Board) -> None:
    assert board.code == 0, board.printed
    assert expected_ranks() == {"a": [1, 2], "b": [1, 2], "c": [3, 3]}
    files = board.file_rows()
    listed = {row["model"]: row for row in json.loads(board.text("leaderboard.json"))["rows"]}
    for model, rank in expected_ranks().items():
        figures = pytest.approx(expected_average(model), abs=1e-12)
        row = board.rows[model]
        group = row["groups"]["overall"]
        assert [group[name] for name in ("mean", "lower", "upper")] == figures
        assert (group["n"], group["samples"], group["missing"]) == (135, 135, [])
        assert (row["rank"], row["band"]) == (rank, 2 if model == "c" else 1)
        for found in (files[model], listed[model]):
            assert [float(found[name]) for name in ("overall", "overall lower", "overall upper")] == figures
            assert [int(found[name]) for name in ("rank_low", "rank_high", "band")] == [*rank, row["band"]]
            assert float(found["hard.exact"]) == pytest.approx(values(model, "hard").mean())
            assert not any(key.startswith(("easy.exact", "short.exact")) for key in found)


def test_pairs_and_tie_are_those_of_averages(board: Board) -> None:
    run = board.run
    assert [(pair["first"], pair["second"]) for pair in run["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in run["pairs"]:
        expected = expected_pair(pair["first"], pair["second"])
        assert (pair["difference"], pair["p"]) == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert run["tie"]["models"] == ["a", "b"]


def test_pages_show_the_average_that_numpy_finds(board: Board) -> None:
    tables = [read_markdown(board.text(f"{name}.md")) for name in ("leaderboard", "summary", "comment")]
    tables.append(read_markdown(board.step))
    page = read_page(board.text("report.html"))
    for model, rank in RANK_SAID.items():
        score, interval = said(*expected_average(model))
        for rows in tables:
            assert (rows[model][0], rows[model][2]) == (rank, f"{score} ({interval})")
        assert re.search(rf"^ *{rank} +{model} +{score} +{interval} +135 ", board.printed, re.MULTILINE)
        assert page[model].startswith(f"{rank} {model}")
        assert f"{score} {interval}" in page[model]
    ranked = "Ranked on overall, the macro average of easy.exact, hard.exact and short.exact; each weighs the same."
    texts = [board.text(name) for name in ("report.html", "leaderboard.md", "summary.md", "comment.md")]
    for text in (*texts, board.step, board.printed):
        assert ranked in " ".join(text.split())


FAILED = [{"kind": "reset", "on": [f"hard-{i}" for i in range(45)]}]
PARTLY = [{"kind": "reset", "on": [f"hard-{i}" for i in range(15)]}]
ASKED = [{"name": "easy", "dataset": "easy"}, {"name": "hard", "dataset": "hard", "models": ["a", "b"]}]
ASKED.append({"name": "short", "dataset": "short"})


@pytest.mark.parametrize(
    "changes",
    [{"faults": FAILED}, {"evaluations": ASKED}],
    ids=["every call failed", "not asked"],
)
def test_without_one_evaluation_there_is_no_average(tmp_path: Path, changes: dict[str, Any]) -> None:
    board = run_board(tmp_path, **changes)
    row = board.run["leaderboard"][-1]
    group = row["groups"]["overall"]
    assert (row["model"], row["rank"], row["band"]) == ("c", None, None)
    assert [group[name] for name in ("mean", "lower", "upper", "worst", "best")] == [None] * 5
    assert (group["missing"], group["n"]) == (["hard.exact"], row["n"])
    assert {first["first"] + first["second"] for first in board.run["pairs"]} == {"ab"}
    found = board.file_rows()["c"]
    assert [found[name] for name in ("rank_low", "overall", "overall lower", "overall upper", "hard.exact")] == [""] * 5
    for name in ("leaderboard", "summary", "comment"):
        assert read_markdown(board.text(f"{name}.md"))["c"][2] == "\u2013 (no score on hard.exact)"
    assert "\u2013 no score on hard.exact" in read_page(board.text("report.html"))["c"]
    assert re.search("^ *\u2013 +c +\u2013 +no score on hard.exact +90", board.printed, re.MULTILINE)


def test_an_evaluation_that_failed_in_part_counts_what_was_scored(tmp_path: Path) -> None:
    board = run_board(tmp_path, faults=PARTLY)
    group = board.rows["c"]["groups"]["overall"]
    means = [values("c", "easy").mean(), values("c", "hard")[15:].mean(), values("c", "short").mean()]
    assert group["mean"] == pytest.approx(np.mean(means))
    assert (group["n"], group["samples"], group["missing"], group["outcomes"]["infra_error"]) == (120, 135, [], 15)
    wrong, right = ((values("c", "hard")[15:].sum() + more) / 45 for more in (0, 15))
    assert group["worst"] == pytest.approx(np.mean([means[0], wrong, means[2]]))
    assert group["best"] == pytest.approx(np.mean([means[0], right, means[2]]))
    assert read_markdown(board.text("summary.md"))["c"][3] == "120 of 135"


def test_a_run_that_was_cut_short_averages_nothing_that_it_did_not_measure(tmp_path: Path) -> None:
    board = run_board(tmp_path, "--set", "run.max_requests=70", "--set", "run.order=by_evaluation")
    assert board.code == 3
    for row in board.run["leaderboard"]:
        scored = {name for name, mean in row["metrics"].items() if mean is not None}
        assert row["groups"]["overall"]["missing"] == [name for name in GROUP if name not in scored]
        assert (row["groups"]["overall"]["mean"], row["rank"]) == (None, None)
    assert "No model has a score on every metric of overall." in board.text("comment.md")


def test_one_model_has_an_average_and_no_rank_to_win(tmp_path: Path) -> None:
    board = run_board(tmp_path, "--models", "a")
    score, interval = said(*expected_average("a"))
    assert read_markdown(board.text("summary.md"))["a"][2] == f"{score} ({interval})"
    assert f"a scores {score} on overall." in board.text("comment.md")
    assert (board.run["pairs"], board.rows["a"]["rank"]) == ([], [1, 1])


def test_a_run_of_part_of_the_group_says_what_ranks_it_instead(tmp_path: Path) -> None:
    board = run_board(tmp_path, "--evaluations", "hard")
    assert board.code == 0
    assert board.printed.count("does not measure all of 'overall', which ranks the models; 'hard.exact' does") == 1
    assert board.run["primary"] == "hard.exact"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"leaderboard": {"primary": "overal", "groups": {"overall": GROUP}}}, "no metric or group is called 'overal'"),
        ({"leaderboard": {"primary": "overall"}}, "no metric is called 'overall'"),
        ({"leaderboard": {"columns": ["easy.exact", "nothing"]}}, "no metric is called 'nothing'"),
        ({"leaderboard": {"groups": {"overall": ["easy.exact", "easy.f1"]}}}, "no metric is called 'easy.f1'"),
        ({"gate": {"rules": [{"metric": "overall", "min": 0.5}]}}, "'overall' is a group of the leaderboard"),
    ],
    ids=["primary", "primary without groups", "column", "member", "gate"],
)
def test_an_unknown_name_is_one_sentence_and_nothing_is_spent(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    ended = run_board(tmp_path, **changes)
    assert ended.code == 2
    assert ended.printed.count(sentence) == 1
    assert not (tmp_path / "reports").exists()
