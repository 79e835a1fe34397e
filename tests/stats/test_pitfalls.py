"""The known pitfalls of such statistics, each as a test of the parts that must not fall for it."""

import math
import random

import pytest

from evalkit.report.numbers import format_p
from evalkit.stats.intervals import Scores, score_interval, threshold_interval, wilson
from evalkit.stats.means import clustered_mean
from evalkit.stats.multiple import benjamini_hochberg, holm
from evalkit.stats.paired import augmented_estimate, paired_difference, plain_estimate
from evalkit.stats.pairing import ItemScores, Pairing, pair_items
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ranks import rank_intervals
from evalkit.stats.reducers import pass_at_k, pass_hat_k
from evalkit.stats.verdicts import Verdict, judge_difference, judge_level


@pytest.mark.parametrize("right", [0, 20], ids=["none of 20", "20 of 20"])
def test_none_and_all_right_keep_a_width(right: int) -> None:
    got = wilson(right, 20, confidence=0.95)
    assert got.lower is not None
    assert got.upper is not None
    assert (got.lower == 0.0) == (right == 0)
    assert (got.upper == 1.0) == (right == 20)
    assert got.upper - got.lower > 0.15


def test_one_item_claims_nothing() -> None:
    assert judge_difference(Pairing([-1.0], True), margin=0.0, alpha=0.05).verdict is Verdict.INCONCLUSIVE
    one = score_interval(Scores([1.0], is_binary=True), confidence=0.95)
    assert one.upper == 1.0
    assert one.lower is not None
    assert one.lower < 0.25
    assert judge_level(Scores([0.5], is_binary=False), threshold=0.9, alpha=0.05).verdict is Verdict.INCONCLUSIVE


def test_one_group_has_no_interval() -> None:
    got = score_interval(Scores([1.0, 0.0] * 20, is_binary=True, clusters=["only"] * 40), confidence=0.95)
    assert (got.mean, got.lower, got.upper, got.clusters) == (0.5, None, None, 1)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0], ids=str)
def test_equal_scores_are_not_certain(value: float) -> None:
    got = score_interval(Scores([value] * 30, is_binary=False), confidence=0.95)
    assert got.lower is not None
    assert got.upper is not None
    assert got.upper - got.lower > 0.05


def test_rounding_is_no_spread() -> None:
    """0.1 + 0.2 is not 0.3 in binary; the spread of such scores is 0, not 1e-17."""
    estimate = clustered_mean([0.1 + 0.2, 0.3] * 50)
    assert estimate is not None
    assert estimate.standard_error == 0.0


def test_booleans_count_as_numbers() -> None:
    as_bools, as_floats = ([True, False, True], [1.0, 0.0, 1.0])
    assert score_interval(Scores(as_bools, is_binary=True), confidence=0.95) == score_interval(
        Scores(as_floats, is_binary=True), confidence=0.95
    )


def test_scores_that_are_no_numbers_are_refused_and_in_pairs_left_out() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        Scores([1.0, math.nan], is_binary=True)
    pairing = pair_items(
        ItemScores("ab", [1.0, math.nan], is_binary=True), ItemScores("ab", [0.0, 1.0], is_binary=True)
    )
    assert (list(pairing.differences), pairing.missing) == ([1.0], 1)


def test_an_item_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="an id stands twice"):
        pair_items(ItemScores("aa", [1.0, 0.0], is_binary=True), ItemScores("ab", [1.0, 0.0], is_binary=True))


def test_items_in_another_order_pair_by_id() -> None:
    first = ItemScores("abc", [1.0, 0.0, 1.0], is_binary=True)
    second = ItemScores("cab", [1.0, 1.0, 0.0], is_binary=True)
    assert list(pair_items(first, second).differences) == [0.0, 0.0, 0.0]


def test_unequal_trials_leave_the_item_as_the_unit() -> None:
    """Five right trials and one wrong, one item each: a half, not five sixths."""
    assert score_interval(Scores([1.0, 0.0] * 10, is_binary=True, rows=60), confidence=0.95).mean == 0.5
    first = ItemScores("ab", [1.0, 0.0], is_binary=True, trials=5)
    assert pair_items(first, ItemScores("ab", [1.0, 0.0], is_binary=True, trials=1)).trials == 1


def test_a_group_of_one_item_is_a_group_like_others() -> None:
    clusters = [*[f"g{i}" for i in range(9) for _ in range(4)], "alone"]
    got = score_interval(Scores([float(i % 2) for i in range(37)], is_binary=True, clusters=clusters), confidence=0.95)
    assert got.clusters == 10
    assert got.lower is not None


def test_items_without_weight_say_nothing() -> None:
    weighted = clustered_mean([1.0, 0.0, 1.0, 0.5], weights=[1.0, 1.0, 1.0, 0.0])
    assert weighted == clustered_mean([1.0, 0.0, 1.0], weights=[1.0, 1.0, 1.0])
    assert clustered_mean([1.0, 0.0], weights=[0.0, 0.0]) is None


