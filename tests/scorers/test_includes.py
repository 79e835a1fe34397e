"""The target stands in the answer, as whole words and whole numbers."""

import pytest

from tests.scorers.scoring_by import bind, scored


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        pytest.param({}, "Paris", "It is Paris.", 1, id="in-a-sentence"),
        pytest.param({}, "no", "I know", 0, id="part-of-a-word"),
        pytest.param({"words": False}, "no", "I know", 1, id="part-allowed"),
        pytest.param({}, "no", "I know, no doubt", 1, id="second-place-counts"),
        pytest.param({}, "18", "18.5", 0, id="part-of-a-decimal"),
        pytest.param({}, "18", "it is 18.", 1, id="full-stop-is-no-decimal"),
        pytest.param({}, "5", "the answer is -5", 0, id="sign"),
        pytest.param({}, "5", "-5", 0, id="sign-at-the-start"),
        pytest.param({}, "5", "3-5", 1, id="range"),
        pytest.param({}, "19", "covid-19", 1, id="hyphen"),
        pytest.param({}, "234", "1,234", 0, id="part-of-a-group"),
        pytest.param({}, "5", "0.5", 0, id="fraction-digits"),
        pytest.param({}, "巴黎", "答案是巴黎。", 1, id="no-spaces-in-chinese"),
        pytest.param({}, "서울", "서울입니다", 1, id="korean-particles"),
        pytest.param({}, "New\nYork", "in new york", 1, id="space"),
        pytest.param({}, "C++", "I use C++ daily", 1, id="marks-at-the-edge"),
        pytest.param({"ignore_case": False}, "us", "in the US", 0, id="case"),
        pytest.param({}, ["a", "b"], "only b", 1, id="any"),
        pytest.param({"match": "all"}, ["a", "b"], "only b", 0, id="all-not"),
        pytest.param({"match": "all"}, ["a", "b"], "b and a", 1, id="all"),
    ],
)
async def test_values(options, target, text, value):
    assert (await scored(bind(use="includes", **options), target, text)).value == value


async def test_a_blank_target_would_be_in_everything():
    assert (await scored(bind(use="includes"), "", "x")).outcome == "scorer_error"
