import dataclasses
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.compare import adjust_family, compare, pair_samples
from evalkit.comparison import Comparison, MetricComparison, SampleCounts, Side
from evalkit.stored_items import MetricItems
from tests.comparing import side

SCORES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4), st.sampled_from([0.0, 1.0, None]), min_size=2, max_size=40
)


def only(comparison: Comparison) -> MetricComparison:
    (metric,) = comparison.metrics
    return metric


def items(some: Side) -> MetricItems:
    (found,) = some.items
    return found


def coins(n: int, p: float, seed: int) -> dict[str, float]:
    chance = random.Random(seed)
    return {f"s{i}": float(chance.random() < p) for i in range(n)}


@given(SCORES)
def test_a_side_against_itself_has_changed_nothing(values: dict[str, float | None]) -> None:
    metric = only(compare(side(values), side(values, name="B")))
    scored = [value for value in values.values() if value is not None]
    assert metric.paired.difference == (0.0 if scored else None)
    assert (metric.better, metric.worse, metric.verdict) == ((), (), "unclear")
    assert metric.unscored == (0, 0, len(values) - len(scored))
    assert metric.first == metric.second
    if metric.paired.lower is not None and metric.paired.upper is not None:
        assert metric.paired.lower == pytest.approx(-metric.paired.upper, abs=1e-12)


@given(SCORES, st.randoms(use_true_random=False))
def test_swapping_the_sides_turns_every_sign(values: dict[str, float | None], chance: random.Random) -> None:
    other = {name: chance.choice([0.0, 1.0, None]) for name in values}
    there, back = only(compare(side(values), side(other))), only(compare(side(other), side(values)))
    assert there.paired.n == back.paired.n
    assert there.paired.p == back.paired.p
    assert (len(there.better), len(there.worse)) == (len(back.worse), len(back.better))
    assert there.unscored == (back.unscored[1], back.unscored[0], back.unscored[2])
    for mine, theirs in (
        (there.paired.difference, back.paired.difference),
        (there.paired.lower, back.paired.upper),
        (there.lowest, back.highest),
    ):
        assert (mine is None) == (theirs is None)
        assert mine is None or mine == pytest.approx(-(theirs or 0.0), abs=1e-12)


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(values: dict[str, float | None], chance: random.Random) -> None:
    other = {name: chance.choice([0.0, 1.0, None]) for name in values}
    shuffled = dict(chance.sample(list(other.items()), len(other)))
    straight, mixed = only(compare(side(values), side(other))), only(compare(side(values), side(shuffled)))
    assert dataclasses.replace(straight, better=(), worse=()) == dataclasses.replace(mixed, better=(), worse=())
    assert set(straight.better) == set(mixed.better)
    assert set(straight.worse) == set(mixed.worse)


@given(SCORES, st.randoms(use_true_random=False))
def test_missing_scores_stay_within_the_bounds(values: dict[str, float | None], chance: random.Random) -> None:
    other = {name: chance.choice([0.0, 1.0, None]) for name in values}
    metric = only(compare(side(values), side(other)))
    both = [name for name in values if values[name] is not None or other[name] is not None]
    filled = [
        (chance.random() if other[name] is None else other[name])
        - (chance.random() if values[name] is None else values[name])
        for name in both
    ]
    if not both:
        assert metric.lowest is metric.highest is None
        return
    assert metric.lowest is not None
    assert metric.highest is not None
    assert metric.lowest - 1e-12 <= math.fsum(filled) / len(filled) <= metric.highest + 1e-12


def test_mc_nemar_and_flips() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    before, after = coins(300, 0.8, 1), coins(300, 0.7, 2)
    metric = only(compare(side(before), side(after)))
    lost = [name for name in before if before[name] > after[name]]
    won = [name for name in before if before[name] < after[name]]
    assert [flip.sample_id for flip in metric.worse] == lost
    assert [flip.sample_id for flip in metric.better] == won
    assert (metric.paired.wins, metric.paired.losses) == (len(won), len(lost))
    assert metric.paired.p_method == "mcnemar_exact"
    assert metric.paired.p == pytest.approx(scipy_stats.binomtest(len(won), len(won) + len(lost)).pvalue, rel=1e-9)


