"""Many nights' scores of the same samples, each night beside the first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats import night_table as room
from evalkit.stats.distributions import t_quantile
from evalkit.stats.night_table import night_table
from evalkit.stats.paired import paired_difference
from evalkit.stats.pairing import ItemScores, pair_items

NIGHTS, SAMPLES = 6, 40


def draw(seed: int, *, graded: bool = False, trials: int = 1, missing: float = 0.1):
    rng = np.random.default_rng(seed)
    shape = (NIGHTS, SAMPLES)
    scores = rng.random(shape) if graded else rng.binomial(trials, 0.8, shape) / trials
    scores[rng.random(shape) < missing] = np.nan
    return scores


@pytest.mark.parametrize("grouped", [False, True], ids=["samples", "groups"])
@pytest.mark.parametrize("trials", [1, 4, None], ids=["one trial", "4 trials", "graded"])
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_every_night_is_the_paired_test_of_two_runs(grouped: bool, trials: int | None, seed: int) -> None:
    """All nights at once give what `paired_difference` gives one by one."""
    scores = draw(seed, graded=trials is None, trials=trials or 1)
    groups = np.arange(SAMPLES) // 3 if grouped else None
    table = night_table(list(scores), weight=None if trials is None else 1 / trials, groups=groups)
    ids = [str(place) for place in range(SAMPLES)]
    names = None if groups is None else groups.tolist()
    sides = [ItemScores(ids, row.tolist(), trials is not None, trials or 1, names) for row in scores]
    for night in range(1, NIGHTS):
        expected = paired_difference(pair_items(sides[night], sides[0]), confidence=0.95)
        half = t_quantile(0.975, int(table.freedom[night])) * table.errors[night]
        assert table.paired[night] == expected.n
        assert table.means[night] == pytest.approx(expected.difference, abs=1e-12)
        assert table.errors[night] == pytest.approx(expected.standard_error, abs=1e-12)
        assert min(table.centres[night] - half, table.means[night]) == pytest.approx(expected.lower, abs=1e-12)
        assert max(table.centres[night] + half, table.means[night]) == pytest.approx(expected.upper, abs=1e-12)


@pytest.mark.parametrize("weight", [1.0, None], ids=["binary", "graded"])
def test_equal_nights_have_an_error_and_no_noise(weight: float | None) -> None:
    """No difference was seen, and none is proven: the augmented error stands."""
    table = night_table([np.ones(50)] * 3, weight=weight)
    assert table.means.tolist() == [0.0] * 3
    assert table.variances.tolist() == [0.0] * 3
    assert (table.errors > 0.02).all()


@pytest.mark.parametrize("groups", [None, np.zeros(4, dtype=np.int64)], ids=["one sample", "four groups"])
def test_too_little_gives_no_error(groups) -> None:
    rows = [np.ones(1 if groups is None else 4)] * 2
    table = night_table(rows, weight=1.0, groups=groups)
    assert np.isnan(table.errors).all()
    assert table.freedom.tolist() == [0, 0]


def test_nothing_pairs_on_a_night_without_scores() -> None:
    table = night_table([np.ones(5), np.full(5, np.nan), np.zeros(5)], weight=1.0, least=4.5)
    assert table.paired.tolist() == [5, 0, 5]
    assert np.isnan(table.means[1])
    assert table.variances.tolist() == [0.0, 0.0, pytest.approx(5 / 2 / 25)]


def test_a_night_with_few_pairs_is_passed_over_by_the_noise() -> None:
    few = np.array([1.0, 0.0, *[np.nan] * 8])
    table = night_table([np.ones(10), few, np.ones(10)], weight=1.0, least=9)
    assert table.variances.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("grouped", [False, True], ids=["samples", "groups"])
def test_the_noise_is_that_of_rerunning(grouped: bool) -> None:
    """Half the squared changes: the variance of a night's mean, whatever the samples' difficulty; of groups' sums."""
    rng = np.random.default_rng(4)
    chances = rng.beta(2, 0.5, 300)
    drawn = rng.random((500, 100 if grouped else 300))
    luck = np.repeat(drawn, 3, axis=1) if grouped else drawn
    rows = (luck < chances).astype(float)
    groups = np.arange(300) // 3 if grouped else None
    table = night_table(list(rows), weight=1.0, groups=groups)
    assert table.variances[1:].mean() == pytest.approx(rows.mean(axis=1).var(), rel=0.15)


@pytest.mark.parametrize("at_once", [1, 100, 119])
def test_parts_of_the_nights_come_together(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    scores = list(draw(8))
    whole = night_table(scores, weight=1.0, least=30)
    monkeypatch.setattr(room, "_AT_ONCE", at_once)
    parts = night_table(scores, weight=1.0, least=30)
    for name in whole.__slots__:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
