"""FAIL, PASS, or neither: what the verdicts promise."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.intervals import Scores, threshold_interval
from evalkit.stats.pairing import Pairing
from evalkit.stats.verdicts import Verdict, judge_difference, judge_level

calm = settings(deadline=None, max_examples=50)

ternary = st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.0, 1.0]), min_size=0, max_size=80)
graded = st.lists(st.integers(-64, 64).map(lambda value: value / 64), min_size=0, max_size=60)
margins = st.sampled_from([0.0, 0.01, 0.02, 0.1, 0.5])
ORDER = [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS]


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "graded"])
@pytest.mark.parametrize("d", [[], [-1.0]], ids=["nothing", "one item"])
def test_too_little_is_inconclusive(d: list[float], is_binary: bool) -> None:
    claim = judge_difference(Pairing(d, is_binary), margin=0.02, alpha=0.05)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert (claim.lower, claim.upper, claim.p) == (None, None, None)


@calm
@given(ternary, graded, st.booleans(), margins)
def test_the_verdict_is_read_from_the_bounds(
    right: list[float], parts: list[float], is_binary: bool, margin: float
) -> None:
    claim = judge_difference(Pairing(right if is_binary else parts, is_binary), margin=margin, alpha=0.05)
    if claim.lower is None or claim.upper is None or claim.p is None:
        assert claim.verdict is Verdict.INCONCLUSIVE
        return
    is_failed, is_passed = claim.upper < -margin, claim.lower > -margin
    assert not (is_failed and is_passed)
    wanted = Verdict.FAIL if is_failed else Verdict.PASS if is_passed else Verdict.INCONCLUSIVE
    assert claim.verdict is wanted
    assert (claim.p < 0.05) == is_failed or claim.p == pytest.approx(0.05, abs=1e-9)


@calm
@given(ternary, margins, margins)
def test_a_wider_margin_is_never_harder(d: list[float], first: float, second: float) -> None:
    narrow, wide = sorted((first, second))
    verdicts = [judge_difference(Pairing(d, True), margin=each, alpha=0.05).verdict for each in (narrow, wide)]
    assert ORDER.index(verdicts[1]) >= ORDER.index(verdicts[0])


@calm
@given(ternary, st.sampled_from([1, 2, 5]))
def test_a_weaker_level_never_takes_a_verdict_back(d: list[float], trials: int) -> None:
    strict = judge_difference(Pairing(d, True, trials), margin=0.02, alpha=0.01).verdict
    weak = judge_difference(Pairing(d, True, trials), margin=0.02, alpha=0.1).verdict
    assert strict in {weak, Verdict.INCONCLUSIVE}


@pytest.mark.parametrize(("n", "verdict"), [(115, Verdict.INCONCLUSIVE), (116, Verdict.PASS)])
def test_two_identical_runs_pass_from_116_items(n: int, verdict: Verdict) -> None:
    assert judge_difference(Pairing([0.0] * n, True), margin=0.02, alpha=0.05).verdict is verdict


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "graded"])
def test_identical_runs_never_pass_a_margin_of_zero(is_binary: bool) -> None:
    claim = judge_difference(Pairing([0.0] * 5000, is_binary), margin=0.0, alpha=0.05)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert claim.p is not None
    assert claim.p >= 0.05


@calm
@given(st.lists(st.booleans(), min_size=0, max_size=80), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_a_level_is_read_from_its_bounds(right: list[bool], threshold: float) -> None:
    scores = Scores([float(each) for each in right], is_binary=True)
    claim = judge_level(scores, threshold=threshold, alpha=0.05)
    if not right:
        assert (claim.verdict, claim.estimate, claim.p) == (Verdict.INCONCLUSIVE, None, None)
        return
    assert claim.lower is not None
    assert claim.upper is not None
    assert claim.lower <= (claim.estimate or 0.0) <= claim.upper
    assert (claim.verdict is Verdict.FAIL) == (claim.upper < threshold)
    assert (claim.verdict is Verdict.PASS) == (claim.lower >= threshold)
    assert (claim.verdict is Verdict.FAIL) == (claim.p is not None and claim.p < 0.05)


@calm
@given(st.integers(5, 60), st.integers(0, 60), st.floats(0.3, 0.99))
def test_the_p_of_a_level_is_where_its_bound_meets_the_threshold(n: int, right: int, threshold: float) -> None:
    scores = Scores([1.0] * min(right, n) + [0.0] * max(0, n - right), is_binary=True)
    p = judge_level(scores, threshold=threshold, alpha=0.05).p
    assert p is not None
    if 1e-9 < p < 0.499:
        upper = threshold_interval(scores, tail=p).upper
        assert upper == pytest.approx(threshold, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "threshold", "verdict"),
    [
        ([1.0] * 59, 0.95, Verdict.PASS),
        ([1.0] * 58, 0.95, Verdict.INCONCLUSIVE),
        ([0.0] * 20, 0.5, Verdict.FAIL),
        ([0.0] * 20, 0.0, Verdict.PASS),
    ],
    ids=["59 of 59", "58 of 58", "none of 20", "at least 0"],
)
def test_levels_at_the_ends(values: list[float], threshold: float, verdict: Verdict) -> None:
    assert judge_level(Scores(values, is_binary=True), threshold=threshold, alpha=0.05).verdict is verdict


def test_few_groups_decide_nothing() -> None:
    scores = Scores([1.0] * 40, is_binary=True, clusters=[place % 4 for place in range(40)])
    claim = judge_level(scores, threshold=0.5, alpha=0.05)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert claim.clusters == 4
    paired = judge_difference(Pairing([-1.0] * 40, True, clusters=scores.clusters), margin=0.0, alpha=0.05)
    assert paired.verdict is Verdict.INCONCLUSIVE
    assert not math.isnan(paired.estimate or 0.0)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", ["one trial", "trials", "groups", "graded"])
def test_a_level_holds_in_every_shape_of_data(shape: str, rate: float, threshold: float) -> None:
    values = [1.0 if item < round(rate * 60) else 0.0 for item in range(60)]
    scores = {
        "one trial": Scores(values, is_binary=True),
        "trials": Scores(values, is_binary=True, rows=180),
        "groups": Scores(values, is_binary=True, clusters=[item % 20 for item in range(60)]),
        "graded": Scores([value * 0.98 + 0.01 for value in values], is_binary=False),
    }
    claim = judge_level(scores[shape], threshold=threshold, alpha=0.05)
    assert claim.p is not None
    assert 0 < claim.p <= 0.5
    assert (claim.p < 0.05) == (claim.verdict is Verdict.FAIL)
