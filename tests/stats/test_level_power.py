"""What a rule on a level could notice: held to the binomial itself, and to the rule that the gate decides by."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.distributions import binomial_terms
from evalkit.stats.effective import EffectiveSample, share_of_noise
from evalkit.stats.intervals import Scores, clopper_pearson
from evalkit.stats.level_power import LevelTest
from evalkit.stats.power import MOST_TRIALS, smallest_detectable
from evalkit.stats.verdicts import Verdict, judge_level

calm = settings(deadline=None, max_examples=25)
alphas = st.sampled_from([0.05, 0.025, 0.005])
powers = st.sampled_from([0.6, 0.8, 0.95])


def counted(n: float) -> EffectiveSample:
    return EffectiveSample(n, n, n, is_counted=True)


def grouped(effective: float, clusters: float, noise: float | None = None) -> EffectiveSample:
    return EffectiveSample(effective, 900, clusters, is_counted=False, noise=noise)


def chance_of_fail(n: int, p: float, threshold: float, alpha: float) -> float:
    """Return how often the gate's own rule fails a model whose true score is p, count by count."""
    first, terms = binomial_terms(n, p)
    fails = (
        term
        for right, term in enumerate(terms, first)
        if (upper := clopper_pearson(right, n, tail=alpha).upper) is not None and upper < threshold
    )
    return math.fsum(fails)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.85, 0.9, 0.99, 1.0], ids="at least {}".format)
@pytest.mark.parametrize("n", [20, 60, 300], ids="{} items".format)
@pytest.mark.parametrize("alpha", [0.05, 0.005], ids="alpha {}".format)
def test_the_shortfall_is_noticed_as_often_as_promised_and_none_smaller_is(
    n: int, threshold: float, alpha: float
) -> None:
    found = LevelTest(threshold, alpha, 0.8).smallest_shortfall(counted(n))
    assert found is not None
    assert 0 < found < threshold
    assert chance_of_fail(n, threshold - found, threshold, alpha) == pytest.approx(0.8, abs=1e-6)
    assert chance_of_fail(n, threshold - 0.99 * found, threshold, alpha) < 0.8


def test_one_wrong_of_300_fails_a_rule_of_all_right() -> None:
    found = LevelTest(1.0, 0.025, 0.8).smallest_shortfall(counted(300))
    assert found == pytest.approx(1 - 0.2 ** (1 / 300), rel=1e-9)


@pytest.mark.parametrize(
    ("threshold", "n", "is_blind"),
    [(0.0, 10_000, True), (0.05, 58, True), (0.05, 59, False), (0.5, 4, True), (0.5, 5, False), (1.0, 1, False)],
    ids=str,
)
def test_where_even_no_right_answer_proves_nothing_there_is_no_shortfall(
    threshold: float, n: int, is_blind: bool
) -> None:
    upper = clopper_pearson(0, n, tail=0.05).upper
    assert upper is not None
    assert is_blind is (upper >= threshold)
    for sample in (counted(n), EffectiveSample(n, n, n, is_counted=False)):
        if n > 1:
            assert (LevelTest(threshold, 0.05, 0.8).smallest_shortfall(sample) is None) is is_blind


@pytest.mark.parametrize("n", [300, 1000, 10_000], ids="{} items".format)
@pytest.mark.parametrize("threshold", [0.4, 0.5, 0.6], ids="at least {}".format)
def test_in_the_middle_it_is_the_normal_figure(n: int, threshold: float) -> None:
    normal = smallest_detectable(math.sqrt(threshold * (1 - threshold) / n), alpha=0.05, power=0.8)
    for sample in (counted(n), EffectiveSample(n, n, n, is_counted=False)):
        assert LevelTest(threshold, 0.05, 0.8).smallest_shortfall(sample) == pytest.approx(normal, rel=0.04)


@calm
@given(st.floats(0.05, 1.0), st.floats(20, 2000), st.integers(20, 400), alphas, powers)
def test_more_samples_and_more_trials_notice_less(
    threshold: float, effective: float, clusters: int, alpha: float, power: float
) -> None:
    test, sample = LevelTest(threshold, alpha, power), grouped(effective, clusters, noise=0.6)
    seen = test.smallest_shortfall(sample)
    for more in (sample.times(2.0), sample.times(1.0, 3.0), sample.times(4.0, 2.0)):
        found = test.smallest_shortfall(more)
        assert seen is None or (found is not None and 0 < found <= seen)


