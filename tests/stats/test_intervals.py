"""Intervals where data are scarce, equal, clustered or wrong."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.stats.distributions import t_quantile
from evalkit.stats.intervals import (
    Interval,
    Scores,
    clopper_pearson,
    score_interval,
    t_interval,
    threshold_interval,
    wilson,
    wilson_bounds,
)


def shown(values: list[float], *, binary: bool = True, **given: object) -> Interval:
    return score_interval(Scores(values, is_binary=binary, **given), confidence=0.95)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "graded"])
def test_nothing_scored(binary: bool) -> None:
    got = shown([], binary=binary)
    assert (got.mean, got.lower, got.upper, got.method, got.n, got.clusters) == (None, None, None, "none", 0, 0)
    assert threshold_interval(Scores([], is_binary=binary), tail=0.05).mean is None


@pytest.mark.parametrize(
    ("values", "lower", "upper"),
    [([0.0] * 20, 0.0, 0.161125158052819), ([1.0] * 20, 0.838874841947181, 1.0), ([1.0], 0.206549314377238, 1.0)],
    ids=["0 of 20", "20 of 20", "1 of 1"],
)
def test_plain_binary_is_wilson_on_integers(values: list[float], lower: float, upper: float) -> None:
    got = shown(values)
    assert got.method == "wilson"
    assert (got.lower, got.upper) == pytest.approx((lower, upper), abs=1e-12)
    assert got.clusters == got.n == len(values)


def test_graded_scores_of_zero_and_one_stay_graded() -> None:
    """Binary is what the scorer declares, never what the data look like."""
    assert shown([1.0, 0.0, 1.0, 1.0], binary=False).method == "wilson_n_eff"


def test_a_binary_scorer_with_a_half_is_not_counted_in_integers() -> None:
    assert shown([1.0, 0.5, 0.0, 1.0, 1.0]).method == "wilson_n_eff"


def test_one_graded_score_has_no_interval() -> None:
    got = shown([0.4], binary=False)
    assert (got.mean, got.lower, got.upper, got.method) == (0.4, None, None, "none")


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_graded_scores_say_as_much_as_their_number(value: float) -> None:
    got = shown([value] * 12, binary=False)
    assert got.effective_n == 12
    assert (got.lower, got.upper) == wilson_bounds(value, 12, t_quantile(0.975, 11))


@pytest.mark.parametrize(("groups", "has_bounds"), [(1, False), (2, False), (4, False), (5, True)])
def test_fewer_than_five_groups_stand_without_an_interval(groups: int, has_bounds: bool) -> None:
    values = [float(i % 3 > 0) for i in range(60)]
    clusters = [i % groups for i in range(60)]
    for got in (
        shown(values, clusters=clusters),
        threshold_interval(Scores(values, is_binary=True, clusters=clusters), tail=0.05),
        t_interval(values, clusters=clusters, confidence=0.95),
    ):
        assert got.mean == pytest.approx(2 / 3)
        assert got.clusters == groups
        assert (got.lower is not None) == (got.upper is not None) == has_bounds
        assert (got.method == "none") == (not has_bounds)


def test_negative_icc_is_capped_at_the_number_of_rows() -> None:
    """Each group holds one right and one wrong: the groups do not differ at all."""
    values, clusters = [1.0, 0.0] * 10 + [1.0, 1.0], [i // 2 for i in range(22)]
    assert shown(values, clusters=clusters).effective_n == 22
    assert shown(values, clusters=clusters, binary=False).effective_n > 22


def test_means_over_trials_are_capped_at_the_trials() -> None:
    values = [0.4, 0.6, 0.4, 0.6, 0.6, 0.4]
    assert shown(values, rows=30).effective_n == 30
    assert shown(values, rows=30).method == "wilson_n_eff"


def test_effective_n_is_at_least_one() -> None:
    assert wilson_bounds(0.5, shown([0.0, 1.0], binary=False).effective_n, 1.0)[0] > 0.0
    assert shown([0.0, 1.0], binary=False).effective_n == 1.0


@pytest.mark.parametrize("value", [math.nan, -0.1, 1.1, 4.0], ids=["nan", "below", "above", "a 1-5 scale"])
def test_what_is_no_score_is_refused(value: float) -> None:
    for values in ([0.5, value], [value, 0.5], [value], [1.0, value, 0.0]):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            Scores(values, is_binary=False)


def test_booleans_are_right_or_wrong() -> None:
    assert shown([True, False, True]) == shown([1.0, 0.0, 1.0])


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (1, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="proportion"):
        wilson(k, n, confidence=0.95)
    with pytest.raises(ValueError, match="proportion"):
        clopper_pearson(k, n, tail=0.025)


def test_no_trials_at_all() -> None:
    assert wilson(0, 0, confidence=0.95).mean is None
    assert clopper_pearson(0, 0, tail=0.025).mean is None


def test_a_plain_threshold_is_clopper_pearson() -> None:
    got = threshold_interval(Scores([1.0] * 19 + [0.0], is_binary=True), tail=0.025)
    assert got.method == "clopper_pearson"
    assert (got.lower, got.upper) == pytest.approx((0.751267237227972, 0.998734910502051), rel=1e-7)
    assert got.confidence == 0.95


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_threshold_on_equal_groups(value: float) -> None:
    got = threshold_interval(Scores([value] * 20, is_binary=True, clusters=[i % 10 for i in range(20)]), tail=0.05)
    assert got.method == "korn_graubard"
    assert (got.lower == 0.0) == (value == 0.0)
    assert (got.upper == 1.0) == (value == 1.0)


def test_one_graded_value_holds_no_threshold() -> None:
    assert threshold_interval(Scores([0.9], is_binary=False), tail=0.05).lower is None


@pytest.mark.parametrize("values", [[], [3.0]], ids=["none", "one"])
def test_t_needs_two_values(values: list[float]) -> None:
    got = t_interval(values, confidence=0.95)
    assert (got.lower, got.upper, got.n) == (None, None, len(values))


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=1, max_size=40),
    st.booleans(),
    st.integers(0, 12),
    st.floats(0.6, 0.999),
)
def test_every_interval_holds_its_mean(values: list[float], binary: bool, groups: int, confidence: float) -> None:
    clusters = [i % groups for i in range(len(values))] if groups else None
    scores = Scores(values, is_binary=binary, clusters=clusters)
    for got in (score_interval(scores, confidence=confidence), threshold_interval(scores, tail=(1 - confidence) / 2)):
        assert got.mean is not None
        if got.method != "none":
            assert got.lower is not None
            assert got.upper is not None
            assert 0.0 <= got.lower <= got.mean <= got.upper <= 1.0
            assert got.lower < got.upper


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9)), min_size=1, max_size=40), st.randoms())
def test_order_changes_no_digit(rows: list[tuple[float, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = (shown([v for v, _ in r], binary=False, clusters=[c for _, c in r]) for r in (rows, shuffled))
    assert first == second


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.data())
def test_more_confidence_is_wider(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = sorted(data.draw(st.tuples(st.floats(0.55, 0.99), st.floats(0.55, 0.99))))
    assume(high - low > 1e-6)
    narrow, wide = wilson(k, n, confidence=low), wilson(k, n, confidence=high)
    assert wide.lower <= narrow.lower
    assert narrow.upper <= wide.upper
