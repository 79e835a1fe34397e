"""A judge's mean, corrected by human labels."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.judging import FEWEST_LABELS, correct_judge

calm = settings(deadline=None, max_examples=25)

scores = st.integers(0, 32).map(lambda value: value / 32)
labelled = st.lists(st.tuples(scores, scores), min_size=FEWEST_LABELS, max_size=80)
rest = st.lists(scores, min_size=1, max_size=80)


@pytest.mark.parametrize(
    ("human", "judge", "unlabelled", "message"),
    [
        ([1.0] * 29, [1.0] * 29, [1.0], "29 human labels are too few"),
        ([1.0] * 30, [1.0] * 31, [1.0], "30 human labels for 31 judgements"),
        ([1.0] * 30, [1.0] * 30, [], "no unlabelled item"),
    ],
    ids=["too few", "unequal", "nothing to correct"],
)
def test_refusals(human: list[float], judge: list[float], unlabelled: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        correct_judge(human, judge, unlabelled, confidence=0.95)


@calm
@given(labelled, rest)
def test_the_interval_is_around_the_corrected_mean(pairs: list[tuple[float, float]], unlabelled: list[float]) -> None:
    got = correct_judge([h for h, _ in pairs], [j for _, j in pairs], unlabelled, confidence=0.9)
    assert got.lower <= got.corrected <= got.upper
    assert got.upper - got.corrected == pytest.approx(got.corrected - got.lower, abs=1e-12)
    assert (got.labels, got.unlabelled) == (len(pairs), len(unlabelled))
    assert 0.0 <= got.raw <= 1.0


@calm
@given(labelled, rest)
def test_a_perfect_judge_is_left_alone(pairs: list[tuple[float, float]], unlabelled: list[float]) -> None:
    human = [h for h, _ in pairs]
    got = correct_judge(human, human, unlabelled, confidence=0.95)
    assert got.corrected == pytest.approx(math.fsum(unlabelled) / len(unlabelled))


@calm
@given(labelled, rest, st.integers(-16, 16))
def test_a_judge_that_is_always_off_by_the_same_is_set_right(
    pairs: list[tuple[float, float]], unlabelled: list[float], off: int
) -> None:
    human, judge = [h for h, _ in pairs], [j for _, j in pairs]
    fair = correct_judge(human, judge, unlabelled, confidence=0.95)
    shift = off / 16
    biased = correct_judge(human, [j + shift for j in judge], [j + shift for j in unlabelled], confidence=0.95)
    assert biased.corrected == pytest.approx(fair.corrected)
    assert biased.upper - biased.lower == pytest.approx(fair.upper - fair.lower)


@calm
@given(labelled, rest)
def test_more_confidence_is_wider(pairs: list[tuple[float, float]], unlabelled: list[float]) -> None:
    human, judge = [h for h, _ in pairs], [j for _, j in pairs]
    narrow, wide = (correct_judge(human, judge, unlabelled, confidence=level) for level in (0.8, 0.99))
    assert wide.lower <= narrow.lower <= narrow.upper <= wide.upper


def coverage(replications: int) -> tuple[float, float]:
    """How often the interval holds the truth, and the raw mean comes within it: a judge that flatters by 15 points."""
    rng, truth, hits, raw = random.Random("judge"), 0.6, 0, 0
    for _ in range(replications):
        human = [float(rng.random() < truth) for _ in range(400)]
        judge = [value if rng.random() < 0.6 else float(rng.random() < 0.975) for value in human]
        got = correct_judge(human[:100], judge[:100], judge[100:], confidence=0.95)
        hits += got.lower <= truth <= got.upper
        raw += got.lower <= got.raw <= got.upper
    return hits / replications, raw / replications


def test_coverage_of_the_corrected_mean() -> None:
    hits, raw = coverage(150)
    assert hits == pytest.approx(0.95, abs=0.07)
    assert raw < 0.5


@pytest.mark.nightly
def test_coverage_of_the_corrected_mean_at_length() -> None:
    assert coverage(3000)[0] == pytest.approx(0.95, abs=0.015)