@calm
@given(st.floats(0.3, 1.0), st.integers(20, 3000), st.floats(0.01, 0.25), alphas, st.integers(0, 500))
def test_the_items_needed_notice_it_and_so_do_any_more(
    threshold: float, n: int, shortfall: float, alpha: float, more: int
) -> None:
    test = LevelTest(threshold, alpha, 0.8)
    needed = math.ceil(test.samples_needed(counted(n), shortfall) * n)
    if (seen := test.smallest_shortfall(counted(n))) is not None and seen <= shortfall:
        assert needed <= n
        return
    for count in (needed, needed + more):
        found = test.smallest_shortfall(counted(count))
        assert found is not None
        assert found <= shortfall


@calm
@given(st.floats(0.3, 1.0), st.floats(50, 2000), st.floats(0.02, 0.2))
def test_the_groups_needed_are_those_that_notice_just_that(
    threshold: float, effective: float, shortfall: float
) -> None:
    test, sample = LevelTest(threshold, 0.05, 0.8), grouped(effective, 50)
    times = test.samples_needed(sample, shortfall)
    found = test.smallest_shortfall(sample.times(times))
    assert found is not None
    assert found <= shortfall * (1 + 1e-6)
    if times > 5 / 50:
        before = test.smallest_shortfall(sample.times(0.98 * times))
        assert before is None or before > shortfall


def test_no_number_of_items_proves_less_than_nothing() -> None:
    assert LevelTest(0.0, 0.05, 0.8).samples_needed(counted(100), 0.1) == math.inf


def test_the_trials_needed_are_the_fewest_that_do() -> None:
    test, sample = LevelTest(0.8, 0.05, 0.8), grouped(200.0, 100, noise=0.75)
    needed = test.trials_needed(sample, 2, 0.055)
    assert needed is not None
    assert 2 < needed < MOST_TRIALS
    found = [test.smallest_shortfall(sample.times(1.0, (needed + step) / 2)) for step in (-1, 0)]
    assert found[0] > 0.055 >= found[1]
    assert test.trials_needed(sample, 2, 0.001) == math.inf
    assert test.trials_needed(grouped(200.0, 100), 2, 0.055) is None


def test_noise_is_the_share_that_trials_average() -> None:
    assert share_of_noise(0.02, 100, within=0.06, trials=3) == pytest.approx(0.5)
    assert share_of_noise(0.02, 100, within=None, trials=1) is None
    assert share_of_noise(0.0, 100, within=0.0, trials=3) == 0.0
    doubled = grouped(200.0, 50, noise=0.5).times(1.0, 2.0)
    assert doubled.effective == pytest.approx(200 / 0.75)
    assert doubled.noise == pytest.approx(1 / 3)
    assert (doubled.rows, doubled.clusters) == (1800, 50)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 0.85, 0.98], ids="at least {}".format)
def test_groups_fail_as_often_as_promised(threshold: float) -> None:
    """50 groups of 6 answers that agree within each (beta-binomial, correlation 0.1), 250 seeded runs."""
    groups, size, runs = 50, 6, 250
    rng, test = random.Random(f"{threshold} {groups}"), LevelTest(threshold, 0.05, 0.8)
    names = [group for group in range(groups) for _ in range(size)]

    def claim(p: float) -> tuple[Verdict, float]:
        values: list[float] = []
        for _ in range(groups):
            score = rng.betavariate(9 * p, 9 * (1 - p))
            values += [float(rng.random() < score) for _ in range(size)]
        found = judge_level(Scores(values, is_binary=True, clusters=names), threshold=threshold, alpha=0.05)
        return found.verdict, 0.0 if found.sample is None else found.sample.effective

    usual = sorted(claim(threshold - 0.02)[1] for _ in range(99))[49]
    sample = EffectiveSample(usual, groups * size, groups, is_counted=False)
    shortfall = test.smallest_shortfall(sample)
    assert shortfall is not None
    fails = sum(claim(threshold - shortfall)[0] is Verdict.FAIL for _ in range(runs))
    assert fails / runs == pytest.approx(0.8, abs=0.08)