def test_graded_scores_take_the_paired_t_test() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    chance = random.Random(5)
    before = {f"s{i}": chance.random() for i in range(80)}
    after = {name: min(1.0, value * chance.uniform(0.7, 1.3)) for name, value in before.items()}
    metric = only(compare(side(before, kind="graded"), side(after, kind="graded")))
    test = scipy_stats.ttest_rel(list(after.values()), list(before.values()))
    interval = test.confidence_interval(0.95)
    assert metric.paired.p == pytest.approx(test.pvalue, rel=1e-9)
    assert (metric.paired.lower, metric.paired.upper) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_lower_is_better_turns_the_claim() -> None:
    before, after = coins(300, 0.3, 1), coins(300, 0.7, 2)
    up = only(compare(side(before), side(after)))
    down = only(compare(side(before, higher_is_better=False), side(after, higher_is_better=False)))
    assert (up.verdict, down.verdict) == ("better", "worse")
    assert up.paired == down.paired
    assert (up.better, up.worse) == (down.worse, down.better)


def test_the_largest_change_stands_first() -> None:
    before = {"a": 0.9, "b": 0.9, "c": 0.1, "d": 0.5}
    after = {"a": 0.8, "b": 0.1, "c": 0.9, "d": 0.5}
    metric = only(compare(side(before, kind="graded"), side(after, kind="graded")))
    assert [flip.sample_id for flip in metric.worse] == ["b", "a"]
    assert [flip.sample_id for flip in metric.better] == ["c"]


@pytest.mark.parametrize(
    ("first", "second", "digests", "counts"),
    [
        pytest.param("abcd", "abcd", {}, SampleCounts(4, 0, 0, 0), id="all"),
        pytest.param("abcd", "dcba", {}, SampleCounts(4, 0, 0, 0), id="another order"),
        pytest.param("abcd", "abcd", {"b": "new"}, SampleCounts(3, 1, 0, 0), id="changed"),
        pytest.param("abcd", "abcde", {}, SampleCounts(4, 0, 1, 0), id="added"),
        pytest.param("abcd", "cd", {}, SampleCounts(2, 0, 0, 2), id="removed"),
        pytest.param("ab", "cd", {}, SampleCounts(0, 0, 2, 2), id="none"),
    ],
)
def test_samples_pair_by_id_and_content(first: str, second: str, digests: dict[str, str], counts: SampleCounts) -> None:
    left, right = items(side(dict.fromkeys(first, 1.0))), items(side(dict.fromkeys(second, 1.0), digests=digests))
    pairs = pair_samples(left, right)
    assert pairs.counts == counts
    assert [left.ids[place] for place in pairs.first] == [right.ids[place] for place in pairs.second]
    assert len(set(pairs.first)) == counts.paired


def test_an_id_that_stands_twice_is_never_paired() -> None:
    left = items(side(dict.fromkeys("ab", 1.0)))
    twice = dataclasses.replace(left, ids=("b", "b"))
    with pytest.raises(ValueError, match="twice on one side"):
        pair_samples(left, twice)
    with pytest.raises(ValueError, match="twice on one side"):
        pair_samples(twice, left)


@pytest.mark.parametrize(
    ("changed", "is_refused"), [(0, False), (2, False), (3, True), (20, True)], ids=["0", "2", "3", "20"]
)
def test_too_few_pairs_are_refused(changed: int, is_refused: bool) -> None:
    values = coins(20, 0.5, 1)
    comparison = compare(side(values), side(values, digests={f"s{i}": "new" for i in range(changed)}))
    assert bool(comparison.refused) is is_refused
    if is_refused:
        assert f"only {20 - changed} of 20 samples pair" in comparison.refused["qa.exact"]
        assert f"{changed} changed" in comparison.refused["qa.exact"]
        assert comparison.evaluations == ()


def test_the_overlap_can_be_lowered() -> None:
    comparison = compare(side(coins(20, 0.5, 1)), side(coins(10, 0.5, 2)), min_overlap=0.5)
    assert only(comparison).paired.n == 10


def test_unequal_measures_are_refused_by_name() -> None:
    comparison = compare(side(coins(20, 0.5, 1)), side(coins(20, 0.5, 2), measure="other"))
    assert comparison.refused == {"qa.exact": "it was measured differently: scorer m → other"}
    assert comparison.metrics == ()