def test_groups_that_cancel_claim_no_more_than_their_items() -> None:
    """Negative intraclass correlation: right and wrong balance in each group; n_eff is capped at n."""
    got = score_interval(Scores([1.0, 0.0] * 20, is_binary=True, clusters=[i // 2 for i in range(40)]), confidence=0.95)
    assert got.effective_n == 20
    plain = wilson(20, 40, confidence=0.95)
    assert got.upper - got.lower >= 0.95 * (plain.upper - plain.lower)


def test_a_margin_of_zero_is_the_test_of_no_drop() -> None:
    d = [-1.0] * 9 + [0.0] * 90 + [1.0]
    claim = judge_difference(Pairing(d, True), margin=0.0, alpha=0.05)
    estimate = augmented_estimate(Pairing(d, True), weight=1.0)
    assert estimate is not None
    assert claim.verdict is Verdict.FAIL
    assert claim.p == estimate.p_below(0.0)


def test_lower_is_better_is_the_mirrored_claim() -> None:
    """The sign is flipped first: a rise is then a drop, and is proven just so."""
    rise = [0.2, 0.1, 0.3, 0.15, 0.25, 0.2] * 5
    worse = judge_difference(Pairing([-value for value in rise], False), margin=0.02, alpha=0.05)
    better = judge_difference(Pairing(rise, False), margin=0.02, alpha=0.05)
    assert (worse.verdict, better.verdict) == (Verdict.FAIL, Verdict.PASS)


def test_one_model_ranks_first_of_one() -> None:
    assert rank_intervals(1, [], alpha=0.05).intervals == ((1, 1),)


@pytest.mark.parametrize(("n", "verdict"), [(115, Verdict.INCONCLUSIVE), (116, Verdict.PASS)], ids=str)
def test_two_identical_runs(n: int, verdict: Verdict) -> None:
    assert judge_difference(Pairing([0.0] * n, True), margin=0.02, alpha=0.05).verdict is verdict


def test_ties_get_one_adjusted_p_and_order_is_kept() -> None:
    for adjust in (holm, benjamini_hochberg):
        got = adjust([0.01, 0.04, 0.04, 0.2, 0.9])
        assert got[1] == got[2]
        assert got == sorted(got)
        assert max(got) <= 1.0


@pytest.mark.parametrize("draw", [pass_at_k, pass_hat_k], ids=["pass at k", "pass hat k"])
def test_more_draws_than_trials_are_refused(draw: object) -> None:
    with pytest.raises(ValueError, match="cannot draw 4 of 3 trials"):
        draw(3, 1, 4)


def test_pass_at_k_is_not_the_power_formula() -> None:
    assert pass_at_k(4, 2, 2) == pytest.approx(5 / 6)
    assert pass_at_k(4, 2, 2) != pytest.approx(1 - (1 - 2 / 4) ** 2)


@pytest.mark.parametrize("p", [0.0, 1e-300, 9.9e-5], ids=str)
def test_a_p_value_is_never_printed_as_zero(p: float) -> None:
    assert format_p(p) == "p < 0.0001"


def test_nothing_is_drawn_without_a_seed() -> None:
    """Intervals, tests and verdicts are the same whatever the state of the random generator."""
    rng = random.Random(3)
    d = [rng.choice([-1.0, 0.0, 0.0, 1.0]) for _ in range(60)]
    found = []
    for seed in (1, 2):
        random.seed(seed)
        found.append((paired_difference(Pairing(d, True), confidence=0.95), quantile_interval(d, 0.9, confidence=0.95)))
    assert found[0] == found[1]


def test_a_scale_of_one_to_five_is_refused_until_it_is_rescaled() -> None:
    ratings = [1.0, 3.0, 5.0, 4.0] * 5
    with pytest.raises(ValueError, match="rescale them"):
        Scores(ratings, is_binary=False)
    assert threshold_interval(Scores([(r - 1) / 4 for r in ratings], is_binary=False), tail=0.05).mean == 0.5625


def test_a_plain_t_without_spread_proves_nothing_of_right_or_wrong_scores() -> None:
    pairing = Pairing([0.0] * 40, True)
    plain = plain_estimate(pairing)
    assert plain is not None
    assert plain.standard_error == 0.0
    assert judge_difference(pairing, margin=0.02, alpha=0.05).verdict is Verdict.INCONCLUSIVE


def test_pooling_rows_is_not_the_mean_over_items() -> None:
    """A summary that pools trials weighs items by their trials; the mean over items does not."""
    items = [[1.0] * 9, [0.0]]
    pooled = clustered_mean([value for row in items for value in row])
    by_item = clustered_mean(
        [value for row in items for value in row], weights=[1 / len(row) for row in items for _ in row]
    )
    assert pooled is not None
    assert by_item is not None
    assert (pooled.mean, by_item.mean) == (pytest.approx(0.9), pytest.approx(0.5))
