"""What each missing score counts as, and trials to items."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.schema import OnErrorSpec
from evalkit.records import Prediction, PredictionOutcome, Score, ScoreOutcome
from evalkit.score_columns import ScoreColumn, ScoreRules, Scoring, put_at
from evalkit.stats.reducers import make_reducer

EXCLUDED = "excluded"


def column(
    trials: int = 1, reduce: object = "mean", kind: str = "binary", items: int = 1, **on_error: str
) -> ScoreColumn:
    return ScoreColumn(kind, ScoreRules(trials, reduce, OnErrorSpec(**on_error)), items)


def put(target: ScoreColumn, row: int, outcome: str, prediction: str = "ok", value: float = 1.0) -> None:
    score = Score(value) if outcome == "scored" else Score(None, outcome=ScoreOutcome(outcome))
    target.put(row, Prediction(PredictionOutcome(prediction)), score)


@pytest.mark.parametrize(
    ("outcome", "prediction", "on_error", "counts_as"),
    [
        ("scored", "ok", {}, 1.0),
        ("scored", "truncated", {}, 1.0),
        ("scored", "truncated", {"truncated": "zero"}, 0.0),
        ("scored", "truncated", {"truncated": "exclude"}, EXCLUDED),
        ("no_answer", "truncated", {}, 0.0),
        ("no_answer", "truncated", {"truncated": "exclude"}, EXCLUDED),
        ("scorer_error", "truncated", {"truncated": "zero"}, 0.0),
        ("no_answer", "ok", {}, 0.0),
        ("no_answer", "ok", {"model": "exclude"}, EXCLUDED),
        *((name, name, {}, 0.0) for name in ("refused", "filtered", "too_long")),
        *((name, name, {"model": "exclude"}, EXCLUDED) for name in ("refused", "filtered", "too_long")),
        *((name, name, {}, EXCLUDED) for name in ("infra_error", "rejected", "not_run")),
        *((name, name, {"infra": "zero"}, 0.0) for name in ("infra_error", "rejected", "not_run")),
        *((name, "ok", {}, EXCLUDED) for name in ("scorer_error", "judge_failed")),
        *((name, "ok", {"scorer": "zero"}, 0.0) for name in ("scorer_error", "judge_failed")),
    ],
)
def test_on_error(outcome: str, prediction: str, on_error: dict[str, str], counts_as: object) -> None:
    target = column(**on_error)
    put(target, 0, outcome, prediction)
    reduced = target.reduce()
    if counts_as == EXCLUDED:
        assert math.isnan(reduced.values[0])
        assert (reduced.worst, reduced.best) == ([0.0], [1.0])
    else:
        assert reduced.values[0] == reduced.worst[0] == reduced.best[0] == counts_as
    assert target.outcomes()[outcome] == 1
    assert sum(target.outcomes().values()) == 1
    assert set(target.outcomes()) == {name.value for name in ScoreOutcome}


@pytest.mark.parametrize(("infra", "value"), [("exclude", math.nan), ("zero", 0.0)])
def test_what_was_never_put_counts_as_not_run(infra: str, value: float) -> None:
    got = column(infra=infra).reduce().values[0]
    assert got == value or (math.isnan(got) and math.isnan(value))


def test_a_prediction_without_an_answer_hands_its_outcome_down() -> None:
    target = column()
    target.put(0, Prediction(PredictionOutcome.REJECTED), None)
    assert target.outcomes()["rejected"] == 1


def test_an_answer_without_a_score_is_refused() -> None:
    with pytest.raises(ValueError, match="no score"):
        column().put(0, Prediction(PredictionOutcome.OK), None)


@pytest.mark.parametrize(
    ("reduce", "values", "expected"),
    [
        ("mean", [1, None, 0], (0.5, 1 / 3, 2 / 3)),
        ("median", [1, None, 0], (0.5, 0.0, 1.0)),
        ("majority", [1, None, 0], (0.0, 0.0, 1.0)),
        ("any", [0, None, 0], (0.0, 0.0, 1.0)),
        ("all", [1, None, 1], (1.0, 0.0, 1.0)),
        ({"pass_at": 2}, [1, None, 0], (1.0, 2 / 3, 1.0)),
        ({"pass_hat": 2}, [1, None, 0], (0.0, 0.0, 1 / 3)),
        ({"pass_at": 3}, [1, None, 0], (None, 1.0, 1.0)),
        ("mean", [None, None, None], (None, 0.0, 1.0)),
        ("majority", [None, None, None], (None, 0.0, 1.0)),
    ],
    ids=str,
)
def test_reduced_with_a_trial_missing(reduce: object, values: list, expected: tuple) -> None:
    target = column(3, reduce)
    for row, value in enumerate(values):
        put(target, row, "scorer_error" if value is None else "scored", value=float(value or 0))
    got = target.reduce()
    assert [got.worst[0], got.best[0]] == pytest.approx(list(expected[1:]))
    assert math.isnan(got.values[0]) if expected[0] is None else got.values[0] == pytest.approx(expected[0])


def interval(target: ScoreColumn, items: int, clusters: list | None = None):
    values = target.reduce().values
    return target.interval(values, positions=range(items), clusters=clusters, confidence=0.95)


@pytest.mark.parametrize(
    ("trials", "reduce", "kind", "clusters", "method"),
    [
        (1, "mean", "binary", None, "wilson"),
        (1, {"pass_at": 1}, "binary", None, "wilson"),
        (1, "mean", "graded", None, "wilson_n_eff"),
        (1, "mean", "binary", list(range(8)), "wilson_n_eff"),
        (1, "mean", "binary", [0, 0, 1, 1, 2, 2, 3, 3], "none"),
        (3, "mean", "binary", None, "wilson_n_eff"),
        (3, "majority", "binary", None, "wilson"),
        (3, "any", "binary", None, "wilson"),
        (3, {"pass_at": 2}, "binary", None, "wilson_n_eff"),
        (3, "median", "graded", None, "wilson_n_eff"),
    ],
    ids=str,
)
def test_which_interval(trials: int, reduce: object, kind: str, clusters: list | None, method: str) -> None:
    target = column(trials, reduce, kind, items=8)
    for row in range(8 * trials):
        put(target, row, "scored", value=float(row % 5 < 3))
    got = interval(target, 8, clusters)
    assert got.method == method
    assert got.n == 8


def test_trials_cap_the_effective_n() -> None:
    """Items that differ less than chance would have it say no more than all their trials."""
    target = column(5, items=8)
    for row in range(40):
        put(target, row, "scored", value=float(row % 5 < (2 if row < 20 else 3)))
    assert interval(target, 8).effective_n == 40


def test_rerun_noise() -> None:
    target = column(2, items=3)
    for row, value in enumerate([1, 0, 1, 1, 0, 0]):
        put(target, row, "scored", value=float(value))
    within = 0.5 / 3
    assert target.rerun_noise(confidence=0.95) == pytest.approx(1.959963984540054 * math.sqrt(2 * within / 6))


@pytest.mark.parametrize(("trials", "reduce"), [(1, "mean"), (3, "any")])
def test_rerun_noise_needs_a_mean_of_trials(trials: int, reduce: str) -> None:
    assert column(trials, reduce).rerun_noise(confidence=0.95) is None


def test_rerun_noise_of_nothing_scored() -> None:
    assert column(3).rerun_noise(confidence=0.95) is None


SCORINGS: dict[str, Scoring] = {
    "right": (PredictionOutcome.OK, ScoreOutcome.SCORED, 1.0),
    "wrong": (PredictionOutcome.OK, ScoreOutcome.SCORED, 0.0),
    "cut": (PredictionOutcome.TRUNCATED, ScoreOutcome.SCORED, 1.0),
    "refused": (PredictionOutcome.REFUSED, ScoreOutcome.REFUSED, None),
    "lost": (PredictionOutcome.INFRA_ERROR, ScoreOutcome.INFRA_ERROR, None),
    "unjudged": (PredictionOutcome.OK, ScoreOutcome.JUDGE_FAILED, None),
}


def same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


@given(
    trials=st.integers(1, 4),
    names=st.lists(st.sampled_from(sorted(SCORINGS)), min_size=4, max_size=40),
    reduce=st.sampled_from(["mean", "median", "majority", "any", "all", "pass_at"]),
    is_whole=st.booleans(),
    rule=st.sampled_from(["zero", "exclude"]),
)
def test_at_once_or_one_by_one(trials: int, names: list[str], reduce: str, is_whole: bool, rule: str) -> None:
    """Many scores put at once come to what each item's own trials come to, reduced alone."""
    how = {"pass_at": trials} if reduce == "pass_at" else reduce
    items = len(names) // trials
    names = names[: items * trials]
    rows = range(len(names)) if is_whole else list(reversed(range(len(names))))
    fast, slow = (column(trials, how, items=items, model=rule, truncated="exclude") for _ in range(2))
    fast.put_all(rows, names, SCORINGS)
    for row, name in zip(rows, names, strict=True):
        prediction, outcome, value = SCORINGS[name]
        slow.put(row, Prediction(prediction), Score(value, outcome=outcome))
    assert fast.endings == slow.endings
    assert all(map(same, fast.rows, slow.rows))
    reduced, reducer = fast.reduce(), make_reducer(how)
    for item in range(items):
        scores = slow.rows[item * trials : (item + 1) * trials]
        filled = [[fill if math.isnan(each) else each for each in scores] for fill in (0.0, 1.0)]
        alone = [reducer(each) for each in ([each for each in scores if not math.isnan(each)], *filled)]
        for got, expected in zip((reduced.values, reduced.worst, reduced.best), alone, strict=True):
            assert same(got[item], math.nan if expected is None else expected)


@pytest.mark.parametrize("rows", [range(2), [0, 1]], ids=["range", "list"])
def test_as_many_values_as_rows(rows: Sequence[int]) -> None:
    with pytest.raises(ValueError, match="3 values for 2 rows"):
        put_at(bytearray(4), rows, bytearray(3))
