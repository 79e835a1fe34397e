"""What a comparison could have noticed."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.distributions import normal_quantile
from evalkit.stats.power import Spread, items_needed, smallest_detectable, trials_needed

calm = settings(deadline=None, max_examples=50)

shares = st.floats(0.001, 0.3)
positive = st.floats(0.01, 2.0)


def test_the_textbook_figure() -> None:
    """Two points at 5% one-sided and power 80%: 2.4865 standard errors."""
    assert smallest_detectable(0.01, alpha=0.05, power=0.8) == pytest.approx(0.024865, abs=1e-6)
    assert items_needed(0.03, 1 / 3, alpha=0.025, power=0.8) == pytest.approx(969.0, abs=0.1)


@pytest.mark.parametrize("drop", [0.0, 0.01, 0.02], ids=str)
def test_no_number_of_items_proves_a_tolerated_drop(drop: float) -> None:
    assert items_needed(drop, 0.4, alpha=0.05, power=0.8, margin=0.02) == math.inf


@calm
@given(positive, shares, st.floats(0.55, 0.99), st.floats(0, 0.5), st.integers(2, 100_000))
def test_the_items_needed_notice_exactly_what_is_asked(
    deviation: float, alpha: float, power: float, margin: float, n: int
) -> None:
    found = smallest_detectable(deviation / math.sqrt(n), alpha=alpha, power=power, margin=margin)
    assert found >= margin
    needed = items_needed(found, deviation, alpha=alpha, power=power, margin=margin)
    assert needed == pytest.approx(n, rel=1e-5, abs=1e-5)


@calm
@given(positive, shares, shares, st.floats(0.55, 0.9), st.floats(0.01, 0.09))
def test_a_stricter_level_or_a_greater_power_needs_more(
    error: float, first: float, second: float, power: float, more: float
) -> None:
    low, high = sorted((first, second))
    assert smallest_detectable(error, alpha=low, power=power) >= smallest_detectable(error, alpha=high, power=power)
    assert smallest_detectable(error, alpha=low, power=power + more) > smallest_detectable(
        error, alpha=low, power=power
    )


@calm
@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50), st.integers(1, 50))
def test_more_trials_never_widen_and_never_go_below_what_items_differ(
    variance: float, within: float, seen: int, trials: int
) -> None:
    spread = Spread.split(variance, within, seen)
    assert spread.between >= 0
    assert spread.deviation(trials + 1) <= spread.deviation(trials)
    assert spread.deviation(trials) >= math.sqrt(spread.between)
    assert spread.standard_error(100, trials) == pytest.approx(spread.deviation(trials) / 10)


@calm
@given(st.floats(0.01, 1), st.integers(1, 9))
def test_splitting_and_joining_gives_the_variance_back(variance: float, trials: int) -> None:
    spread = Spread.split(variance, variance / 2, trials)
    assert spread.deviation(trials) ** 2 == pytest.approx(variance)


@calm
@given(st.floats(0, 1), st.floats(0.01, 1), st.integers(1, 60), st.integers(20, 5000), st.floats(0, 0.5))
def test_the_trials_needed_notice_exactly_what_is_asked(
    between: float, within: float, trials: int, n: int, margin: float
) -> None:
    spread = Spread(between, within)
    found = smallest_detectable(spread.standard_error(n, trials), alpha=0.05, power=0.8, margin=margin)
    needed = trials_needed(found, spread, n, alpha=0.05, power=0.8, margin=margin)
    assert needed == pytest.approx(trials, rel=1e-3)


@pytest.mark.parametrize("drop", [0.02, 0.0348, 0.02 + 2.486 * 0.02], ids=["tolerated", "too small", "the limit"])
def test_no_number_of_trials_undoes_that_items_differ(drop: float) -> None:
    """0.04 between items: a standard error of 0.02 over 100 of them, whatever the trials."""
    assert trials_needed(drop, Spread(0.04, 0.2), 100, alpha=0.05, power=0.8, margin=0.02) == math.inf
    assert trials_needed(0.08, Spread(0.04, 0.2), 100, alpha=0.05, power=0.8, margin=0.02) < 20


@pytest.mark.parametrize("trials", [1, 4], ids="{} trials".format)
def test_the_drop_is_noticed_as_often_as_promised(trials: int) -> None:
    """Normal differences, 2,000 seeded comparisons: 80% within Monte Carlo error."""
    rng, spread, n = random.Random(f"power {trials}"), Spread(0.04, 0.2), 100
    error = spread.standard_error(n, trials)
    drop = smallest_detectable(error, alpha=0.05, power=0.8, margin=0.02)
    bound = normal_quantile(0.95) * error
    noticed = sum(rng.gauss(-drop, error) + bound < -0.02 for _ in range(2000))
    assert noticed / 2000 == pytest.approx(0.8, abs=0.03)
