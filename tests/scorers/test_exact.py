"""Equal up to case, unicode form and space; the published BBH accuracies come out."""

import json

import pytest

from tests.scorers.scoring_by import DATA, bind, scored


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        pytest.param({}, "Paris", " paris \n", 1, id="case-and-space"),
        pytest.param({}, "New  York", "new york", 1, id="inner-space-collapsed"),
        pytest.param({}, "Paris", "Paris.", 0, id="punctuation-counts"),
        pytest.param({}, "Paris", "Paris, France", 0, id="more-text"),
        pytest.param({}, ["a", "b"], "B", 1, id="alternatives"),
        pytest.param({}, 18, "18", 1, id="number"),
        pytest.param({}, True, "true", 1, id="true"),
        pytest.param({"ignore_case": False}, True, "true", 1, id="true-as-json"),
        pytest.param({}, "café", "cafe\u0301", 1, id="unicode-form"),
        pytest.param({}, "x²", "x2", 0, id="an-exponent-is-no-digit"),
        pytest.param({}, "\uff21", "A", 1, id="full-width"),
        pytest.param({"ignore_case": False}, "Paris", "paris", 0, id="case"),
        pytest.param({"ignore_punctuation": True}, "U.S.A", "usa", 1, id="punctuation"),
        pytest.param({"ignore_punctuation": True}, "-5", "5", 0, id="a-sign-is-no-punctuation"),
        pytest.param({"ignore_punctuation": True}, "3.5", "35", 0, id="nor-a-decimal-point"),
        pytest.param({"ignore_space": True}, "a b c", "abc", 1, id="space"),
        pytest.param({"ignore_articles": True}, "the cat", "cat", 1, id="articles"),
    ],
)
async def test_values(options, target, text, value):
    assert (await scored(bind(use="exact", **options), target, text)).value == value


@pytest.mark.parametrize("target", [None, "", " ", [], ["a", " "], {"a": 1}, [["a"]]], ids=repr)
async def test_an_unusable_target_is_a_scorer_error_that_names_the_sample(target):
    score = await scored(bind(use="exact"), target, "x")
    assert score.value is None
    assert score.outcome == "scorer_error"
    assert "'q7'" in score.reason


@pytest.mark.parametrize(
    ("task", "accuracy"),
    [
        ("boolean_expressions", 88.4),
        ("date_understanding", 63.6),
        ("object_counting", 45.2),
        ("sports_understanding", 72.8),
    ],
)
async def test_published_accuracies_come_out(task, accuracy):
    path = DATA / "bbh" / "code-davinci-002-direct" / f"{task}.json"
    if not path.is_file():
        pytest.skip("the shared data are not beside this checkout")
    rows = json.loads(path.read_text())["outputs"]
    bound = bind(use="exact")
    values = [(await scored(bound, row["target"], row["prediction"])).value for row in rows]
    assert sum(values) / len(values) * 100 == pytest.approx(accuracy)
