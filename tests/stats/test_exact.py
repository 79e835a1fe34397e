"""Exact tests: their edges, and that they agree with one another."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.exact import MOST_FLIPS, flip_units, mcnemar, sign_flip


@pytest.mark.parametrize(("losses", "wins"), [(0, 0), (1, 1), (0, 1), (7, 7)])
def test_mcnemar_without_evidence(losses: int, wins: int) -> None:
    assert mcnemar(losses, wins).exact == pytest.approx(1.0)


def test_mcnemar_of_many_pairs() -> None:
    got = mcnemar(1000, 0)
    assert got.exact == pytest.approx(2.0**-999)
    assert mcnemar(5000, 0).exact == 0.0
    assert mcnemar(50_000, 50_400).exact == pytest.approx(math.erfc(399 / math.sqrt(100_400) / math.sqrt(2)), rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 7), st.integers(0, 6))
def test_mcnemar_is_the_sign_flip_of_right_or_wrong(losses: int, wins: int) -> None:
    got = mcnemar(losses, wins)
    assert got.exact == pytest.approx(sign_flip([-1.0] * losses + [1.0] * wins + [0.0] * 3).two_sided)
    assert got.mid <= got.exact
    assert got == mcnemar(wins, losses)


def test_sign_flip_of_nothing() -> None:
    assert sign_flip([]).two_sided == sign_flip([0.0, 0.0]).two_sided == 1.0


def test_sign_flip_flips_whole_clusters() -> None:
    d, clusters = [0.5, -0.5, 0.3, 0.2, 0.1], ["even", "even", "a", "a", "b"]
    assert sorted(flip_units(d, clusters)) == pytest.approx([0.1, 0.5])
    assert sign_flip(d, clusters=clusters) == sign_flip([0.5, 0.1])


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(ValueError, match="21 non-zero"):
        sign_flip([1.0] * (MOST_FLIPS + 1))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-8, 8).map(lambda eighths: eighths / 8), max_size=9), st.randoms())
def test_sign_flip_knows_no_order_and_mirrors(d: list[float], random: object) -> None:
    shuffled = list(d)
    random.shuffle(shuffled)
    got, other, mirrored = sign_flip(d), sign_flip(shuffled), sign_flip([-x for x in d])
    assert other.two_sided == got.two_sided == mirrored.two_sided
    assert mirrored.less == got.greater
    assert 2.0 ** -len(d) <= got.two_sided <= 1.0
