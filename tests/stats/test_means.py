"""The clustered mean: its pitfalls, and that no order matters."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.means import clustered_mean

SCORES = st.floats(0, 1)


def test_nothing_has_no_mean() -> None:
    assert clustered_mean([]) is None


def test_all_weights_zero_leave_nothing() -> None:
    assert clustered_mean([0.5, 1.0], weights=[0.0, 0.0]) is None


def test_values_without_weight_say_nothing() -> None:
    got = clustered_mean([0.1, 0.9, 0.4], clusters=["a", "b", "c"], weights=[1.0, 0.0, 1.0])
    assert got == clustered_mean([0.1, 0.4], clusters=["a", "c"], weights=[1.0, 1.0])


@pytest.mark.parametrize(
    ("values", "clusters"), [([0.5], None), ([0.1, 0.9, 0.4], ["a", "a", "a"])], ids=["one value", "one cluster"]
)
def test_one_unit_has_no_standard_error(values: list[float], clusters: list[str] | None) -> None:
    got = clustered_mean(values, clusters=clusters)
    assert got is not None
    assert (got.clusters, got.standard_error) == (1, None)


def test_rounding_is_not_spread() -> None:
    got = clustered_mean([0.1] * 10, weights=[0.1 * i + 0.3 for i in range(10)])
    assert got is not None
    assert got.standard_error == 0.0
    assert got.effective_n() == 10


def test_booleans_are_numbers() -> None:
    assert clustered_mean([True, False, True]) == clustered_mean([1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        ([0.5, math.nan], None, "finite"),
        ([0.5, math.inf], None, "finite"),
        ([0.5, 0.5], [1.0, -1.0], "weights"),
        ([0.5, 0.5], [1.0, math.nan], "weights"),
        ([0.5, 0.5], [1.0], "zip"),
    ],
    ids=["nan", "infinite", "negative weight", "nan weight", "lengths"],
)
def test_refusals(values: list[float], weights: list[float] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clustered_mean(values, weights=weights)


def test_a_group_of_one_counts_as_a_cluster() -> None:
    got = clustered_mean([1, 1, 0, 0, 1], clusters=["a", "a", "b", "b", "lone"])
    assert got is not None
    assert got.clusters == 3


def test_kish_n() -> None:
    got = clustered_mean([0.0, 1.0, 1.0], weights=[1.0, 1.0, 2.0])
    assert got is not None
    assert got.kish_n == pytest.approx(16 / 6)


def test_items_weigh_the_same_whatever_their_trials() -> None:
    """Five right trials of one item, one wrong of another: pooled .83, by item .50."""
    got = clustered_mean([1, 1, 1, 1, 1, 0], clusters=[0] * 5 + [1], weights=[0.2] * 5 + [1.0])
    assert got is not None
    assert got.mean == 0.5


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(SCORES, st.integers(0, 6), st.floats(0.1, 3)), min_size=1, max_size=40), st.randoms())
def test_order_changes_no_digit(rows: list[tuple[float, int, float]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    results = [
        clustered_mean([v for v, _, _ in r], clusters=[c for _, c, _ in r], weights=[w for _, _, w in r])
        for r in (rows, shuffled)
    ]
    assert results[0] == results[1]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(SCORES, st.integers(1, 4)), min_size=2, max_size=20))
def test_trials_in_items_equal_their_means(items: list[tuple[float, int]]) -> None:
    """Rows with weight 1/trials, clustered by item, and items' means give one standard error."""
    rows = [(value, place, 1 / count) for place, (value, count) in enumerate(items) for _ in range(count)]
    by_row = clustered_mean([r[0] for r in rows], clusters=[r[1] for r in rows], weights=[r[2] for r in rows])
    by_item = clustered_mean([value for value, _ in items])
    assert by_row is not None
    assert by_item is not None
    assert by_row.mean == pytest.approx(by_item.mean, rel=1e-12, abs=1e-15)
    assert by_row.standard_error == pytest.approx(by_item.standard_error, rel=1e-9, abs=2e-9)
