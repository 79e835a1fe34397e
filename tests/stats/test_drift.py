"""Whether a series of nights has moved."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.drift import ALARM, LEARNING_NIGHTS, alarm_level, watch_drift

from .rerunning import Nights, found, quiet

calm = settings(deadline=None, max_examples=50)

nights = st.lists(st.integers(-100, 100).map(lambda value: value / 128), max_size=40)
SD = 0.0155


def test_nothing() -> None:
    assert watch_drift([], noise=[]) == []


@calm
@given(series=nights)
def test_mirrored_nights_give_mirrored_alarms(series: list[float]) -> None:
    noise = [0.01] * len(series)
    here, there = watch_drift(series, noise=noise), watch_drift([-value for value in series], noise=noise)
    assert [(drift.night, drift.onset) for drift in here] == [(drift.night, drift.onset) for drift in there]
    assert all({one.direction, other.direction} == {"up", "down"} for one, other in zip(here, there, strict=True))


@calm
@given(series=nights)
def test_alarms_come_in_order_and_never_while_learning(series: list[float]) -> None:
    begin = 0
    for drift in watch_drift(series, noise=[0.01] * len(series)):
        assert drift.night >= begin + LEARNING_NIGHTS
        assert begin - 1 <= drift.onset < drift.night < len(series)
        begin = drift.onset + 1


@calm
@given(nights, st.sampled_from([0.5, 2.0, 4.0]), st.integers(-8, 8))
def test_scale_and_level_change_nothing(series: list[float], scale: float, level: int) -> None:
    """Powers of two and whole numbers: but for float noise the sums are those of the series itself."""
    moved = watch_drift([scale * value + level for value in series], noise=[0.01 * scale**2] * len(series))
    assert [drift.night for drift in moved] == [
        drift.night for drift in watch_drift(series, noise=[0.01] * len(series))
    ]


@calm
@given(st.floats(-1, 1), st.integers(0, 30), st.sampled_from([0.0, 1e-5]))
def test_equal_nights_are_no_surprise(value: float, count: int, floor: float) -> None:
    assert watch_drift([value] * count, noise=[0.0] * count, floor=floor) == []


@pytest.mark.parametrize("lasts", [1, 2, 3])
def test_after_equal_nights_one_flipped_sample_tells_when_it_lasts(lasts: int) -> None:
    """200 samples, answered alike for 20 nights; then one of them is wrong, for so many nights."""
    one = 1 / 200
    series = [0.0] * 20 + [-one] * lasts + [0.0] * 5
    noise = np.zeros(len(series))
    noise[[20, 20 + lasts]] = one**2 / 2
    drifts = watch_drift(series, noise=noise.tolist(), floor=one**2)
    assert [(drift.direction, drift.night, drift.onset) for drift in drifts] == (
        [("down", 22, 19)] if lasts == 3 else []
    )


@pytest.mark.parametrize("size", [4, 10, 100])
def test_a_single_bad_night_moves_nothing(size: float) -> None:
    rng = random.Random(5)
    series = [rng.gauss(0, SD) for _ in range(40)]
    assert watch_drift(series, noise=[SD**2] * 40) == []
    series[25] -= size * SD
    assert watch_drift(series, noise=[SD**2] * 40) == []


def test_a_fall_is_named_with_its_onset_and_the_series_begins_anew() -> None:
    rng = random.Random(1)
    series = [rng.gauss(-5 * SD if 30 <= night < 60 else 0.0, SD) for night in range(80)]
    fall, rise = watch_drift(series, noise=[SD**2] * 80)
    assert [(each.direction, each.onset) for each in (fall, rise)] == [("down", 29), ("up", 59)]
    assert fall.night <= 32
    assert rise.night <= 62


def test_alarms_do_not_depend_on_later_nights() -> None:
    rng = random.Random(2)
    series = [rng.gauss(0 if night < 150 else 3 * SD, SD) for night in range(300)]
    drifts = watch_drift(series, noise=[SD**2] * 300)
    assert any(drift.onset in range(146, 153) for drift in drifts)
    for count, drift in enumerate(drifts, start=1):
        assert watch_drift(series[: drift.night + 1], noise=[SD**2] * (drift.night + 1)) == drifts[:count]
        assert watch_drift(series[: drift.night], noise=[SD**2] * drift.night) == drifts[: count - 1]


def test_false_alarms_and_detection() -> None:
    """A small part: within three Monte Carlo errors."""
    assert quiet(1, 150) <= 0.12 + 0.08
    hits = list(found(2, 150, 2.0, 14))
    assert len(hits) / 150 >= 0.95 - 0.05
    assert sum(abs(off) <= 2 for _, off in hits) / len(hits) >= 0.8


@pytest.mark.nightly
def test_false_alarms_at_length() -> None:
    share = quiet(10, 5000)
    print(f"90 quiet nights, an alarm either way: {share:.2%}")  # noqa: T201  the figures beside the bar
    assert share <= 0.12


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("at", "shift", "least", "exact", "near"),
    [
        (14, 1.0, 0.27, 0.25, 0.65),
        (14, 2.0, 0.95, 0.55, 0.87),
        (14, 3.0, 0.99, 0.77, 0.95),
        (24, 2.0, 0.97, 0.55, 0.87),
    ],
)
def test_a_shift_is_found_and_named_with_its_onset_at_length(
    at: int, shift: float, least: float, exact: float, near: float
) -> None:
    count = 5000 if shift == 2.0 else 1000
    hits = list(found(11, count, shift, at))
    off = np.abs([each for _, each in hits])
    near_by = ", ".join(f"{np.mean(off <= most):.1%} within {most}" for most in range(4))
    late = np.median([each for each, _ in hits])
    print(f"{shift:g} sd after {at} nights: {len(hits) / count:.2%} found, median night {late:g}; onset {near_by}")  # noqa: T201  the figures beside the bar
    assert len(hits) / count >= least
    assert np.mean(off == 0) >= exact
    assert np.mean(off <= 2) >= near


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        pytest.param(Nights(samples=20), 0.17, id="20 samples"),
        pytest.param(Nights(samples=50, p=0.95), 0.15, id="50 samples, nearly all right"),
        pytest.param(Nights(p=0.99, icc=0.5), 0.16, id="99 in 100 right"),
        pytest.param(Nights(trials=5), 0.15, id="5 trials"),
        pytest.param(Nights(spread=1.5), 0.45, id="nights spread half as much again"),
        pytest.param(Nights(spread=3.0), 0.14, id="nights spread three times as much"),
    ],
)
def test_false_alarms_elsewhere(kind: Nights, most: float) -> None:
    share = quiet(12, 1000, kind)
    print(f"{kind}: {share:.1%}")  # noqa: T201  the figures beside the bound
    assert share <= most


def test_a_single_series_has_the_level_of_a_single_series() -> None:
    assert alarm_level(1) == alarm_level(0) == ALARM
    assert alarm_level(20) == pytest.approx(8.35, abs=0.01)


@pytest.mark.parametrize("series", [1, 30])
def test_many_series_take_more_to_alarm(series: int) -> None:
    """A fall of 3 sd, cut to 2.5 above the slack a night, alarms on the third night; beside 29 others on the fourth."""
    values, noise = [0.0, 0.5] * 20 + [-4.0] * 6, [1.0] * 46
    (drift,) = watch_drift(values, noise=noise, alarm=alarm_level(series))
    assert (drift.direction, drift.night) == ("down", {1: 42, 30: 43}[series])


@pytest.mark.nightly
@pytest.mark.parametrize(("series", "least", "later"), [(20, 0.72, 0.87), (60, 0.58, 0.80)])
def test_many_series_together_alarm_no_more_often_than_one(series: int, least: float, later: float) -> None:
    alarm, count = alarm_level(series), 10_000
    each = quiet(13, count, alarm=alarm)
    family = 1 - (1 - each) ** series
    hits = [late for late, _ in found(14, 2000, 2.0, 14, alarm=alarm, within=14)]
    soon = sum(late <= 10 for late in hits) / 2000
    print(f"{series} series: {family:.1%} alarm; 2 sd found within 10 nights {soon:.1%}, 14 {len(hits) / 2000:.1%}")  # noqa: T201  the figures beside the bar
    assert family <= 0.15
    assert soon >= least
    assert len(hits) / 2000 >= later
