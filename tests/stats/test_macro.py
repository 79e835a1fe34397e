"""Averages over metrics never pool their rows, and know when they are on the same items."""

import dataclasses
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.distributions import normal_quantile
from evalkit.stats.intervals import Scores, score_interval, wilson, wilson_bounds
from evalkit.stats.macro import correlate_means, macro_average
from evalkit.stats.macro_paired import macro_difference
from evalkit.stats.means import Interval
from evalkit.stats.paired import paired_difference
from evalkit.stats.pairing import ItemScores, pair_items

Z = normal_quantile(0.975)


def scores(values: list[float], *, ids: list[str] | None = None, is_binary: bool = True) -> ItemScores:
    return ItemScores([f"s{place}" for place in range(len(values))] if ids is None else ids, values, is_binary)


def interval(side: ItemScores) -> Interval:
    return score_interval(Scores([v for v in side.values if not math.isnan(v)], side.is_binary), confidence=0.95)


def coins(n: int, p: float, seed: int) -> list[float]:
    rng = random.Random(seed)
    return [float(rng.random() < p) for _ in range(n)]


def test_metrics_weigh_the_same() -> None:
    parts = [wilson(90, 100, confidence=0.95), wilson(5, 10, confidence=0.95)]
    got = macro_average(parts, confidence=0.95)
    assert got.mean == pytest.approx(0.7)
    widest = [max(part.standard_error, (part.upper - part.lower) / 2 / Z) for part in parts]
    error = math.hypot(*widest) / 2
    assert (got.lower, got.upper) == pytest.approx(wilson_bounds(0.7, 0.7 * 0.3 / error**2, Z))
    assert (got.method, got.n, got.clusters) == ("wilson_macro", 110, 110)


def test_all_right_everywhere_is_not_certain() -> None:
    got = macro_average([wilson(20, 20, confidence=0.95)] * 2, confidence=0.95)
    assert (got.mean, got.upper, got.method) == (1.0, 1.0, "wilson_macro")
    assert got.lower == pytest.approx(wilson(40, 40, confidence=0.95).lower)


def test_a_small_part_that_was_all_right_keeps_its_own_doubt() -> None:
    small, large = wilson(20, 20, confidence=0.95), wilson(950, 1000, confidence=0.95)
    got = macro_average([small, large], confidence=0.95)
    assert got.mean - got.lower > (small.upper - small.lower) / 4
    naive = math.hypot(small.standard_error, large.standard_error) / 2
    assert got.standard_error > 2 * naive


def test_a_single_part_keeps_its_own_interval() -> None:
    assert macro_average([wilson(17, 20, confidence=0.95)], confidence=0.95) == wilson(17, 20, confidence=0.95)


@pytest.mark.parametrize(
    ("parts", "mean"),
    [
        ([], None),
        ([wilson(9, 10, confidence=0.95), wilson(0, 0, confidence=0.95)], None),
        ([wilson(9, 10, confidence=0.95), wilson(1, 1, confidence=0.95)], 0.95),
    ],
    ids=["no metric", "one is empty", "one value"],
)
def test_without_bounds(parts: list[Interval], mean: float | None) -> None:
    got = macro_average(parts, confidence=0.95)
    assert (got.mean, got.lower, got.upper, got.method) == (mean, None, None, "none")


def test_weights_are_shares() -> None:
    parts = [wilson(90, 100, confidence=0.95), wilson(5, 10, confidence=0.95)]
    assert macro_average(parts, confidence=0.95, weights=[3.0, 1.0]).mean == pytest.approx(0.8)


@given(st.floats(-1, 1), st.integers(1, 29), st.integers(1, 29))
def test_what_moves_together_widens(r: float, first: int, second: int) -> None:
    parts = [wilson(first, 30, confidence=0.95), wilson(second, 30, confidence=0.95)]
    apart = macro_average(parts, confidence=0.95)
    got = macro_average(parts, confidence=0.95, correlations={(0, 1): r})
    assert got.mean == apart.mean
    assert (got.upper - got.lower <= apart.upper - apart.lower + 1e-12) is (r <= 0) or r < 1e-9
    assert 0.0 <= got.lower <= got.mean <= got.upper <= 1.0


def test_the_same_metric_twice_says_no_more_than_once() -> None:
    side = scores(coins(100, 0.7, 1))
    r = correlate_means(side, side)
    got = macro_average([interval(side)] * 2, confidence=0.95, correlations={(0, 1): r})
    assert r == pytest.approx(1.0)
    assert got.standard_error == pytest.approx(interval(side).standard_error, rel=0.02)


def test_means_correlate_by_id_and_by_group() -> None:
    first = scores([1.0, 0.0, 1.0, 0.0, math.nan])
    turned = scores([0.0, 1.0, 0.0, 1.0, 0.0], ids=["s3", "s2", "s1", "s0", "x"])
    assert correlate_means(first, turned) == pytest.approx(0.913, abs=1e-3)
    assert correlate_means(first, scores([1.0, 0.0], ids=["a", "b"])) == 0.0
    assert correlate_means(first, scores([1.0, 1.0])) == 0.0
    groups = ["g", "g", "h", "h", 4]
    grouped = [dataclasses.replace(side, clusters=groups) for side in (first, scores([1.0, 0.0, 0.0, 1.0, 1.0]))]
    assert correlate_means(*grouped) == 0.0, "each group's deviations cancel"


