"""What a plan will ask: calls, tokens, images and money, cell by cell."""

from pathlib import Path

import pytest

from evalkit.forecast import ANSWERS_BY_DEFAULT, ANSWERS_BY_LIMIT, forecast_plan
from evalkit.listed_models import TokenPrice
from evalkit.plan import Cell, Plan
from evalkit.prices import Prices
from evalkit.records import CallKey
from evalkit.tokens import FIRST_IMAGE_TOKENS, TokenEstimator

from .plans import plan_of

PICTURE = "https://example.org/cat.png"


def free(plan: Plan) -> Prices:
    return Prices([cell.model for cell in plan.cells], lambda _: TokenPrice(0.0, 0.0, "a list"))


def unknown(plan: Plan) -> Prices:
    return Prices([cell.model for cell in plan.cells])


def test_tokens_are_the_estimates_of_what_is_sent(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows=7, evaluations=[{"name": "qa", "dataset": "qa", "trials": 3}])
    (cell,) = plan.cells
    estimates = [
        TokenEstimator().estimate(cell.request(cell.present(sample), 0)).prompt for sample in cell.dataset.samples
    ]
    (found,) = forecast_plan(plan, free(plan)).cells
    assert (found.prompt_tokens, found.calls) == (3 * sum(estimates), 21)


@pytest.mark.parametrize(
    ("params", "answers", "tokens"),
    [
        ({}, ANSWERS_BY_DEFAULT, 1024),
        ({"max_tokens": 50}, ANSWERS_BY_LIMIT, 50),
        ({"max_completion_tokens": 60}, ANSWERS_BY_LIMIT, 60),
        ({"extra_body": {"max_tokens": 70}}, ANSWERS_BY_LIMIT, 70),
    ],
    ids=["no limit", "max_tokens", "max_completion_tokens", "extra_body"],
)
def test_how_long_answers_are_taken_to_be(tmp_path: Path, params: dict, answers: str, tokens: int) -> None:
    plan = plan_of(tmp_path, rows=2, models=[{"id": "m", "provider": "script", "params": params}])
    (found,) = forecast_plan(plan, free(plan)).cells
    assert (found.answers, found.completion_tokens) == (answers, 2 * tokens)


def test_images_are_counted_by_call(tmp_path: Path) -> None:
    rows = [{"id": f"s{i}", "input": "what is it?", "target": "cat", "image": PICTURE} for i in range(3)]
    datasets = {"qa": {"rows": rows, "fields": {"images": "image"}}}
    evaluations = [{"name": "qa", "dataset": "qa", "trials": 2}]
    plan = plan_of(tmp_path, datasets=datasets, evaluations=evaluations)
    (found,) = forecast_plan(plan, free(plan)).cells
    assert (found.images, found.calls) == (6, 6)
    assert found.prompt_tokens > 6 * FIRST_IMAGE_TOKENS


def test_an_unknown_price_is_no_price_and_a_price_of_nothing_is_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows=2)
    nobody, somebody = forecast_plan(plan, unknown(plan)), forecast_plan(plan, free(plan))
    assert (nobody.cells[0].cost_usd, nobody.unpriced, nobody.describe()["cost_usd"]) == (None, ("m",), None)
    assert (somebody.cells[0].cost_usd, somebody.unpriced, somebody.describe()["cost_usd"]) == (0.0, (), 0.0)


def test_cells_that_send_the_same_are_counted_as_if_each_were_rendered(tmp_path: Path) -> None:
    """Two models are sent one prompt; a system text, params or another evaluation's prompt make it another."""
    models = [
        {"id": "a", "provider": "script"},
        {"id": "b", "provider": "script"},
        {"id": "c", "provider": "script", "system": "Answer with a number, and nothing else."},
        {"id": "d", "provider": "script", "params": {"max_tokens": 9}},
    ]
    evaluations = [
        {"name": "qa", "dataset": "qa", "trials": 2},
        {"name": "long", "dataset": "qa", "prompt": "Think at length, then answer: {{ input }}"},
        {"name": "more", "dataset": "qa", "trials": 5},
    ]
    plan = plan_of(tmp_path, rows=9, models=models, evaluations=evaluations)
    once = forecast_plan(plan, unknown(plan))
    each = forecast_plan(plan, unknown(plan), is_known=lambda *_: None)
    assert once == each
    assert len({(cell.prompt_tokens / cell.calls, cell.completion_tokens) for cell in once.cells}) > 4


def test_what_is_answered_already_costs_nothing_whoever_has_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows=6, evaluations=[{"name": "qa", "dataset": "qa", "trials": 2}])

    def is_known(_cell: Cell, key: CallKey, position: int) -> str | None:
        return "journal" if position < 2 else "cache" if key.trial == 1 else None

    (found,) = forecast_plan(plan, unknown(plan), is_known=is_known).cells
    assert (found.predictions, found.in_journal, found.in_cache, found.calls) == (12, 4, 4, 4)
    (done,) = forecast_plan(plan, unknown(plan), is_known=lambda *_: "journal").cells
    assert (done.calls, done.cost_usd) == (0, 0.0)


def test_a_shard_is_planned_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows=40)
    halves = [forecast_plan(plan.shard(part, 2), free(plan)).calls for part in (0, 1)]
    assert sum(halves) == 40
    assert min(halves) > 0