def test_unequal_trials_pair_by_the_sample() -> None:
    before = {"a": 1.0, "b": 0.0, "c": 1.0}
    after = {"a": 0.6, "b": 0.2, "c": 1.0}
    metric = only(compare(side(before), side(after, trials=5)))
    assert metric.trials == (1, 5)
    assert metric.paired.difference == pytest.approx((-0.4 + 0.2) / 3)
    assert metric.paired.p_method != "mcnemar_exact"


def test_groups_widen_the_interval() -> None:
    before, after = coins(60, 0.5, 1), coins(60, 0.7, 2)
    alone = only(compare(side(before), side(after))).paired
    groups = [f"d{i // 6}" for i in range(60)]
    grouped = only(compare(side(before, clusters=groups), side(after, clusters=groups))).paired
    assert (alone.clusters, grouped.clusters) == (60, 10)
    assert alone.difference == grouped.difference


def test_slices_are_tested_where_there_are_enough_samples() -> None:
    before, after = coins(100, 0.9, 1), coins(100, 0.4, 2)
    slices = {"topic": {"law": range(60), "sums": range(60, 90), "rare": range(90, 100)}}
    law, sums, rare = only(compare(side(before, slices=slices), side(after))).slices
    assert (law.value, law.paired.n, sums.paired.n, rare.paired.n) == ("law", 60, 30, 10)
    assert law.p_adjusted is not None
    assert law.paired.p is not None
    assert law.p_adjusted >= law.paired.p
    assert (rare.p_adjusted, rare.paired.lower, rare.paired.p) == (None, None, None)
    assert rare.paired.difference is not None


def test_slices_follow_samples_that_moved() -> None:
    before, after = coins(100, 0.9, 1), coins(100, 0.4, 2)
    slices = {"topic": {"law": range(60), "sums": range(60, 100)}}
    straight = only(compare(side(before, slices=slices), side(after)))
    mixed = dict(random.Random(1).sample(list(after.items()), 100))
    assert only(compare(side(before, slices=slices), side(mixed))).slices == straight.slices


def test_outcome_changes_are_counted() -> None:
    first, second = side(coins(5, 0.5, 1)), side(coins(5, 0.5, 1))
    changed = dataclasses.replace(items(second), predictions=bytes([0, 1, 1, 6, 0]))
    comparison = compare(first, dataclasses.replace(second, items=[changed]))
    assert comparison.evaluations[0].outcomes == {("ok", "truncated"): 2, ("ok", "infra_error"): 1}


def test_holm_over_the_primary_metric_only() -> None:
    first = side(coins(200, 0.8, 1))
    pairs = [compare(first, side(coins(200, p, seed))) for seed, p in enumerate((0.75, 0.7, 0.5), start=2)]
    raw = [only(each).paired.p or 0.0 for each in pairs]
    adjusted = [only(each) for each in adjust_family(pairs)]
    assert [metric.family for metric in adjusted] == ["holm"] * 3
    assert min(metric.p_adjusted or 0.0 for metric in adjusted) == pytest.approx(min(1.0, 3 * min(raw)))
    assert all((metric.p_adjusted or 0.0) >= p for metric, p in zip(adjusted, raw, strict=True))


def test_a_claim_needs_the_interval_and_the_adjusted_p() -> None:
    metric = only(compare(side(coins(200, 0.8, 1)), side(coins(200, 0.65, 2))))
    assert metric.verdict == "worse"
    assert dataclasses.replace(metric, p_adjusted=0.2).verdict == "unclear"
    assert dataclasses.replace(metric, p_adjusted=0.04).verdict == "worse"


def test_what_differs_in_the_treatment_is_told() -> None:
    first, second = side(coins(5, 0.5, 1)), side(coins(5, 0.5, 1))
    plan: dict[str, Any] = {**second.run.plan["cells"][0], "params": {"temperature": 1}, "system": "Be brief."}
    other = dataclasses.replace(
        second, run=dataclasses.replace(second.run, plan={"cells": [plan]}, versions={"evalkit": "9"})
    )
    told = {change.what: (change.first, change.second) for change in compare(first, other).treatment}
    assert told == {
        "system": ("none", "Be brief."),
        "params.temperature": ("none", "1"),
        "evalkit": ("", "9"),
    }


def test_metrics_of_one_side_only_are_told() -> None:
    first, second = side(coins(5, 0.5, 1)), side(coins(5, 0.5, 1), name="B")
    more = [items(second), dataclasses.replace(items(second), scorer="f1")]
    assert compare(first, dataclasses.replace(second, items=more)).notes == ("only B has qa.f1",)
