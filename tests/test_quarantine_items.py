"""Scores without quarantined samples: every column stays with its sample."""

import math
from array import array

import pytest

from evalkit.quarantine_items import leave_out, set_aside_items
from tests.gating import items
from tests.test_quarantine import entry, quarantine


def test_every_column_stays_with_its_sample() -> None:
    whole = items(
        [1.0, 0.5, None, 0.0],
        trials=2,
        repeats=2,
        rows=array("d", [1, 1, 0, 1, math.nan, math.nan, 0, 0]),
        predictions=bytes(range(8)),
        scorings=bytes(range(10, 18)),
        clusters=["x", "x", "y", "z"],
        within=0.5,
        slices={"topic": {"a": array("q", [0, 3]), "b": array("q", [1])}},
    )
    left = leave_out(whole, frozenset({"s1", "nobody"}))
    assert list(left.ids) == ["s0", "s2", "s3"]
    assert list(left.digests) == ["d0", "d2", "d3"]
    assert [left.values[0], math.isnan(left.values[1]), left.values[2]] == [1.0, True, 0.0]
    assert (list(left.worst), list(left.best)) == ([1.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    assert left.predictions == bytes([0, 1, 4, 5, 6, 7])
    assert left.scorings == bytes([10, 11, 14, 15, 16, 17])
    assert left.clusters == ["x", "y", "z"]
    assert {key: list(places) for key, places in left.slices["topic"].items()} == {"a": [0, 2], "b": []}
    assert (left.mean, left.excluded, left.within) == (0.5, 1, 0.0)


def test_the_noise_is_that_of_the_samples_that_stay() -> None:
    whole = items([0.5, 0.5, 1.0], trials=2, repeats=2, rows=array("d", [0, 1, 1, 0, 1, 1]), within=1 / 3)
    assert leave_out(whole, frozenset({"s0"})).within == pytest.approx(0.25)
    assert leave_out(whole, frozenset({"s0", "s1", "s2"})).within is None


def test_nothing_left_out_is_the_same_scores() -> None:
    whole = items([1.0, 0.0])
    kept, aside = set_aside_items(whole, quarantine(entry("s1", metric="other.f1")), "2026-11-23")
    assert kept is whole
    assert aside.sentences() == ()


def test_what_was_left_out_is_told() -> None:
    kept, aside = set_aside_items(items([1.0, 0.0]), quarantine(entry("s1")), "2026-11-23")
    assert (kept.mean, aside.ids, aside.share) == (1.0, {"s1"}, 0.5)
