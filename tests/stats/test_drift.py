"""Whether a series of nights has moved."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.drift import LEARNING_NIGHTS, watch_drift

from .rerunning import Nights, found, quiet

calm = settings(deadline=None, max_examples=50)

nights = st.lists(st.integers(-100, 100).map(lambda value: value / 128), max_size=40)
SD = 0.0155


@pytest.mark.parametrize("noise", [None, []], ids=["self-starting", "with noise"])
def test_nothing(noise: list[float] | None) -> None:
    assert watch_drift([], noise=noise) == []


@pytest.mark.parametrize("known", [False, True], ids=["self-starting", "with noise"])
@calm
@given(series=nights)
def test_mirrored_nights_give_mirrored_alarms(known: bool, series: list[float]) -> None:
    noise = [0.01] * len(series) if known else None
    here, there = watch_drift(series, noise=noise), watch_drift([-value for value in series], noise=noise)
    assert [(drift.night, drift.onset) for drift in here] == [(drift.night, drift.onset) for drift in there]
    assert all({one.direction, other.direction} == {"up", "down"} for one, other in zip(here, there, strict=True))


@pytest.mark.parametrize("known", [False, True], ids=["self-starting", "with noise"])
@calm
@given(series=nights)
def test_alarms_come_in_order_and_never_while_learning(known: bool, series: list[float]) -> None:
    begin = 0
    for drift in watch_drift(series, noise=[0.01] * len(series) if known else None):
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
    assert watch_drift([value] * count) == []
    assert watch_drift([value] * count, noise=[0.0] * count, floor=floor) == []


def test_a_change_after_equal_nights_without_noise_is_named_as_such() -> None:
    (drift,) = watch_drift([0.9] * 12 + [0.8])
    assert (drift.direction, drift.night, drift.onset, drift.reason) == ("down", 12, 11, "constant")


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
    assert [(each.direction, each.onset, each.reason) for each in (fall, rise)] == [
        ("down", 29, "cusum"),
        ("up", 59, "cusum"),
    ]
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
