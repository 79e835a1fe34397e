"""The interval and p-value of a difference where pairs are few, equal, clustered or missing."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.paired import DifferenceEstimate, augmented_estimate, paired_difference, plain_estimate
from evalkit.stats.pairing import Pairing


def compare(d: list[float], *, binary: bool = True, **given: object):
    return paired_difference(Pairing(d, is_binary=binary, **given), confidence=0.95)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("d", "difference"), [([], None), ([1.0], 1.0)], ids=["no common item", "one common item"])
def test_too_few_pairs_have_no_interval(d: list[float], difference: float | None, binary: bool) -> None:
    got = compare(d, binary=binary)
    assert (got.difference, got.lower, got.upper, got.method) == (difference, None, None, "none")
    assert got.p in {None, 1.0}


@pytest.mark.parametrize("n", [2, 20, 500])
@pytest.mark.parametrize("binary", [True, False])
def test_equal_sides_prove_nothing(n: int, binary: bool) -> None:
    got = compare([0.0] * n, binary=binary)
    assert got.difference == 0.0
    assert got.lower < 0.0 < got.upper
    assert got.p == 1.0


def test_one_constant_difference_is_not_certain() -> None:
    got = compare([0.25] * 20, binary=False)
    assert got.lower < 0.25 < got.upper
    assert got.p_method == "t"
    assert 0.0 < got.p < 0.05


@pytest.mark.parametrize(("n", "is_pass"), [(115, False), (116, True)])
def test_two_identical_binary_runs_pass_a_margin_of_two_points_from_116_items(n: int, is_pass: bool) -> None:
    estimate = augmented_estimate(Pairing([0.0] * n, is_binary=True), weight=1.0)
    assert (estimate.bounds(0.05)[0] > -0.02) == is_pass


def test_a_margin_of_zero_is_the_one_sided_test() -> None:
    estimate = plain_estimate(Pairing([0.1, -0.2, 0.3, 0.05, 0.1], is_binary=False))
    assert estimate.p_below(0.0) + estimate.p_above(0.0) == pytest.approx(1.0)
    assert estimate.p_two_sided() == pytest.approx(2 * min(estimate.p_below(0.0), estimate.p_above(0.0)))


@pytest.mark.parametrize(("mean", "p"), [(0.0, 0.5), (0.1, 0.0), (-0.1, 1.0)])
def test_without_spread_a_difference_is_a_fact(mean: float, p: float) -> None:
    assert DifferenceEstimate(mean, 0.0, 9).p_above(0.0) == p


@pytest.mark.parametrize(
    ("d", "given", "method"),
    [
        ([1.0, 0.0, -1.0, 1.0], {}, "mcnemar_exact"),
        ([1.0] * 30 + [0.0] * 9, {}, "mcnemar_exact"),
        ([0.5, 0.0, -0.5, 1.0, 0.0, 0.5], {"trials": 2}, "sign_flip_exact"),
        ([0.5, 0.0, -0.5, 1.0, 0.0], {"trials": 2}, "t"),
        ([0.5, -0.5, 1.0] * 5, {"trials": 2}, "t"),
        ([1.0, 0.0, -1.0, 1.0] * 6, {"clusters": [i // 4 for i in range(24)]}, "sign_flip_exact"),
        ([1.0, 0.0, 1.0, 1.0] * 15, {"clusters": [i // 4 for i in range(60)]}, "t"),
        ([1.0, 0.0, 1.0, 1.0] * 4, {"clusters": [i // 4 for i in range(16)]}, "none"),
    ],
    ids=[
        "discordant",
        "many",
        "few non-zero",
        "five items",
        "many non-zero",
        "few clusters",
        "clusters",
        "four clusters",
    ],
)
def test_which_test_gives_the_p_value(d: list[float], given: dict, method: str) -> None:
    got = compare(d, **given)
    assert got.p_method == method
    assert (got.p is None) == (method == "none")


def test_graded_scores_get_a_plain_t() -> None:
    d = [0.1, -0.2, 0.3, 0.05, 0.1, 0.02] * 4
    got = compare(d, binary=False)
    assert (got.method, got.p_method) == ("paired_t", "t")
    assert got.difference == pytest.approx(math.fsum(d) / 24)


def test_groups_widen_the_interval() -> None:
    d = [float(i % 4 == 0) for i in range(10) for _ in range(8)]
    alone, grouped = compare(d), compare(d, clusters=[i // 8 for i in range(80)])
    assert grouped.clusters == 10
    assert grouped.upper - grouped.lower > 1.5 * (alone.upper - alone.lower)


@pytest.mark.parametrize("binary", [True, False])
def test_groups_of_one_are_no_groups(binary: bool) -> None:
    d = [1.0, 0.0, -1.0, 0.0, 1.0, 1.0, 0.0]
    alone, grouped = compare(d, binary=binary), compare(d, binary=binary, clusters=list(range(7)))
    assert (grouped.lower, grouped.upper) == (alone.lower, alone.upper)


def test_wins_and_losses_are_counted() -> None:
    got = compare([1.0, 1.0, -1.0, 0.0])
    assert (got.wins, got.losses, got.n) == (2, 1, 4)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.integers(0, 8)), max_size=40),
    st.booleans(),
    st.booleans(),
    st.randoms(),
)
def test_order_changes_no_digit_and_the_mean_is_inside(rows: list, binary: bool, grouped: bool, random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = (
        compare([d for d, _ in r], binary=binary, trials=2, clusters=[c for _, c in r] if grouped else None)
        for r in (rows, shuffled)
    )
    assert first == second
    if first.lower is not None:
        assert first.lower <= first.difference <= first.upper
        assert first.lower < first.upper
    assert first.p is None or 0.0 <= first.p <= 1.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_swapping_the_sides_mirrors_everything(d: list[float]) -> None:
    there, back = compare(d, binary=False), compare([-x for x in d], binary=False)
    assert (back.difference, back.lower, back.upper) == (-there.difference, -there.upper, -there.lower)
    assert back.p == there.p
