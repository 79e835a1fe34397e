"""What a change of two means owes to who is in them."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.composition import Members, composition_change, composition_estimate

SCORES = st.one_of(st.floats(0, 1), st.just(math.nan))
PAIRS = st.lists(st.tuples(SCORES, SCORES), max_size=20)
OTHERS = st.lists(SCORES, max_size=10)


def mean(values: list[float]) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return math.fsum(kept) / len(kept)


@given(PAIRS, OTHERS, OTHERS)
def test_is_what_the_shared_ones_leave_of_the_change(
    pairs: list[tuple[float, float]], gone: list[float], new: list[float]
) -> None:
    before = Members([first for first, _ in pairs], gone)
    after = Members([second for _, second in pairs], new)
    change, estimate = composition_change(before, after), composition_estimate(before, after)
    if not before.everything or not after.everything:
        assert change is None
        assert estimate is None
        return
    total = mean(after.everything) - mean(before.everything)
    shared = mean(after.kept) - mean(before.kept) if before.kept and after.kept else 0.0
    assert change == pytest.approx(total - shared, abs=1e-12)
    if estimate is not None:
        assert estimate.mean == change
        assert estimate.standard_error > 0.0


def test_no_newcomers_is_no_change() -> None:
    same = Members([1.0, 0.0, math.nan]), Members([0.0, 0.0, 1.0])
    assert composition_change(*same) == 0.0
    assert composition_estimate(*same) is None


def test_one_newcomer_proves_nothing() -> None:
    assert composition_estimate(Members([1.0] * 9), Members([1.0] * 9, [0.0])) is None


def test_all_new_items_are_two_independent_means() -> None:
    before, after = Members([], [1.0, 0.0] * 20), Members([], [1.0, 1.0, 1.0, 0.0] * 10)
    estimate = composition_estimate(before, after)
    assert estimate is not None
    assert estimate.mean == pytest.approx(0.25)
    assert estimate.standard_error == pytest.approx(math.sqrt((0.25 + 0.1875) / 40), rel=0.02)


def test_newcomers_of_one_group_count_as_one() -> None:
    dice = random.Random(3)
    shared = [float(dice.random() < 0.8) for _ in range(60)]
    new = [float(dice.random() < 0.3) for _ in range(12)]
    alone = composition_estimate(Members(shared), Members(shared, new))
    grouped = composition_estimate(
        Members(shared), Members(shared, new, other_groups=[f"doc {place // 4}" for place in range(12)])
    )
    assert alone is not None
    assert grouped is not None
    assert (alone.df, grouped.df) == (11, 2)
    assert grouped.mean == alone.mean


@pytest.mark.parametrize("newcomers", [10, 40])
def test_the_interval_covers_what_more_items_would_show(newcomers: int) -> None:
    """Newcomers that are no other kind of item: the interval holds 0 in about 95% of draws."""
    dice, held, draws = random.Random(11), 0, 300
    for _ in range(draws):
        shared = [float(dice.random() < 0.8) for _ in range(150)]
        again = [value if dice.random() < 0.7 else float(dice.random() < 0.8) for value in shared]
        gone, new = ([float(dice.random() < 0.8) for _ in range(newcomers)] for _ in range(2))
        estimate = composition_estimate(Members(shared, gone), Members(again, new))
        assert estimate is not None
        lower, upper = estimate.bounds(0.025)
        held += lower <= 0.0 <= upper
    assert held / draws >= 0.93
