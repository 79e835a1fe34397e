"""Every vector is checked here."""

import math

import pytest

from evalkit.stats.bradley_terry import bradley_terry
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.drift import LEARNING_NIGHTS
from evalkit.stats.exact import mcnemar, sign_flip
from evalkit.stats.intervals import Scores, clopper_pearson, score_interval, t_interval, threshold_interval, wilson
from evalkit.stats.judging import correct_judge
from evalkit.stats.means import clustered_mean
from evalkit.stats.multiple import benjamini_hochberg, holm
from evalkit.stats.paired import augmented_estimate, paired_difference, plain_estimate
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import items_needed, smallest_detectable
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ranks import PairTest, pairs_to_test, rank_intervals
from evalkit.stats.reducers import pass_at_k
from evalkit.stats.verdicts import judge_difference

from .self_starting import first_alarm, self_starting_cusum
from .vectors import agrees, cases, functions

CHECKED = {
    "bradley_terry",
    "clopper_pearson",
    "cluster_mean",
    "gate",
    "mcnemar",
    "p_adjust",
    "paired_augmented",
    "paired_t",
    "pass_at_k",
    "pass_at_k_mean",
    "power",
    "ppi_mean",
    "quantile_ci",
    "rank_intervals",
    "self_starting_cusum",
    "sign_flip_exact",
    "wilson",
}


def test_no_vector_is_forgotten() -> None:
    assert functions() == CHECKED


