"""Letters and texts of options; also when they were shuffled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.choices import LETTERS, present_choices
from evalkit.records import Prediction, PredictionOutcome
from tests.scorers.scoring_by import bind, sample, scored

CITIES = ("Rome", "Paris", "New York", "York")


@pytest.mark.parametrize(
    ("target", "choices", "text", "value"),
    [
        pytest.param("B", CITIES, "(B)", 1, id="bracketed"),
        pytest.param("B", CITIES, "B.", 1, id="full-stop"),
        pytest.param("(B)", None, "The answer is (B).", 1, id="without-choices"),
        pytest.param(1, CITIES, "The answer is B", 1, id="index"),
        pytest.param("Paris", CITIES, "**B) Paris**", 1, id="text-target"),
        pytest.param("B", CITIES, "Paris", 1, id="text-answer"),
        pytest.param("B", CITIES, "I believe it is Paris.", 1, id="text-in-the-last-line"),
        pytest.param("C", CITIES, "It is New York.", 1, id="longest-text"),
        pytest.param("D", CITIES, "It is New York.", 0, id="not-its-part"),
        pytest.param("B", CITIES, "Rome or Paris", None, id="two-texts"),
        pytest.param("B", CITIES, "Rome is wrong.\nIt is Paris.", 1, id="last-line-only"),
        pytest.param("A", CITIES, "The answer is B. Paris", 0, id="wrong"),
        pytest.param("A", CITIES, "Answer: E", 0, id="no-such-option"),
        pytest.param("A", CITIES, "A or B", 0, id="hedged"),
        pytest.param(["A", "C"], CITIES, "A and C", 1, id="several"),
        pytest.param(["A", "C"], CITIES, "A", 0, id="several-incomplete"),
        pytest.param([0, 2], CITIES, "(A), (C)", 1, id="several-indices"),
        pytest.param("A", ("a dog", "a cat"), "Answer: A cat", 0, id="an-article-is-no-letter"),
        pytest.param(2, ("0", "4", "2"), "2", 1, id="numbers-as-texts"),
        pytest.param("C", ("-2", "4", "2"), "-2", 0, id="sign-of-a-text"),
        pytest.param("B", CITIES, "I cannot say.", None, id="nothing"),
        pytest.param(True, ("true", "false"), "A", 1, id="true"),
    ],
)
async def test_values(target, choices, text, value):
    score = await scored(bind(use="choice"), target, text, choices=choices)
    assert score.value == value
    assert score.outcome == ("scored" if value is not None else "no_answer")


@pytest.mark.parametrize(
    ("target", "choices"),
    [
        pytest.param("Berlin", CITIES, id="no-such-text"),
        pytest.param(4, CITIES, id="index-out-of-range"),
        pytest.param(0, None, id="index-without-choices"),
        pytest.param("A", ("B", "A"), id="letter-of-one-text-of-another"),
        pytest.param(None, CITIES, id="none"),
        pytest.param([], CITIES, id="empty"),
        pytest.param("A", tuple(map(str, range(27))), id="too-many"),
    ],
)
async def test_an_unclear_target_is_a_scorer_error(target, choices):
    assert (await scored(bind(use="choice"), target, "A", choices=choices)).outcome == "scorer_error"


@given(
    st.lists(st.text("abcdefgh", min_size=2, max_size=5), min_size=2, max_size=8, unique=True),
    st.data(),
    st.sampled_from(["letter", "index", "text", "list"]),
)
async def test_a_right_answer_stays_right_however_choices_are_shuffled(choices, data, form):
    place = data.draw(st.integers(0, len(choices) - 1))
    written = {"letter": LETTERS[place], "index": place, "text": choices[place], "list": [LETTERS[place]]}
    asked = sample(written[form], choices=tuple(choices), id=data.draw(st.text(max_size=3)))
    shown = present_choices(asked, shuffle=True, seed=data.draw(st.integers(0, 5)))
    assert sorted(shown.choices) == sorted(choices)
    letter = LETTERS[shown.choices.index(choices[place])]
    for answer in LETTERS[: len(choices)]:
        prediction = Prediction(PredictionOutcome.OK, f"The answer is ({answer}).")
        assert (await bind(use="choice").scorer.score(shown, prediction)).value == (answer == letter)
