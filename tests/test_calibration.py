"""How often rules raise an alarm where nothing has changed."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.calibration import TrialPool, calibrate, pool_trials
from evalkit.config.gates import GateSpec
from evalkit.stats.reducers import make_reducer
from evalkit.stored_items import MetricItems

RULE = {"metric": "qa.exact", "max_drop": 0.02}


def items(
    rows: list[list[float]], *, higher_is_better: bool = True, reducer: str = "mean", ids: list[str] | None = None
) -> MetricItems:
    """A metric with these trials of each sample; the first half of the samples is slice h0."""
    trials, count = len(rows[0]), len(rows)
    names = tuple(ids or [f"s{i}" for i in range(count)])
    values = [math.fsum(row) / trials for row in rows]
    return MetricItems(
        evaluation="qa",
        model="m",
        scorer="exact",
        kind="binary",
        higher_is_better=higher_is_better,
        confidence=0.95,
        ids=names,
        digests=names,
        values=values,
        worst=values,
        best=values,
        trials=trials,
        repeats=trials,
        predictions=b"",
        scorings=b"",
        rows=[value for row in rows for value in row],
        slices={"half": {"h0": range(count // 2), "h1": range(count // 2, count)}},
        measure={"digest": "m", "reducer": reducer},
    )


def answers(n: int, trials: int, *, p: float = 0.9, seed: int = 0) -> list[list[float]]:
    rng = random.Random(seed)
    return [[float(rng.random() < p) for _ in range(trials)] for _ in range(n)]


def pool(*runs: MetricItems) -> TrialPool:
    found = pool_trials(*runs)
    assert found is not None
    return found


def gate(*rules: dict) -> GateSpec:
    return GateSpec.model_validate({"rules": list(rules)})


def test_one_trial_cannot_be_split() -> None:
    assert pool_trials(items([[1.0], [0.0]])) is None


@pytest.mark.parametrize(("trials", "side"), [(2, 1), (3, 1), (4, 2), (7, 3)], ids=str)
def test_each_side_gets_half_of_the_trials(trials: int, side: int) -> None:
    assert pool(items(answers(10, trials))).side == side


def test_two_runs_give_whole_runs_a_side() -> None:
    first, second = items(answers(50, 1)), items(answers(50, 1, seed=1))
    found = pool(first, second)
    assert (found.side, len(found.rows), len(found.rows[0])) == (1, 50, 2)
    assert found.observed == pytest.approx(sum(second.values) / 50 - sum(first.values) / 50)


def test_two_runs_pair_by_id() -> None:
    first = items([[1.0], [0.0], [1.0]], ids=["a", "b", "c"])
    second = items([[1.0], [1.0], [0.0]], ids=["c", "a", "b"])
    assert pool(first, second).split(random.Random(0), make_reducer("mean")) == [0.0, 0.0, 0.0]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=4, max_size=4), min_size=1), st.integers())
def test_a_split_is_of_the_sample_s_own_trials(rows: list[list[float]], seed: int) -> None:
    found = pool(items(rows)).split(random.Random(seed), make_reducer("mean"))
    for row, difference in zip(rows, found, strict=True):
        valid = [value for value in row if not math.isnan(value)]
        if len(set(valid)) == 1 and not math.isnan(difference):
            assert difference == 0.0
        assert math.isnan(difference) or -1.0 <= difference <= 1.0
        assert len(valid) > 0 or math.isnan(difference)


def test_the_seed_decides_everything() -> None:
    pools = [pool(items(answers(60, 4)))]
    first, again, other = (calibrate(gate(RULE), pools, splits=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_answers_that_never_differ_raise_no_alarm() -> None:
    found = calibrate(gate(RULE), [pool(items([[1.0] * 2] * 200))], splits=20, seed=0)
    (rule,) = found.rules
    assert (rule.fail_rate, rule.naive_fail_rate, rule.pass_rate, rule.noise) == (0.0, 0.0, 1.0, 0.0)
    assert rule.suggested_point_drop == 0.0
    assert rule.suggested_max_drop < 0.02


def test_false_alarms_are_few_and_the_bare_number_s_are_many() -> None:
    """200 items, p .9, one trial a side, margin .02: the naive rule fails in about one of five."""
    found = calibrate(gate(RULE), [pool(items(answers(200, 2)))], splits=400, seed=0)
    (rule,) = found.rules
    assert rule.fail_rate <= 0.05
    assert 0.1 < rule.naive_fail_rate < 0.4
    assert rule.fail_rate + rule.inconclusive_rate + rule.pass_rate == pytest.approx(1.0)


def test_the_suggested_tolerances_do_what_they_say() -> None:
    pools = [pool(items(answers(200, 2)))]
    (first,) = calibrate(gate(RULE), pools, splits=300, seed=0).rules
    (wide,) = calibrate(gate({**RULE, "max_drop": first.suggested_max_drop}), pools, splits=300, seed=0).rules
    assert wide.pass_rate >= 0.79
    (point,) = calibrate(gate({**RULE, "max_drop": first.suggested_point_drop}), pools, splits=300, seed=0).rules
    assert point.naive_fail_rate <= 0.05


def test_slices_models_and_rules_without_a_drop() -> None:
    rules = gate(
        {**RULE, "slice": "half=*", "name": "halves"},
        {**RULE, "model": "other"},
        {"metric": "qa.exact", "min": 0.5, "name": "level"},
        {"metric": "error_rate", "max": 0.1},
    )
    found = calibrate(rules, [pool(items(answers(40, 2)))], splits=20, seed=0)
    assert [(rule.rule, rule.slice, rule.samples) for rule in found.rules] == [
        ("halves", "half=h0", 20),
        ("halves", "half=h1", 20),
    ]
    assert found.left_out == ("level", "error_rate")


def test_many_rules_are_held_together_by_holm() -> None:
    rules = gate(*({**RULE, "max_drop": 0.0, "name": f"r{i}"} for i in range(8)))
    found = calibrate(rules, [pool(items(answers(100, 2, p=0.6)))], splits=200, seed=0)
    assert found.any_fail_rate <= max(rule.fail_rate for rule in found.rules)
    assert found.any_naive_rate >= max(rule.naive_fail_rate for rule in found.rules)


@pytest.mark.parametrize("reducer", ["majority", "any", "pass_at:1"])
def test_other_reducers_reduce_each_side(reducer: str) -> None:
    (rule,) = calibrate(gate(RULE), [pool(items(answers(60, 6), reducer=reducer))], splits=30, seed=0).rules
    assert rule.trials == 3
    assert 0.0 <= rule.fail_rate <= 0.2


def test_monte_carlo_error_is_never_zero() -> None:
    found = calibrate(gate(RULE), [pool(items([[1.0] * 2] * 20))], splits=100, seed=0)
    assert found.monte_carlo_error(0.0) == pytest.approx(math.sqrt(0.005 * 0.995 / 100))
