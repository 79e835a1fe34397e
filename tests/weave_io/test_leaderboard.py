"""Weave's board: the metrics to show in their order, a group by its metrics, and what its average is in words."""

from pathlib import Path

import pytest

from evalkit.weave_io.client import open_local_client
from tests.report.grouped_runs import BOARD, make_grouped_run
from tests.weave_io.publishing_in_process import PROJECT, board_values, publish_here

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")  # the SDK does, on purpose


def test_a_group_is_shown_by_its_metrics_and_told_in_words(tmp_path: Path) -> None:
    folder, store = make_grouped_run(tmp_path, leaderboard=BOARD | {"columns": ["hard.exact"]}), tmp_path / "w.sqlite"
    block = publish_here(folder, store)
    with open_local_client(store, PROJECT):
        import weave

        board = weave.ref(block["leaderboard"]).get()
    assert board.description == "Two parts. both: the macro average of easy.exact, hard.exact."
    paths = [column.summary_metric_path for column in board.columns if column.scorer_name == "exact"]
    assert paths == ["mean", "lower", "upper", "failed"] * 2
    means = [column.evaluation_object_ref for column in board.columns if column.summary_metric_path == "mean"]
    assert means == [block["evaluations"][name] for name in ("easy", "hard")]
    assert not any("both" in scorer for _, scorer, _ in board_values(store, block))


def test_a_metric_outside_the_columns_has_none(tmp_path: Path) -> None:
    board = {"primary": "hard.exact", "columns": ["hard.exact"]}
    folder, store = make_grouped_run(tmp_path, leaderboard=board), tmp_path / "w.sqlite"
    block = publish_here(folder, store)
    with open_local_client(store, PROJECT):
        import weave

        published = weave.ref(block["leaderboard"]).get()
    assert {column.evaluation_object_ref for column in published.columns} == {block["evaluations"]["hard"]}
    assert published.description == "Two parts."
