"""Quantiles, and when nothing bounds them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from evalkit.stats.quantiles import quantile, quantile_interval


@pytest.mark.parametrize(
    ("values", "p", "expected"),
    [
        ([7.0], 0.95, 7.0),
        ([1.0, 3.0], 0.5, 2.0),
        ([1.0, 2.0, 9.0], 0.5, 2.0),
        ([0.0, 10.0], 0.95, 9.5),
        ([1, 2], 1.0, 2),
    ],
    ids=str,
)
def test_quantile(values: list[float], p: float, expected: float) -> None:
    assert quantile(values, p) == pytest.approx(expected)


def test_no_values_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    with pytest.raises(ValueError, match="no values"):
        quantile_interval([], 0.5, confidence=0.95)


@pytest.mark.parametrize(
    ("n", "p", "is_bounded"),
    [(71, 0.95, False), (72, 0.95, True), (367, 0.99, False), (368, 0.99, True), (5, 0.5, False)],
)
def test_an_upper_bound_needs_enough_values(n: int, p: float, is_bounded: bool) -> None:
    got = quantile_interval(list(range(n)), p, confidence=0.95)
    assert (got.upper is not None) == is_bounded


def test_one_value_bounds_nothing() -> None:
    got = quantile_interval([3.0], 0.5, confidence=0.95)
    assert (got.estimate, got.lower, got.upper, got.ranks) == (3.0, None, None, (None, None))
    assert got.coverage == 1.0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.sampled_from([0.07, 0.5, 0.9, 0.95, 0.99]), st.sampled_from([0.83, 0.91, 0.95, 0.99]))
def test_ranks_are_the_binomial_s(n: int, p: float, confidence: float) -> None:
    tail, ranks = (1 - confidence) / 2, range(1, n + 1)
    lower = max((r for r in ranks if special.bdtr(r - 1, n, p) < tail), default=None)
    upper = min((r for r in ranks if special.bdtrc(r - 1, n, p) <= tail), default=None)
    got = quantile_interval([float(i) for i in range(n)], p, confidence=confidence)
    assert got.ranks == (lower, upper)
    assert got.coverage >= confidence - 1e-12
