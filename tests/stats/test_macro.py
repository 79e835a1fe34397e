"""Averages over datasets never pool their rows."""

import math

import pytest

from evalkit.stats.intervals import wilson
from evalkit.stats.macro import macro_average
from evalkit.stats.means import Interval


def test_datasets_weigh_the_same() -> None:
    parts = [wilson(90, 100, confidence=0.95), wilson(5, 10, confidence=0.95)]
    got = macro_average(parts, confidence=0.95)
    assert got.mean == pytest.approx(0.7)
    error = math.sqrt(0.9 * 0.1 / 99 + 0.25 / 9) / 2
    assert (got.lower, got.upper) == pytest.approx((0.7 - 1.959963984540054 * error, 0.7 + 1.959963984540054 * error))
    assert (got.method, got.n, got.clusters) == ("z", 110, 110)


def test_all_right_everywhere_is_not_certain() -> None:
    got = macro_average([wilson(20, 20, confidence=0.95)] * 2, confidence=0.95)
    assert (got.mean, got.upper, got.method) == (1.0, 1.0, "wilson_n_eff")
    assert got.lower == pytest.approx(wilson(40, 40, confidence=0.95).lower)


@pytest.mark.parametrize(
    ("parts", "mean"),
    [([], None), ([wilson(0, 0, confidence=0.95)], None), ([wilson(1, 1, confidence=0.95)], 1.0)],
    ids=["no dataset", "an empty dataset", "one value"],
)
def test_without_bounds(parts: list[Interval], mean: float | None) -> None:
    got = macro_average(parts, confidence=0.95)
    assert (got.mean, got.lower, got.upper, got.method) == (mean, None, None, "none")


def test_weights_are_shares() -> None:
    parts = [wilson(90, 100, confidence=0.95), wilson(5, 10, confidence=0.95)]
    assert macro_average(parts, confidence=0.95, weights=[3.0, 1.0]).mean == pytest.approx(0.8)
