"""Trials to one score an item."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.reducers import check_reducer, make_reducer, pass_at_k, pass_hat_k

REDUCERS = ["mean", "median", "majority", "any", "all", {"pass_at": 2}, {"pass_hat": 2}]


@pytest.mark.parametrize(
    ("reduce", "scores", "expected"),
    [
        ("mean", [1, 0, 0, 1], 0.5),
        ("median", [0.2, 0.9, 0.4], 0.4),
        ("median", [0.2, 0.4], pytest.approx(0.3)),
        ("majority", [1, 1, 0], 1.0),
        ("majority", [1, 0], 0.0),
        ("majority", [1, 0, 0], 0.0),
        ("any", [0, 0, 1], 1),
        ("any", [0.2, 0.7], 0.7),
        ("all", [1, 1, 0], 0),
        ("all", [0.2, 0.7], 0.2),
        ({"pass_at": 1}, [1, 0, 0, 0], 0.25),
        ({"pass_at": 2}, [1, 0, 0, 0], 0.5),
        ({"pass_hat": 2}, [1, 1, 0, 0], pytest.approx(1 / 6)),
    ],
    ids=str,
)
def test_reducers(reduce: object, scores: list[float], expected: float) -> None:
    assert make_reducer(reduce)(scores) == expected


@pytest.mark.parametrize("reduce", REDUCERS, ids=str)
def test_nothing_reduces_to_nothing(reduce: object) -> None:
    assert make_reducer(reduce)([]) is None


@pytest.mark.parametrize("reduce", [{"pass_at": 3}, {"pass_hat": 3}], ids=str)
def test_too_few_trials_for_k_say_nothing(reduce: object) -> None:
    assert make_reducer(reduce)([1, 1]) is None


@pytest.mark.parametrize("reduce", ["majority", {"pass_at": 1}, {"pass_hat": 1}], ids=str)
def test_counting_needs_right_or_wrong(reduce: object) -> None:
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        make_reducer(reduce)([0.5, 1])


@pytest.mark.parametrize("reduce", ["best", {"pass_at": 0}, {"pass": 1}, {}, {"pass_at": 1, "pass_hat": 1}], ids=str)
def test_unknown_reducers_are_refused(reduce: object) -> None:
    with pytest.raises(ValueError, match=r"reducer is called|needs at least 1|takes one of"):
        make_reducer(reduce)


@pytest.mark.parametrize(
    ("reduce", "trials", "kind", "message"),
    [
        ("majority", 3, "graded", "quality is graded"),
        ({"pass_at": 2}, 3, "graded", "quality is graded"),
        ({"pass_at": 4}, 3, "binary", "needs at least 4 trials, not 3"),
        ({"pass_hat": 2}, 1, "binary", "needs at least 2 trials"),
        ("best", 3, "binary", "no reducer"),
        ("mean", 1, "graded", None),
        ("any", 2, "graded", None),
        ({"pass_at": 3}, 3, "binary", None),
    ],
    ids=str,
)
def test_check_reducer(reduce: object, trials: int, kind: str, message: str | None) -> None:
    if message is None:
        check_reducer(reduce, trials=trials, kinds={"quality": kind})
    else:
        with pytest.raises(ValueError, match=message):
            check_reducer(reduce, trials=trials, kinds={"quality": kind})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=7), st.data())
def test_pass_at_k_is_the_share_of_all_draws(trials: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(trials)))
    draws = list(combinations(trials, k))
    n, c = len(trials), sum(trials)
    assert pass_at_k(n, c, k) == float(Fraction(sum(map(any, draws)), len(draws)))
    assert pass_hat_k(n, c, k) == float(Fraction(sum(map(all, draws)), len(draws)))


@pytest.mark.parametrize(("n", "c", "k"), [(3, 1, 5), (3, 1, 0), (3, 4, 2), (3, -1, 2), (0, 0, 1)])
def test_impossible_draws_are_refused(n: int, c: int, k: int) -> None:
    for chance in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match=r"cannot draw|cannot be right"):
            chance(n, c, k)


@pytest.mark.parametrize("reduce", REDUCERS, ids=str)
@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=6), st.data())
def test_a_better_trial_never_lowers_an_item(reduce: object, scores: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(scores) - 1))
    better = [*scores[:place], 1.0, *scores[place + 1 :]]
    reducer = make_reducer(reduce)
    assert reducer(better) >= reducer(scores)
    assert 0.0 <= reducer(scores) <= 1.0
