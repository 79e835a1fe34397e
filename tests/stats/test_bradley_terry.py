"""Ratings from pairwise wins."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.bradley_terry import bradley_terry

calm = settings(deadline=None, max_examples=25)


@st.composite
def boards(draw: st.DrawFn) -> list[list[float]]:
    """Wins in which everybody has beaten everybody: always identified."""
    count = draw(st.integers(2, 6))
    return [[0.0 if i == j else float(draw(st.integers(1, 40))) for j in range(count)] for i in range(count)]


def test_odds_of_two() -> None:
    first, second = bradley_terry([[0, 30], [10, 0]])
    assert first.theta - second.theta == pytest.approx(math.log(3))
    assert first.elo - second.elo == pytest.approx(400 * math.log10(3))
    assert first.elo + second.elo == pytest.approx(2000)


def test_the_standard_error_of_two_is_the_log_odds_s() -> None:
    """Var(theta_1 - theta_2) = 1/a + 1/b; each is half of it away from the centre."""
    first, _ = bradley_terry([[0, 30], [10, 0]])
    assert 2 * first.standard_error == pytest.approx(math.sqrt(1 / 30 + 1 / 10))


@pytest.mark.parametrize(
    ("wins", "message"),
    [
        ([[0, 1], [0, 0]], "not identified"),
        ([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], "not identified"),
        ([[0, 1]], "square"),
        ([[0, -1], [1, 0]], "counts"),
        ([[0, math.nan], [1, 0]], "counts"),
    ],
    ids=["never lost", "two islands", "not square", "negative", "not a number"],
)
def test_refusals(wins: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bradley_terry(wins)


def test_ties_are_half_a_win_each() -> None:
    assert bradley_terry([[0, 0.5], [0.5, 0]])[0].theta == pytest.approx(0.0, abs=1e-9)


@calm
@given(boards())
def test_expected_wins_equal_the_wins(wins: list[list[float]]) -> None:
    """The likelihood's own equations: what the ratings expect of each side is what it won; ratings sum to 0."""
    theta = [rating.theta for rating in bradley_terry(wins)]
    assert math.fsum(theta) == pytest.approx(0.0, abs=1e-9)
    for i, row in enumerate(wins):
        expected = math.fsum(
            (row[j] + wins[j][i]) / (1 + math.exp(theta[j] - theta[i])) for j in range(len(wins)) if j != i
        )
        assert expected == pytest.approx(math.fsum(row), rel=1e-6)


@calm
@given(boards(), st.randoms(use_true_random=False))
def test_names_do_not_matter(wins: list[list[float]], random: object) -> None:
    order = list(range(len(wins)))
    random.shuffle(order)
    here = bradley_terry(wins)
    there = bradley_terry([[wins[i][j] for j in order] for i in order])
    for place, old in enumerate(order):
        assert there[place].theta == pytest.approx(here[old].theta, abs=1e-8)
        assert there[place].standard_error == pytest.approx(here[old].standard_error, rel=1e-6)


@calm
@given(boards(), st.integers(2, 9))
def test_more_of_the_same_games_only_sharpen(wins: list[list[float]], times: int) -> None:
    once, often = bradley_terry(wins), bradley_terry([[times * won for won in row] for row in wins])
    for one, many in zip(once, often, strict=True):
        assert many.theta == pytest.approx(one.theta, abs=1e-8)
        assert many.standard_error == pytest.approx(one.standard_error / math.sqrt(times), rel=1e-6)


@calm
@given(boards(), st.data())
def test_one_more_win_raises_its_side(wins: list[list[float]], data: st.DataObject) -> None:
    i, j = data.draw(st.permutations(range(len(wins))))[:2]
    before = bradley_terry(wins)[i].theta
    wins[i][j] += 1
    assert bradley_terry(wins)[i].theta > before
