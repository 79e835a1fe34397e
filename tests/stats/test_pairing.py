"""Two sides join by item id, and only what both scored pairs."""

import math

import pytest

from evalkit.stats.pairing import ItemScores, pair_items

NAN = math.nan


def side(values: list[float], ids: list[str] | None = None, *, binary: bool = True, **given: object) -> ItemScores:
    return ItemScores(ids or [f"s{i}" for i in range(len(values))], values, is_binary=binary, **given)


def test_items_join_by_id_in_any_order() -> None:
    got = pair_items(side([1, 0, 1], ["a", "b", "c"]), side([0, 1, 1], ["c", "a", "b"]))
    assert got.differences == [0, -1, 1]
    assert got.missing == 0


def test_only_items_scored_on_both_sides_pair() -> None:
    got = pair_items(side([1, NAN, 1, NAN]), side([0, 1, NAN, NAN]))
    assert (got.differences, got.missing) == ([1], 3)


def test_items_of_one_side_only_are_missing() -> None:
    got = pair_items(side([1, 1], ["a", "b"]), side([0, 0], ["b", "c"]))
    assert (got.differences, got.missing) == ([1], 2)


@pytest.mark.parametrize(
    ("left", "right"), [(["a", "a"], ["a", "b"]), (["a", "b"], ["b", "b"])], ids=["first", "second"]
)
def test_an_id_twice_is_refused(left: list[str], right: list[str]) -> None:
    with pytest.raises(ValueError, match="twice"):
        pair_items(side([1, 0], left), side([0, 1], right))


def test_clusters_follow_their_items() -> None:
    got = pair_items(side([1, NAN, 0], clusters=["x", "y", "z"]), side([1, 1, 1]))
    assert got.clusters == ["x", "z"]


def test_trials_are_the_fewer_and_binary_needs_both() -> None:
    got = pair_items(side([0.5], trials=4), side([1.0], trials=2, binary=False))
    assert (got.trials, got.is_binary) == (2, False)