def test_one_metric_differs_as_it_does_alone() -> None:
    left, right = scores(coins(60, 0.8, 1)), scores(coins(60, 0.6, 2))
    got = macro_difference([left], [right], items=["x"], confidence=0.95)
    assert got == paired_difference(pair_items(left, right), confidence=0.95)


def test_independent_metrics_add_their_squared_errors() -> None:
    left = [scores(coins(60, 0.8, seed)) for seed in (1, 2)]
    right = [scores(coins(60, 0.6, seed)) for seed in (3, 4)]
    got = macro_difference(left, right, items=["x", "y"], confidence=0.95)
    own = [paired_difference(pair_items(*sides), confidence=0.95) for sides in zip(left, right, strict=True)]
    assert got.difference == pytest.approx(math.fsum(each.difference for each in own) / 2)
    assert got.standard_error == pytest.approx(math.hypot(*(each.standard_error for each in own)) / 2)
    assert (got.n, got.clusters, got.method, got.p_method) == (120, 120, "macro_t", "t")
    assert got.lower < got.difference < got.upper
    assert (got.wins, got.losses) == tuple(sum(getattr(each, name) for each in own) for name in ("wins", "losses"))


def test_metrics_on_the_same_items_are_no_further_evidence() -> None:
    left, right = scores(coins(200, 0.8, 1), is_binary=False), scores(coins(200, 0.6, 2), is_binary=False)
    alone = paired_difference(pair_items(left, right), confidence=0.95)
    twice = macro_difference([left] * 2, [right] * 2, items=["x", "x"], confidence=0.95)
    assert (twice.difference, twice.standard_error) == pytest.approx((alone.difference, alone.standard_error))
    assert (twice.lower, twice.upper) == pytest.approx((alone.lower, alone.upper))
    assert (twice.p, twice.clusters, twice.n) == (pytest.approx(alone.p), 200, 400)
    apart = macro_difference([left] * 2, [right] * 2, items=["x", "y"], confidence=0.95)
    assert apart.standard_error == pytest.approx(alone.standard_error / math.sqrt(2))


def test_few_differences_are_tested_exactly() -> None:
    left = [scores([1.0] * 8 + [0.0] * 8), scores([1.0] * 16)]
    right = [scores([1.0] * 6 + [0.0] * 10), scores([1.0] * 14 + [0.0] * 2)]
    got = macro_difference(left, right, items=["x", "y"], confidence=0.95)
    assert (got.p, got.p_method) == (2 * 0.5**4, "sign_flip_exact")


def test_without_pairs_there_is_no_difference() -> None:
    left, right = [scores([1.0, 0.0]), scores([1.0])], [scores([0.0, 0.0]), scores([math.nan])]
    got = macro_difference(left, right, items=["x", "y"], confidence=0.95)
    assert (got.difference, got.lower, got.p, got.method, got.p_method) == (None, None, None, "none", "none")


@given(st.integers(0, 10_000), st.booleans())
def test_swapping_the_models_turns_the_sign(seed: int, are_shared: bool) -> None:
    left, right = ([scores(coins(n, 0.7, seed + n + k)) for n in (12, 30)] for k in (0, 1))
    items = ["x", "x" if are_shared else "y"]
    ahead = macro_difference(left, right, items=items, confidence=0.95)
    behind = macro_difference(right, left, items=items, confidence=0.95)
    assert ahead.difference == pytest.approx(-behind.difference, abs=1e-12)
    assert (ahead.lower, ahead.upper) == pytest.approx((-behind.upper, -behind.lower), abs=1e-12)
    assert ahead.p == pytest.approx(behind.p)


@pytest.mark.slow
@pytest.mark.parametrize("are_shared", [False, True], ids=["apart", "on the same items"])
def test_intervals_hold_what_they_promise(are_shared: bool) -> None:
    rng, rounds = random.Random(5), 400
    held, wrong = 0, 0
    for _ in range(rounds):
        sides: list[list[ItemScores]] = []
        shared = [rng.gauss(0, 1) for _ in range(60)]
        for _model in range(2):
            own = [[x if are_shared else rng.gauss(0, 1) for x in shared] for _ in range(2)]
            sides.append([scores([float(0.7 * x + 0.7 * rng.gauss(0, 1) < 0.8) for x in part]) for part in own])
        items = ["x", "x" if are_shared else "y"]
        r = {(0, 1): correlate_means(*sides[0])} if are_shared else {}
        mean = macro_average([interval(side) for side in sides[0]], confidence=0.95, correlations=r)
        true = 0.5 * (1 + math.erf(0.8 / math.sqrt(0.98) / math.sqrt(2)))
        held += mean.lower <= true <= mean.upper
        wrong += macro_difference(*sides, items=items, confidence=0.95).p < 0.05
    assert held / rounds >= 0.92
    assert wrong / rounds <= 0.08