@pytest.mark.parametrize("case", cases("wilson"))
def test_wilson(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    got = wilson(given["k"], given["n"], confidence=given["conf"])
    assert agrees(case, [got.lower, got.upper], [expected["lo"], expected["hi"]])


@pytest.mark.parametrize("case", cases("clopper_pearson"))
def test_clopper_pearson(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    got = clopper_pearson(given["k"], given["n"], tail=(1 - given["conf"]) / 2)
    assert agrees(case, [got.lower, got.upper], [expected["lo"], expected["hi"]])


@pytest.mark.parametrize("case", cases("cluster_mean"))
def test_cluster_mean(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    y, clusters, weights, confidence = given["y"], given["cluster"], given["weight"], given["conf"]
    got = clustered_mean(y, clusters=clusters, weights=weights)
    assert got is not None
    assert (got.n, got.clusters) == (expected["n"], expected["G"])
    t = t_interval(y, clusters=clusters, weights=weights, confidence=confidence)
    scores = Scores(y, is_binary=False, clusters=clusters, weights=weights)
    shown = score_interval(scores, confidence=confidence)
    held = threshold_interval(scores, tail=(1 - confidence) / 2)
    assert agrees(case, [got.mean, got.standard_error], [expected["mean"], expected["se"]])
    assert agrees(case, [t.lower, t.upper], expected["t_ci"])
    assert agrees(case, [shown.effective_n, held.effective_n], [expected["n_eff"], expected["n_eff_kg"]])
    assert agrees(case, [shown.lower, shown.upper], expected["wilson_eff"])
    assert agrees(case, [held.lower, held.upper], expected["korn_graubard"])
    if "svyciprop_beta" in expected:
        assert agrees(case, [held.lower, held.upper], expected["svyciprop_beta"])


@pytest.mark.parametrize("case", cases("paired_t"))
def test_paired_t(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    d = [b - a for a, b in zip(given["a"], given["b"], strict=True)]
    got = plain_estimate(Pairing(d, is_binary=False))
    assert got is not None
    lower, upper = got.bounds(0.05)
    assert got.df == expected["df"]
    assert agrees(case, [got.mean, got.mean / got.standard_error], [expected["mean"], expected["t"]])
    assert agrees(case, got.p_two_sided(), expected["p"])
    assert agrees(case, list(got.bounds(0.025)), expected["ci95"])
    assert agrees(case, [lower, upper], [expected["lower95_one_sided"], expected["upper95_one_sided"]])
    assert agrees(case, got.p_below(-given["margin"]), expected["p_regression_beyond_margin"])
    assert agrees(case, got.p_above(-given["margin"]), expected["p_noninferiority"])


@pytest.mark.parametrize("case", cases("paired_augmented"))
def test_paired_augmented(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    pairing = Pairing(given["d"], is_binary=True, trials=given["trials"])
    got = augmented_estimate(pairing, weight=1 / given["trials"])
    assert got is not None
    lower, upper = got.bounds(0.05)
    assert agrees(case, [got.mean, got.standard_error], [expected["mean_adj"], expected["se_adj"]])
    assert agrees(case, list(got.bounds(0.025)), expected["ci95"])
    assert agrees(case, [lower, upper], [expected["lower95_one_sided"], expected["upper95_one_sided"]])
    shown = paired_difference(pairing, confidence=0.95)
    assert agrees(case, [shown.difference, shown.lower, shown.upper], [expected["mean_raw"], *expected["ci95"]])


@pytest.mark.parametrize("case", cases("mcnemar"))
def test_mcnemar(case: dict) -> None:
    got = mcnemar(case["input"]["b"], case["input"]["c"])
    assert agrees(case, [got.exact, got.mid], [case["expected"]["p_exact"], case["expected"]["p_mid"]])


@pytest.mark.parametrize("case", cases("sign_flip_exact"))
def test_sign_flip(case: dict) -> None:
    got, expected = sign_flip(case["input"]["d"]), case["expected"]
    for p, name in ((got.greater, "greater"), (got.less, "less"), (got.two_sided, "two_sided")):
        assert agrees(case, p, expected[f"p_{name}"])
    assert round(got.greater * expected["n_perm"]) == expected["ge"]


@pytest.mark.parametrize("case", cases("p_adjust"))
def test_p_adjust(case: dict) -> None:
    assert agrees(case, holm(case["input"]["p"]), case["expected"]["holm"])
    assert agrees(case, benjamini_hochberg(case["input"]["p"]), case["expected"]["bh"])


@pytest.mark.parametrize("case", cases("rank_intervals"))
def test_rank_intervals(case: dict) -> None:
    columns, expected = list(zip(*case["input"]["scores"], strict=True)), case["expected"]
    means = [math.fsum(column) / len(column) for column in columns]
    tests = []
    for first, second in pairs_to_test(means):
        d = [a - b for a, b in zip(columns[first], columns[second], strict=True)]
        estimate = plain_estimate(Pairing(d, is_binary=False))
        assert estimate is not None
        tests.append(PairTest(first, second, estimate.mean, estimate.p_two_sided()))
    ranking = rank_intervals(len(columns), tests, alpha=case["input"]["alpha"])
    assert [[test.first, test.second] for test in tests] == expected["pairs"]
    assert agrees(case, means, expected["means"])
    assert agrees(case, [test.p for test in tests], expected["p_raw"])
    assert agrees(case, list(ranking.adjusted), expected["p_holm"])
    assert [lo for lo, _ in ranking.intervals] == expected["rank_lo_holm"]
    assert [hi for _, hi in ranking.intervals] == expected["rank_hi_holm"]


@pytest.mark.parametrize("case", cases("pass_at_k"))
def test_pass_at_k(case: dict) -> None:
    given = case["input"]
    if "error" in case["expected"]:
        with pytest.raises(ValueError, match="cannot draw"):
            pass_at_k(given["n"], given["c"], given["k"])
    else:
        assert agrees(case, pass_at_k(given["n"], given["c"], given["k"]), case["expected"]["value"])


@pytest.mark.parametrize("case", cases("pass_at_k_mean"))
def test_pass_at_k_mean(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    items = [pass_at_k(given["n"], c, given["k"]) for c in given["c"]]
    got = t_interval(items, confidence=0.95)
    assert agrees(case, [got.mean, got.standard_error], [expected["mean"], expected["se"]])
    assert agrees(case, [got.lower, got.upper], expected["t_ci"])


@pytest.mark.parametrize("case", cases("quantile_ci"))
def test_quantile_interval(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    got = quantile_interval(sorted(given["x"]), given["p"], confidence=given["conf"])
    assert agrees(case, [got.lower, got.upper], [expected["lo"], expected["hi"]])
    assert list(got.ranks) == expected["order_stats_1based"]
    assert got.coverage == pytest.approx(expected["exact_coverage"], rel=1e-12)


def test_the_normal_quantile_is_r_s() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.959963984540054, rel=1e-15)


@pytest.mark.parametrize("case", cases("gate"))
def test_gate(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    pairing = Pairing(given["d"], is_binary=given["binary"], trials=given["trials"])
    got = judge_difference(pairing, margin=given["margin"], alpha=given["alpha"])
    assert agrees(case, [got.lower, got.upper], [expected["lower"], expected["upper"]])
    assert got.verdict.name == expected["verdict"]


@pytest.mark.parametrize("case", cases("power"))
def test_power(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    levels = {"alpha": given["alpha_tail"], "power": given["power"]}
    needed = items_needed(given["delta"], given["sd"], **levels)
    assert agrees(case, [needed, math.ceil(needed)], [expected["n_z"], expected["n_ceil"]])
    error = given["sd"] / math.sqrt(given["n"])
    assert agrees(case, smallest_detectable(error, **levels), expected["mde_z"])


@pytest.mark.parametrize("case", cases("self_starting_cusum"))
def test_self_starting_cusum(case: dict) -> None:
    given, expected = case["input"], case["expected"]
    nights = self_starting_cusum(given["y"], slack=given["k"])
    assert agrees(case, [night.u for night in nights], expected["u"])
    assert agrees(case, [night.down for night in nights], expected["cusum_down"])
    assert agrees(case, [night.up for night in nights], expected["cusum_up"])
    alarm = first_alarm(given["y"], limit=given["h"], learning=LEARNING_NIGHTS, slack=given["k"])
    first = alarm.night if alarm is not None and alarm.direction == "down" else -1
    assert first == expected["first_down_alarm_index0"]


@pytest.mark.parametrize("case", cases("ppi_mean"))
def test_ppi_mean(case: dict) -> None:
    given, expected = case["input"], case["expected"]["lam_1"]
    human, judge, unlabelled = given["y_human"], given["judge_on_human"], given["judge_unlabelled"]
    got = correct_judge(human, judge, unlabelled, confidence=1 - given["alpha"])
    assert agrees(case, [got.corrected, got.lower, got.upper], [expected["point"], *expected["ci"]])


@pytest.mark.parametrize("case", cases("bradley_terry"))
def test_bradley_terry(case: dict) -> None:
    wins, expected = case["input"]["wins"], case["expected"]
    if "error" in expected:
        with pytest.raises(ValueError, match="not identified"):
            bradley_terry(wins)
        return
    ratings = bradley_terry(wins)
    assert agrees(case, [rating.theta for rating in ratings], expected["theta_sum_zero"])
    assert agrees(case, [rating.standard_error for rating in ratings], expected["se_sum_zero"])
    assert agrees(case, [rating.elo for rating in ratings], expected["elo_1000"])
