"""The plain-Python distributions against scipy's, and where they refuse."""

import math

import pytest
from scipy import special

from evalkit.stats.distributions import beta_quantile, binomial_terms, normal_quantile, t_quantile, t_upper_tail

FREEDOMS = (1, 2, 3, 4, 9, 19, 98, 99, 100, 101, 999, 1e4, 1e6)


@pytest.mark.parametrize("df", FREEDOMS)
@pytest.mark.parametrize("tail", [0.4999, 0.4, 0.25, 0.05, 0.025, 0.005, 1e-5])
def test_t_quantile(df: float, tail: float) -> None:
    p = 1 - tail
    assert t_quantile(p, df) == pytest.approx(float(special.stdtrit(df, p)), rel=1e-9)
    assert t_quantile(tail, df) == pytest.approx(-t_quantile(p, df), rel=1e-9)


@pytest.mark.parametrize("df", FREEDOMS)
@pytest.mark.parametrize("t", [0.01, 0.3, 1.0, 1.96, 5.0, 30.0])
def test_t_upper_tail_keeps_its_precision_far_out(df: float, t: float) -> None:
    expected = float(special.stdtr(df, -t))
    assert t_upper_tail(t, df) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert t_upper_tail(-t, df) == pytest.approx(1 - expected, rel=1e-12)


@pytest.mark.parametrize(("t", "expected"), [(0.0, 0.5), (math.inf, 0.0), (-math.inf, 1.0), (1e200, 0.0)])
def test_t_upper_tail_at_the_ends(t: float, expected: float) -> None:
    assert t_upper_tail(t, 7) == expected


def test_t_of_one_degree_is_cauchy() -> None:
    assert t_upper_tail(1e-9, 1) == pytest.approx(0.5 - 1e-9 / math.pi, rel=1e-15)
    assert t_quantile(0.75, 1) == pytest.approx(1.0, rel=1e-14)


def test_the_median_is_zero() -> None:
    assert t_quantile(0.5, 3) == 0.0
    assert normal_quantile(0.5) == 0.0


@pytest.mark.parametrize(("p", "df"), [(0.0, 3), (1.0, 3), (0.9, 0), (math.nan, 3), (0.9, math.nan)])
def test_t_quantile_refuses(p: float, df: float) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(p, df)


def test_t_upper_tail_refuses_no_freedom() -> None:
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_upper_tail(1.0, 0)


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (54, 0.5), (72, 0.95), (1000, 0.99), (20_000, 0.5)])
def test_binomial_terms(n: int, p: float) -> None:
    first, terms = binomial_terms(n, p)
    assert math.fsum(terms) == pytest.approx(1.0, rel=1e-14)
    for place in (0, len(terms) // 3, len(terms) // 2, len(terms) - 1):
        below = math.fsum(terms[: place + 1])
        assert below == pytest.approx(float(special.bdtr(first + place, n, p)), rel=1e-9, abs=1e-290)


def test_beta_quantile() -> None:
    x = beta_quantile(0.025, 19, 2)
    assert 20 * x**19 - 19 * x**20 == pytest.approx(0.025, rel=1e-12)
