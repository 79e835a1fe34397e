"""The two-sample test of Kolmogorov and Smirnov against scipy's, and where it is cautious."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.two_sample import kolmogorov_smirnov

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("sizes", [(60, 60), (200, 150), (1000, 40)])
def test_agrees_with_scipy(shift: float, sizes: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    dice = random.Random(7)
    first, second = [dice.gauss(0, 1) for _ in range(sizes[0])], [dice.gauss(shift, 1) for _ in range(sizes[1])]
    oracle = stats.ks_2samp(first, second, method="exact")
    distance, p = kolmogorov_smirnov(first, second)
    assert distance == pytest.approx(oracle.statistic, abs=1e-12)
    assert p == pytest.approx(oracle.pvalue, rel=0.15, abs=0.02)


@given(VALUES, VALUES)
def test_is_symmetric_and_within_its_bounds(first: list[float], second: list[float]) -> None:
    distance, p = kolmogorov_smirnov(first, second)
    assert (distance, p) == kolmogorov_smirnov(second, first)
    assert 0.0 <= distance <= 1.0
    assert 0.0 <= p <= 1.0
    assert kolmogorov_smirnov(first, first) == (0.0, 1.0)


def test_ties_count_once() -> None:
    assert kolmogorov_smirnov([1, 1, 1, 2], [1, 2, 2, 2])[0] == 0.5


def test_needs_values() -> None:
    with pytest.raises(ValueError, match="both sides"):
        kolmogorov_smirnov([], [1.0])
