"""Streaks, flips and their chance, against plain counting and against a simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.stability import TOLERANCE, flip_tail, follow_nights, name_unstable


def _counted(nights: str) -> dict[str, int]:
    """Count one sample's nights the plain way; a dot is a night without a score."""
    scored = [(place, mark) for place, mark in enumerate(nights) if mark != "."]
    runs = [
        (mark, [place for place, _ in group]) for mark, group in itertools.groupby(scored, key=lambda each: each[1])
    ]
    before = [each for _, places in runs[:-1] for each in places]
    return {
        "nights": len(scored),
        "right": sum(mark == "1" for _, mark in scored),
        "flips": max(0, len(runs) - 1),
        "last": int(runs[-1][0]) if runs else -1,
        "last_night": scored[-1][0] if scored else -1,
        "streak": len(runs[-1][1]) if runs else 0,
        "since": runs[-1][1][0] if runs else -1,
        "streak_before": len(runs[-2][1]) if len(runs) > 1 else 0,
        "until": runs[-2][1][-1] if len(runs) > 1 else -1,
        "nights_before": len(before),
        "right_before": sum(nights[place] == "1" for place in before),
    }


@given(st.integers(0, 12).flatmap(lambda n: st.lists(st.text("01.", min_size=n, max_size=n), min_size=1, max_size=6)))
def test_nights_are_counted_as_one_would_by_hand(samples: list[str]) -> None:
    marks = np.array([list(nights) for nights in samples]).reshape(len(samples), -1).T
    found = follow_nights(marks == "1", marks != ".")
    for place, nights in enumerate(samples):
        assert {name: int(getattr(found, name)[place]) for name in _counted(nights)} == _counted(nights)


def test_the_tail_is_that_of_all_sequences_of_nights() -> None:
    nights, tolerance = 7, 0.1
    chances = [0.0] * (nights + 1)
    for bad in itertools.product((0, 1), repeat=nights):
        flips = sum(one != other for one, other in itertools.pairwise(bad))
        chances[flips] += tolerance ** sum(bad) * (1 - tolerance) ** (nights - sum(bad))
    tails = [math.fsum(chances[k:]) for k in range(nights + 1)]
    assert flip_tail(nights, tolerance) == pytest.approx(tails, abs=1e-12)


@pytest.mark.parametrize("nights", [1, 2, 14, 90, 1000])
def test_a_tail_falls_from_one(nights: int) -> None:
    tail = flip_tail(nights)
    assert len(tail) == nights + 1
    assert tail[0] == pytest.approx(1.0)
    assert all(one >= other >= 0.0 for one, other in itertools.pairwise(tail))


def test_few_stable_samples_are_named_and_most_of_the_unstable_are() -> None:
    """500 samples, 30 nights: a tenth unstable (right on half of the nights), the rest at the tolerance."""
    source = np.random.default_rng(20261123)
    named_stable = named = found = 0
    for _ in range(40):
        chance = np.where(np.arange(500) < 50, 0.5, TOLERANCE)
        wrong = source.random((30, 500)) < chance
        counted = follow_nights(~wrong, np.ones_like(wrong))
        unstable = name_unstable(counted.nights, counted.flips, fewest=7)
        named, named_stable, found = (
            named + unstable.sum(),
            named_stable + unstable[50:].sum(),
            found + unstable[:50].sum(),
        )
    assert named_stable / named < 0.05
    assert found / (40 * 50) > 0.95


def test_samples_with_too_few_nights_are_never_named() -> None:
    nights, flips = np.array([6, 14, 0]), np.array([5, 13, 0])
    assert name_unstable(nights, flips, fewest=7).tolist() == [False, True, False]
