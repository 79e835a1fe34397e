"""What is to be published follows from the plan alone."""

from typing import Any

import pytest

from evalkit.weave_io.publication import Publication, choose_samples
from tests.weave_io.run_folders import ModelUnderTest, RunSpec


def publication(row_limit: int = 20_000, **changes: Any) -> Publication:
    return Publication(RunSpec(**changes).run(), row_limit)


def test_a_model_is_one_identity_over_all_evaluations() -> None:
    plan = publication(
        evaluations=("a", "b"), prompts={"b": "other"}, models=(ModelUnderTest("m", params={"seed": 1}),)
    )
    identity = plan.model_identity("m")
    assert identity["params"] == {"seed": 1}
    assert identity["prompt"] == ""
    assert set(identity["by_evaluation"]) == {"a", "b"}
    assert set(identity["by_evaluation"]["a"]) == {"prompt"}
    assert not {"url", "key", "api_key"} & set(identity)


def test_equal_prompts_stand_once() -> None:
    identity = publication(evaluations=("a", "b")).model_identity("Model A")
    assert identity["prompt"]
    assert identity["by_evaluation"] == {}


@pytest.mark.parametrize(
    ("samples", "trials", "limit", "kept"),
    [
        pytest.param(10, 1, 20, None, id="at-the-limit"),
        pytest.param(10, 1, 19, 9, id="beyond"),
        pytest.param(10, 3, 30, 5, id="whole-samples"),
        pytest.param(10, 1, 1, 1, id="never-none"),
    ],
)
def test_beyond_the_limit_rows_are_shared_out(samples: int, trials: int, limit: int, kept: int | None) -> None:
    assert publication(limit, samples=samples, trials=trials).samples_kept("qa") == kept


def test_the_choice_is_fixed_whatever_the_order() -> None:
    ids = [f"s{i}" for i in range(100)]
    assert choose_samples(ids, 10) == choose_samples(ids[::-1], 10)
    assert len(choose_samples(ids, 10)) == 10


def test_cells_are_opened_together_up_to_a_number_of_rows() -> None:
    plan = publication(samples=6, models=[ModelUnderTest(f"m{i}") for i in range(5)])
    assert [len(group) for group in plan.groups(12)] == [2, 2, 1]
    assert [len(group) for group in plan.groups(1)] == [1] * 5


def test_a_shared_call_belongs_to_the_first_cell() -> None:
    plan = publication(evaluations=("a", "b"), models=(ModelUnderTest("m"), ModelUnderTest("n", "other")))
    assert [plan.first_own_trial(cell) for cell in plan.cells] == [0, 0, 1, 1]
