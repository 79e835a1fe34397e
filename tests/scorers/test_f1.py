"""Words that answer and target share."""

import pytest

from tests.scorers.scoring_by import bind, scored


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        pytest.param("the big apple", "Big Apple!", 1, id="articles-and-punctuation"),
        pytest.param("big apple", "a big red apple", 0.8, id="precision"),
        pytest.param("big red apple", "apple", 0.5, id="recall"),
        pytest.param("a a b", "b b", pytest.approx(2 / 3), id="articles-out-but-b-counted"),
        pytest.param("cat cat", "cat", pytest.approx(2 / 3), id="repeated"),
        pytest.param("cat", "dog", 0, id="nothing"),
        pytest.param(["dog", "black cat"], "cat", pytest.approx(2 / 3), id="best-alternative"),
        pytest.param("东京都", "东京", 0.8, id="characters-without-spaces"),
        pytest.param("A", "The", 0, id="articles-alone-are-words"),
        pytest.param("?", "?", 1, id="marks-alone"),
    ],
)
async def test_values(target, text, value):
    assert (await scored(bind(use="f1"), target, text)).value == value
