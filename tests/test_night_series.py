"""Nights as the drift rule sees them: paired with the first whole one, gaps named, drifts told by night."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from evalkit.history_scores import SampleSet
from evalkit.history_series import SeriesScores
from evalkit.night_series import NightSeries, SeriesState, night_series
from evalkit.past_runs import PastMetric
from evalkit.stats.paired import paired_difference
from evalkit.stats.pairing import ItemScores, pair_items
from tests.trending import night, past_metric

SAMPLES = 100


def sample_set(ids: Sequence[str], changed: Mapping[str, str] | None = None, clusters: Any = None) -> SampleSet:
    digests = tuple((changed or {}).get(name, f"content of {name}") for name in ids)
    return SampleSet(f"{ids} {digests} {clusters}", tuple(ids), digests, clusters, {})


IDS = [f"s{place}" for place in range(SAMPLES)]
SAME = sample_set(IDS)


def scores_of(rows: Any, samples: SampleSet = SAME) -> list[SeriesScores]:
    return [SeriesScores(f"run-{place:04d}", samples, np.asarray(row, dtype=float)) for place, row in enumerate(rows)]


def points_of(count: int, **changes: Any) -> list[PastMetric]:
    return [past_metric(place, **changes) for place in range(count)]


def answers(nights: int, *, fall_at: int = 10**6, seed: int = 1) -> Any:
    """Right-or-wrong scores by night; from `fall_at` on, a fifth of the samples are wrong for good."""
    rng = np.random.default_rng(seed)
    chances = np.where(np.arange(SAMPLES) < 60, 0.98, 0.6)
    rows = (rng.random((nights, SAMPLES)) < chances).astype(float)
    rows[fall_at:, :20] = 0.0
    return rows


def series_of(rows: Any, **changes: Any) -> NightSeries:
    return night_series(points_of(len(rows), **changes), scores_of(rows))


def test_nothing_and_the_first_night() -> None:
    empty = night_series([], [])
    assert (empty.state, empty.learned, empty.points) == (SeriesState.LEARNING, 0, ())
    first = series_of(answers(1))
    assert (first.differences, first.lower, first.noise, first.paired) == ((0.0,), (None,), (None,), (SAMPLES,))
    assert (first.references, first.state, first.learned) == ((0,), SeriesState.LEARNING, 1)


def test_points_and_scores_go_together() -> None:
    with pytest.raises(ValueError, match="2 nights and the scores of 1"):
        night_series(points_of(2), scores_of(answers(1)))


@pytest.mark.parametrize("clusters", [None, [place // 4 for place in range(SAMPLES)]], ids=["samples", "groups"])
def test_a_night_is_compared_as_two_runs_are(clusters: Any) -> None:
    rows = answers(5)
    rows[3, 7] = np.nan
    found = night_series(points_of(5), scores_of(rows, sample_set(IDS, clusters=clusters)))
    for place in range(1, 5):
        sides = [ItemScores(IDS, row.tolist(), True, 1, clusters) for row in (rows[place], rows[0])]
        expected = paired_difference(pair_items(*sides), confidence=0.95)
        assert found.paired[place] == expected.n
        got = (found.differences[place], found.lower[place], found.upper[place])
        assert got == pytest.approx((expected.difference, expected.lower, expected.upper), abs=1e-12)


def test_samples_pair_by_id_and_content_in_any_order() -> None:
    rows = answers(3)
    order = list(reversed(range(SAMPLES)))
    turned = SeriesScores("run-0002", sample_set([IDS[place] for place in order]), rows[2][order])
    straight, other = scores_of(rows), [*scores_of(rows[:2]), turned]
    assert night_series(points_of(3), other).differences == night_series(points_of(3), straight).differences


def test_changed_and_missing_samples_are_left_out_of_the_pairs() -> None:
    rows = answers(3)
    changed = sample_set([*IDS[:97], "new 1", "new 2"], changed={"s0": "another", "s1": "another"})
    later = SeriesScores("run-0002", changed, np.append(rows[2][:97], [1.0, 1.0]))
    found = night_series(points_of(3), [*scores_of(rows[:2]), later])
    assert found.paired == (SAMPLES, SAMPLES, 95)
    assert found.differences[2] == pytest.approx((rows[2] - rows[0])[2:97].mean())


def test_a_night_that_pairs_too_little_is_a_gap_with_its_reason() -> None:
    rows = answers(6)
    rows[2, :30] = np.nan
    changed = sample_set(IDS, changed=dict.fromkeys(IDS[:20], "another"))
    empty = SeriesScores("run-0005", sample_set([]), np.zeros(0))
    scores = [*scores_of(rows[:4]), SeriesScores("run-0004", changed, rows[4]), empty]
    found = night_series(points_of(6), scores)
    assert found.gaps == {
        2: f"70 of 100 scored samples pair with {night(0)}: the others have no score",
        4: f"80 of 100 scored samples pair with {night(0)}: 20 of the 100 samples are gone or changed",
        5: f"0 of 100 scored samples pair with {night(0)}: 100 of the 100 samples are gone or changed",
    }
    assert [value is None for value in found.differences] == [False, False, True, False, True, True]
    assert found.learned == 3


def test_the_reference_is_the_first_night_that_is_whole() -> None:
    rows = answers(4)
    rows[0, :11] = np.nan
    found = series_of(rows)
    assert found.references == (1,)
    assert found.gaps == {0: "89 of 100 samples have a score"}
    assert found.differences[1] == 0.0


def test_without_a_whole_night_every_night_is_a_gap() -> None:
    rows = answers(3)
    rows[:, :50] = np.nan
    found = series_of(rows)
    assert (found.references, sorted(found.gaps), found.learned) == ((), [0, 1, 2], 0)


def test_samples_can_be_left_out() -> None:
    rows = answers(30, fall_at=20)
    wavering = frozenset(IDS[:20])
    points, scores = points_of(30), scores_of(rows)
    assert night_series(points, scores).drifts
    kept = night_series(points, scores, without=wavering)
    assert kept.drifts == ()
    assert set(kept.paired) == {80}
    assert night_series(points, scores, without=frozenset(IDS)).learned == 0


def test_a_fall_is_found_with_its_onset_although_nights_are_missing() -> None:
    rows = answers(40, fall_at=25)
    rows[[5, 26], :40] = np.nan
    found = series_of(rows[:30])
    (drift,) = found.drifts
    assert (drift.direction, drift.onset) == ("down", 24)
    assert drift.night <= 29
    assert (found.state, found.learned) == (SeriesState.MOVED, 4)
    tonight = series_of(rows[: drift.night + 1])
    assert tonight.drifts == (drift,)
    assert series_of(rows).state is SeriesState.STEADY


def test_a_change_of_what_is_measured_starts_a_new_series() -> None:
    rows = answers(40, fall_at=20, seed=3)
    points = [past_metric(place, series="one" if place < 20 else "other") for place in range(40)]
    found = night_series(points, scores_of(rows))
    assert found.references == (0, 20)
    assert found.drifts == ()
    assert (found.differences[20], found.learned, found.state) == (0.0, 20, SeriesState.STEADY)
    assert [night_series(points[:25], scores_of(rows[:25])).state] == [SeriesState.LEARNING]


@pytest.mark.parametrize("kind", ["binary", "graded"])
def test_the_noise_is_that_of_rerunning(kind: str) -> None:
    found = series_of(answers(200), kind=kind)
    sd = np.sqrt(60 * 0.98 * 0.02 + 40 * 0.6 * 0.4) / SAMPLES
    assert found.noise[0] is None
    assert found.noise[-1] == pytest.approx(sd, rel=0.08)


def test_graded_scores_drift_too() -> None:
    rng = np.random.default_rng(6)
    rows = np.clip(rng.normal(0.7, 0.1, (30, SAMPLES)), 0, 1)
    rows[18:] -= 0.04
    (drift,) = series_of(rows, kind="graded").drifts
    assert (drift.direction, drift.onset) == ("down", 17)


def test_answers_that_never_vary_give_no_alarm_for_one_night() -> None:
    rows = np.ones((30, SAMPLES))
    rows[20, 3] = 0.0
    assert series_of(rows).drifts == ()
    rows[20:, 3] = 0.0
    (drift,) = series_of(rows).drifts
    assert (drift.direction, drift.onset, drift.night) == ("down", 19, 22)


def test_more_takes_an_alarm_beside_other_series() -> None:
    rows = answers(40, fall_at=25)
    alone, beside = (night_series(points_of(40), scores_of(rows), among=[among] * 40) for among in (1, 1000))
    assert (alone.watched, beside.watched) == (1, 1000)
    assert not beside.drifts or beside.drifts[0].night > alone.drifts[0].night


def test_what_an_alarm_took_on_its_night_stays_when_more_are_watched_later() -> None:
    rows = answers(40, fall_at=25)
    (alone,) = night_series(points_of(40), scores_of(rows)).drifts
    grown = [1 if place <= alone.night else 1000 for place in range(40)]
    found = night_series(points_of(40), scores_of(rows), among=grown)
    assert (found.drifts, found.watched) == ((alone,), 1000)
