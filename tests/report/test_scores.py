"""Every model on what the board shows, groups among it, and never an average over less than the whole group."""

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.report.blocks import Cell
from evalkit.report.scores import build_score_table, format_score, read_scores, reference_scores
from evalkit.results import MetricResult, RunResult
from tests.report.grouped_runs import BOARD, make_grouped_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return make_grouped_run(tmp_path_factory.mktemp("grouped")).load()


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return make_grouped_run(tmp_path_factory.mktemp("lacking"), asked=["a"]).load()


def cells(run: RunResult) -> dict[str, list[tuple[str, str]]]:
    found = build_score_table(run)
    assert found is not None
    rows = [[each for each in row.cells if isinstance(each, Cell)] for row in found[1].rows]
    return {str(row[0].text): [(str(each.text), each.second) for each in row[1:]] for row in rows}


def metric(mean: float | None, lower: float | None, upper: float | None, n: int = 40) -> MetricResult:
    return MetricResult("binary", mean, lower, upper, 0.95, "wilson", n, n, None, None, {})


def test_a_group_stands_beside_its_metrics(run: RunResult) -> None:
    scores = read_scores(run)
    assert (list(scores.by_model), scores.beside) == (["a", "b"], ("hard.exact",))
    assert [scores.by_model[model]["both"].mean for model in "ab"] == [1.0, 0.5]
    assert [scores.by_model[model]["easy.exact"].mean for model in "ab"] == [1.0, 1.0]
    assert scores.missing("b", "both") == ()


def test_the_table_has_the_columns_in_order(run: RunResult) -> None:
    found = build_score_table(run)
    assert found is not None
    assert [column.title for column in found[1].columns] == ["Model", "both", "hard.exact"]
    assert [score for score, _ in cells(run)["b"]] == ["50%", "0%"]


def test_a_model_that_was_not_asked_has_no_average(lacking: RunResult) -> None:
    scores = read_scores(lacking)
    assert scores.missing("b", "both") == ("hard.exact",)
    assert cells(lacking)["b"] == [("\u2013", "no score on hard.exact"), ("\u2013", "not asked")]
    assert cells(lacking)["a"][0][0] == "100%"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("both",), None),
        (("easy.exact", "both"), "Ranks rest on the primary metric alone; the others are exploratory."),
    ],
    ids=["only the primary", "a metric beside it"],
)
def test_what_is_said_of_columns(run: RunResult, columns: tuple[str, ...], said: str | None) -> None:
    board = {**run.plan["leaderboard"], "columns": list(columns)}
    found = build_score_table(replace(run, plan={**run.plan, "leaderboard": board}))
    assert (found is None) if said is None else (found is not None and said in str(found[0].parts[0]))


def test_a_group_beside_the_primary_metric_says_what_it_averages(tmp_path: Path) -> None:
    board = {**BOARD, "primary": "easy.exact"}
    found = build_score_table(make_grouped_run(tmp_path, leaderboard=board).load())
    assert found is not None
    assert "both is the macro average of easy.exact, hard.exact." in str(found[0].parts[0])


def test_a_reference_has_an_average_of_all_or_none(run: RunResult) -> None:
    listed = [
        {"reference": name, "metric": metric, "mean": mean, "n": n, "samples": n}
        for name, metric, mean, n in (
            ("oracle", "easy.exact", 1.0, 8),
            ("oracle", "hard.exact", 0.5, 4),
            ("empty", "easy.exact", 0.0, 8),
        )
    ]
    found = reference_scores(replace(run, references=tuple(listed)))
    assert found["oracle"]["both"] == (0.75, 12, 12)
    assert "both" not in found["empty"]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, ("", "")),
        (metric(None, None, None), ("", "")),
        (metric(0.5, None, None), ("50%", "")),
        (metric(1.0, 0.2, 1.0, n=1), ("100%", "")),
        (metric(0.5, 0.35, 0.65), ("50%", "35 to 65")),
        (metric(0.883, 0.813, 0.929), ("88.3%", "81.3 to 92.9")),
    ],
    ids=["nothing", "no mean", "no bounds", "one sample", "wide", "narrow"],
)
def test_a_score_has_the_decimals_of_its_interval(result: MetricResult | None, text: tuple[str, str]) -> None:
    assert format_score(result) == text
