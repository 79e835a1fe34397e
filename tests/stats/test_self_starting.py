"""A CUSUM that learns the mean and spread of a series as it goes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .self_starting import first_alarm, self_starting_cusum

calm = settings(deadline=None, max_examples=50)

nights = st.lists(st.integers(-100, 100).map(lambda value: value / 128), max_size=40)


def test_nothing_and_too_little() -> None:
    assert self_starting_cusum([]) == []
    assert first_alarm([], limit=5.0, learning=0) is None
    assert [night.u for night in self_starting_cusum([0.1, 0.9, -0.5])] == [0.0, 0.0, 0.0]


@calm
@given(nights)
def test_sums_are_never_negative_and_never_both_up(series: list[float]) -> None:
    for night in self_starting_cusum(series):
        assert night.down >= 0
        assert night.up >= 0
        assert math.isinf(night.u) or not (night.down > 5.0 and night.up > 5.0)


@calm
@given(nights, st.sampled_from([0.5, 2.0, 4.0]), st.integers(-8, 8))
def test_scale_and_level_change_nothing(series: list[float], scale: float, level: int) -> None:
    """Powers of two and whole numbers: no digit is lost, so the surprises are those of the series itself."""
    moved = self_starting_cusum([scale * value + level for value in series])
    for one, other in zip(self_starting_cusum(series), moved, strict=True):
        assert one.u == pytest.approx(other.u, rel=1e-6, abs=1e-6)


@calm
@given(st.floats(-1, 1), st.integers(0, 30))
def test_equal_nights_are_no_surprise(value: float, count: int) -> None:
    assert all(night.u == 0.0 for night in self_starting_cusum([value] * count))
    assert first_alarm([value] * count, limit=5.0, learning=10) is None


@pytest.mark.parametrize(("after", "direction"), [(0.8, "down"), (1.0, "up")])
def test_a_change_after_equal_nights_is_named_as_such(after: float, direction: str) -> None:
    alarm = first_alarm([0.9] * 12 + [after], limit=5.0, learning=10)
    assert alarm is not None
    assert (alarm.direction, alarm.night, alarm.onset, alarm.is_constant) == (direction, 12, 11, True)


def test_the_onset_is_the_last_night_whose_sum_was_zero() -> None:
    """The sum is 0 after a good night, and every night from then on adds to it."""
    series = [*[0.01, -0.01] * 10, 0.01, *[-0.04] * 6]
    alarm = first_alarm(series, limit=5.0, learning=10)
    assert alarm is not None
    assert (alarm.direction, alarm.onset, alarm.is_constant) == ("down", 20, False)


def test_an_alarm_waits_for_the_learning_to_end() -> None:
    series = [0.0, 0.01, -0.01, 0.0, *[-0.5] * 12]
    early, late = (first_alarm(series, limit=5.0, learning=nights) for nights in (0, 10))
    assert early is not None
    assert early.night < 10
    assert late is None or late.night >= 10
