"""A series as a trend: its points, breaks, moves and marks, and the window that is shown of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from evalkit.night_series import night_series
from evalkit.past_runs import PastEvent, PastMetric
from evalkit.quarantine import SetAside
from evalkit.stats.drift import LEARNING_NIGHTS
from evalkit.trend import Trend, make_figure_trend, make_trend
from evalkit.trend_figures import Unit
from tests.trending import night, past_metric, past_series, sampled

SHIFT = 20
NIGHTS = 34


def _trend(points: Sequence[PastMetric], rights: Sequence[int], **about: Any) -> Trend:
    """Return the trend of nights on which the first so many of 100 samples are right."""
    drift = night_series(points, sampled(rights))
    return make_trend(past_series(points), drift, **about)


def _nights(count: int = NIGHTS) -> list[int]:
    """Return a series that falls by 20 samples of 100 at SHIFT, with two samples of noise."""
    return [(80 if place < SHIFT else 60) + (place % 3 - 1) for place in range(count)]


@pytest.fixture(scope="module")
def moved() -> Trend:
    points = [past_metric(place, right / 100) for place, right in enumerate(_nights())]
    events = [PastEvent(name="nightly", at=night(5), kind="release", text="2.0")]
    return _trend(points, _nights(), events=events)


def test_a_point_is_the_run_s_own_number_with_its_interval(moved: Trend) -> None:
    point = moved.points[0]
    assert (point.night, point.run_id, point.folder) == (night(0), "run-0000", "/reports/nightly/run-0000")
    assert (point.value, point.lower, point.upper) == pytest.approx((0.79, 0.74, 0.84))
    assert (point.difference, moved.points[1].difference) == (0.0, pytest.approx(0.01))


def test_a_move_is_named_with_its_onset_and_the_levels_around_it(moved: Trend) -> None:
    (change,) = moved.changes
    assert (change.direction, change.onset, change.first) == ("down", SHIFT - 1, SHIFT)
    assert SHIFT <= change.alarm < SHIFT + 10
    assert change.before == pytest.approx(sum(_nights()[:SHIFT]) / SHIFT / 100)
    assert change.after == pytest.approx(sum(_nights()[SHIFT:]) / (NIGHTS - SHIFT) / 100)


def test_everything_is_plain_values_with_run_ids_and_folders(moved: Trend) -> None:
    plain = json.loads(json.dumps(moved.describe(), allow_nan=False))
    assert plain["points"][3]["folder"] == "/reports/nightly/run-0003"
    assert plain["changes"][0]["onset"] == night(SHIFT - 1)
    assert plain["changes"][0]["first"] == night(SHIFT)
    assert plain["marks"] == [{"night": night(5), "at": night(5), "kind": "release", "text": "2.0"}]
    assert plain["drift"]["needed"] == LEARNING_NIGHTS
    assert plain["quarantine"] is None


@pytest.mark.parametrize(
    ("window", "first", "count"),
    [
        pytest.param({}, 0, NIGHTS, id="all"),
        pytest.param({"last": 10}, NIGHTS - 10, 10, id="the newest"),
        pytest.param({"last": 100}, 0, NIGHTS, id="more than there are"),
        pytest.param({"since": night(30)}, 30, 4, id="since a night"),
        pytest.param({"since": night(10), "last": 4}, 30, 4, id="both"),
        pytest.param({"since": night(99)}, NIGHTS, 0, id="since a night to come"),
    ],
)
def test_a_window_shows_less_and_forgets_nothing(moved: Trend, window: dict[str, Any], first: int, count: int) -> None:
    shown = moved.window(**window)
    assert (shown.shown, len(shown.visible)) == (first, count)
    assert shown.points == moved.points
    plain = shown.describe()
    assert (len(plain["points"]), plain["nights"]) == (count, NIGHTS)
    assert len(plain["marks"]) == (first <= 5)


def test_a_new_setting_starts_the_series_anew_and_keeps_levels_apart() -> None:
    points = [
        past_metric(place, 0.8, **({} if place < 12 else {"series": "two", "setting": {"dataset": "e" * 32}}))
        for place in range(24)
    ]
    trend = _trend(points, [80] * 12 + [60] * 12)
    assert [each.place for each in trend.breaks] == [12]
    assert trend.changes == ()
    assert trend.points[12].difference == 0.0
    assert trend.learned == 12


def test_what_is_left_out_is_kept_beside_the_levels() -> None:
    points = [past_metric(place) for place in range(3)]
    aside = SetAside(ids=frozenset({"s1"}), total=100, until="2026-12-20", unknown=(), expired=())
    trend = _trend(points, [80, 80, 80], aside=aside, without=[0.5, None, 0.7])
    assert [point.without for point in trend.points] == [0.5, None, 0.7]
    assert trend.describe()["quarantine"]["samples"] == ["s1"]


def test_a_figure_is_a_fact_without_an_interval() -> None:
    points = [past_metric(place, cost_usd=0.1 * place, series=str(place)) for place in range(1, 4)]
    trend = make_figure_trend(past_series(points, metric="qa.cost_usd"), "cost_usd")
    assert (trend.unit, trend.state, trend.is_watched) == (Unit.USD, None, False)
    assert [point.value for point in trend.points] == pytest.approx([0.1, 0.2, 0.3])
    assert {(point.lower, point.upper, point.difference) for point in trend.points} == {(None, None, None)}
    assert trend.breaks == ()
    assert trend.describe()["drift"] is None
