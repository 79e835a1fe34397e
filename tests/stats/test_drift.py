"""Whether a series of nights has moved."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.drift import ALARM, LEARNING_NIGHTS, self_starting_cusum, watch_drift

calm = settings(deadline=None, max_examples=50)

nights = st.lists(st.integers(-100, 100).map(lambda value: value / 128), max_size=40)


def noise(seed: str, count: int, shift_at: int = 10**9, shift: float = 0.0, sd: float = 0.0155) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(shift * sd if night >= shift_at else 0.0, sd) for night in range(count)]


def test_nothing_and_too_little() -> None:
    assert self_starting_cusum([]) == []
    assert watch_drift([]) == []
    assert [night.u for night in self_starting_cusum([0.1, 0.9, -0.5])] == [0.0, 0.0, 0.0]


@calm
@given(nights)
def test_sums_are_never_negative_and_never_both_up(series: list[float]) -> None:
    for night in self_starting_cusum(series):
        assert night.down >= 0
        assert night.up >= 0
        assert math.isinf(night.u) or not (night.down > ALARM and night.up > ALARM)


@calm
@given(nights, st.sampled_from([0.5, 2.0, 4.0]), st.integers(-8, 8))
def test_scale_and_level_change_nothing(series: list[float], scale: float, level: int) -> None:
    """Powers of two and whole numbers: no digit is lost, so the surprises are those of the series itself."""
    moved = self_starting_cusum([scale * value + level for value in series])
    for one, other in zip(self_starting_cusum(series), moved, strict=True):
        assert one.u == pytest.approx(other.u, rel=1e-6, abs=1e-6)


@calm
@given(nights)
def test_mirrored_nights_give_mirrored_alarms(series: list[float]) -> None:
    here, there = watch_drift(series), watch_drift([-value for value in series])
    assert [(drift.night, drift.onset) for drift in here] == [(drift.night, drift.onset) for drift in there]
    assert all({one.direction, other.direction} == {"up", "down"} for one, other in zip(here, there, strict=True))


@calm
@given(nights)
def test_alarms_come_in_order_and_never_while_learning(series: list[float]) -> None:
    begin = 0
    for drift in watch_drift(series):
        assert drift.night >= begin + LEARNING_NIGHTS
        assert begin - 1 <= drift.onset < drift.night < len(series)
        begin = drift.onset + 1


@calm
@given(st.floats(-1, 1), st.integers(0, 30))
def test_equal_nights_are_no_surprise(value: float, count: int) -> None:
    assert all(night.u == 0.0 for night in self_starting_cusum([value] * count))
    assert watch_drift([value] * count) == []


@pytest.mark.parametrize(("after", "direction"), [(0.8, "down"), (1.0, "up")])
def test_a_change_after_equal_nights_is_named_as_such(after: float, direction: str) -> None:
    found = watch_drift([0.9] * 12 + [after])
    assert [(drift.direction, drift.night, drift.reason) for drift in found] == [(direction, 12, "constant")]


def test_the_onset_is_the_night_before_the_change() -> None:
    """The sum is 0 after a good night, and every night from then on adds to it."""
    series = [*[0.01, -0.01] * 10, 0.01, *[-0.04] * 6]
    (first, *_) = watch_drift(series)
    assert first.direction == "down"
    assert first.onset == 20


def drift_rates(series: int) -> tuple[float, float, float]:
    """The shares of 90 quiet nights with an alarm down, or either way, and of 2 sd falls found within 10."""
    quiet = [watch_drift(noise(f"quiet {each}", 90)) for each in range(series)]
    down = sum(any(drift.direction == "down" for drift in alarms) for alarms in quiet)
    found = sum(
        any(24 <= drift.night < 34 for drift in watch_drift(noise(f"moved {each}", 34, 24, -2.0)))
        for each in range(series)
    )
    return down / series, sum(map(bool, quiet)) / series, found / series


def test_false_alarms_and_detection() -> None:
    """About 9% falls alarmed in 90 quiet nights, and nearly every fall of 2 sd."""
    down, either, found = drift_rates(60)
    assert down <= either <= 0.3
    assert down == pytest.approx(0.09, abs=0.1)
    assert found >= 0.85


@pytest.mark.nightly
def test_false_alarms_and_detection_at_length() -> None:
    """An alarm either way comes every 465 nights: in 90 of them 1 - exp(-90 / 465) = 18%."""
    down, either, found = drift_rates(1500)
    assert down == pytest.approx(0.09, abs=0.025)
    assert either == pytest.approx(0.17, abs=0.03)
    assert found == pytest.approx(0.97, abs=0.03)


def test_a_rule_on_yesterday_alone_alarms_in_every_quarter() -> None:
    series = [noise(f"naive {each}", 90) for each in range(20)]
    assert all(any(new - old < -0.02 for old, new in itertools.pairwise(nights)) for nights in series)
