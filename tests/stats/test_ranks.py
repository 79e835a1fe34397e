"""Rank intervals and bands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.ranks import MOST_FOR_ALL_PAIRS, PairTest, pairs_to_test, rank_intervals


def test_nobody_and_one() -> None:
    assert rank_intervals(0, [], alpha=0.05).intervals == ()
    assert rank_intervals(1, [], alpha=0.05).intervals == ((1, 1),)
    assert rank_intervals(1, [], alpha=0.05).bands == (1,)


@pytest.mark.parametrize("p", [None, 1.0, 0.05], ids=["nothing paired", "equal", "at alpha"])
def test_no_claim_leaves_every_rank_open(p: float | None) -> None:
    got = rank_intervals(3, [PairTest(i, j, 0.1, p) for i, j in pairs_to_test([3, 2, 1])], alpha=0.05)
    assert got.intervals == ((1, 3),) * 3
    assert got.bands == (1, 1, 1)


def test_an_untested_pair_stays_in_the_family() -> None:
    tests = [PairTest(0, 1, 0.2, 0.02), PairTest(0, 2, None, None), PairTest(1, 2, None, None)]
    assert rank_intervals(3, tests, alpha=0.05).adjusted == (0.06, 1.0, 1.0)


def test_bands_do_not_chain() -> None:
    """A~B and B~C, but A beats C: C is not in the first band."""
    tests = [PairTest(0, 1, 0.1, 0.9), PairTest(0, 2, 0.3, 0.001), PairTest(1, 2, 0.1, 0.9)]
    got = rank_intervals(3, tests, alpha=0.05)
    assert got.intervals == ((1, 2), (1, 3), (2, 3))
    assert got.bands == (1, 1, 2)


def test_the_direction_is_that_of_the_advantage() -> None:
    got = rank_intervals(2, [PairTest(0, 1, -0.1, 0.001)], alpha=0.05)
    assert got.intervals == ((2, 2), (1, 1))
    assert got.bands == (2, 1)


def test_a_circle_of_wins_shares_a_band() -> None:
    tests = [PairTest(0, 1, 0.1, 0.001), PairTest(1, 2, 0.1, 0.001), PairTest(0, 2, -0.1, 0.001)]
    got = rank_intervals(3, tests, alpha=0.05)
    assert got.intervals == ((2, 2),) * 3
    assert got.bands == (1, 1, 1)


@pytest.mark.parametrize(
    ("count", "pairs"),
    [(0, 0), (1, 0), (2, 1), (MOST_FOR_ALL_PAIRS, 1770), (MOST_FOR_ALL_PAIRS + 1, MOST_FOR_ALL_PAIRS)],
)
def test_very_many_are_compared_with_the_best_only(count: int, pairs: int) -> None:
    found = pairs_to_test([float(place) for place in range(count)])
    assert len(found) == pairs
    assert count <= MOST_FOR_ALL_PAIRS or {first for first, _ in found} == {count - 1}


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.data())
def test_intervals_hold_a_true_order(count: int, data: st.DataObject) -> None:
    """With claims that are all true, every model's place in the true order lies in its interval."""
    tests = [
        PairTest(i, j, 0.1, data.draw(st.sampled_from([1e-9, 0.5, None])))
        for i, j in pairs_to_test(range(count, 0, -1))
    ]
    got = rank_intervals(count, tests, alpha=0.05)
    for place, (low, high) in enumerate(got.intervals, start=1):
        assert 1 <= low <= place <= high <= count
    assert got.bands[0] == 1
    assert all((band == 1) == (low == 1) for band, (low, _) in zip(got.bands, got.intervals, strict=True))
