"""What each gate rule could notice, and what it rests on."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from evalkit.config.gates import GateSpec
from evalkit.errors import ConfigError
from evalkit.forecast_gate import RulePower, forecast_gate
from evalkit.forecast_spread import StoredItems, assume_spread, spread_of_level, spread_of_stored
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import smallest_detectable
from evalkit.stats.verdicts import judge_difference

from .comparing import side
from .plans import plan_of

RULE = {"metric": "qa.exact", "max_drop": 0.02}


def reach(folder: Path, *rules: dict[str, Any], stored: tuple[StoredItems, ...] = (), **more: Any) -> list[RulePower]:
    gate = GateSpec.model_validate({"rules": list(rules)})
    return list(forecast_gate(plan_of(folder, **more), gate, stored, score=0.8))


def run_of(name: str, right: int, n: int = 100, *, flip: int = 0, trials: int = 1) -> StoredItems:
    values = {f"s{i}": float(i < right) for i in range(n)}
    for i in range(flip):
        values[f"s{i}"] = 1.0 - values[f"s{i}"]
    return StoredItems(name, side(values, trials=trials).items)


def test_without_any_run_the_assumption_is_stated(tmp_path: Path) -> None:
    (rule,) = reach(tmp_path, RULE)
    error = math.sqrt(0.16 / 100)
    assert rule.mde == pytest.approx(smallest_detectable(error, alpha=0.05, power=0.8, margin=0.02))
    assert rule.is_assumed
    assert "0.16, p = 0.8" in rule.basis
    assert rule.mde_twice_samples == pytest.approx(0.02 + (rule.mde - 0.02) / math.sqrt(2))
    assert rule.mde_more_trials == pytest.approx(
        smallest_detectable(math.sqrt((0.08 + 0.08 / 5) / 100), alpha=0.05, power=0.8, margin=0.02)
    )


def test_two_runs_tell_as_the_gate_would(tmp_path: Path) -> None:
    """On the stored samples themselves the figure is the gate's own."""
    first, second = run_of("the baseline", 80), run_of("run 2", 80, flip=9)
    (rule,) = reach(tmp_path, RULE, stored=(first, second), models=[{"id": "m", "provider": "script"}])
    d = [b - a for a, b in zip(first.items[0].values, second.items[0].values, strict=True)]
    claim = judge_difference(Pairing(d, True), margin=0.02, alpha=0.05)
    assert rule.mde == pytest.approx(smallest_detectable(claim.standard_error, alpha=0.05, power=0.8, margin=0.02))
    assert rule.basis == "differences of run 2 from the baseline (100 samples)"
    assert (rule.is_assumed, rule.mde_more_trials) == (False, None)


def test_two_equal_runs_do_not_promise_everything() -> None:
    found = spread_of_stored([each.find("qa.exact", "m") for each in (run_of("a", 80), run_of("b", 80))])
    assert found is not None
    assert found.deviation(1) > 0.1


@pytest.mark.parametrize("right", [0, 100], ids=["none right", "all right"])
def test_one_run_at_the_end_of_the_scale_still_varies(right: int) -> None:
    found = spread_of_stored([run_of("a", right).find("qa.exact", "m")])
    assert found is not None
    assert found.is_assumed
    assert found.deviation(1) > 0.05


def test_runs_that_measured_differently_do_not_pair() -> None:
    old = StoredItems("old", side({f"s{i}": 1.0 for i in range(20)}, measure="other").items)
    found = spread_of_stored([old.find("qa.exact", "m"), run_of("new", 15, 20).find("qa.exact", "m")])
    assert found is not None
    assert found.basis.startswith("one run alone (old)")


def test_levels_vary_as_their_scores_do() -> None:
    assert spread_of_level([], 0.7).deviation(1) == pytest.approx(math.sqrt(0.21))
    found = spread_of_level([run_of("a", 90).find("qa.exact", "m")], 0.7)
    assert found.deviation(1) == pytest.approx(math.sqrt(0.09 * 100 / 99))
    assert assume_spread(0.5).deviation(1) == 0.5


@pytest.mark.parametrize(
    ("detect", "is_too_weak", "has_samples"),
    [(0.3, False, True), (0.1, True, True), (0.02, True, False)],
    ids=["enough", "too few samples", "no more than is tolerated"],
)
def test_detect(tmp_path: Path, detect: float, is_too_weak: bool, has_samples: bool) -> None:
    (rule,) = reach(tmp_path, {**RULE, "detect": detect})
    assert rule.is_too_weak is is_too_weak
    assert (rule.samples_needed is not None) is has_samples
    if rule.samples_needed is not None:
        (again,) = reach(tmp_path, {**RULE, "detect": detect}, rows=rule.samples_needed)
        assert not again.is_too_weak


def test_trials_that_would_do_do(tmp_path: Path) -> None:
    wanted = {**RULE, "detect": 0.1}
    (rule,) = reach(tmp_path, wanted)
    assert rule.trials_needed is not None
    evaluation = {"name": "qa", "dataset": "qa", "trials": rule.trials_needed}
    (again,) = reach(tmp_path, wanted, evaluations=[evaluation])
    assert not again.is_too_weak
    (fewer,) = reach(tmp_path, wanted, evaluations=[{**evaluation, "trials": rule.trials_needed - 1}])
    assert fewer.is_too_weak


@pytest.mark.parametrize(
    ("flip", "within", "says"),
    [
        pytest.param(30, 0.2, " trials on both sides", id="trials do"),
        pytest.param(
            30, 0.001, "; 100 trials would not do, so much do the samples themselves differ", id="items differ"
        ),
        pytest.param(30, None, "0 samples", id="noise not known"),
    ],
)
def test_what_is_enough_in_words(tmp_path: Path, flip: int, within: float | None, says: str) -> None:
    """Two stored runs tell: how much their items differ, and how much of that is between trials."""
    runs = [run_of("a", 80, trials=2), run_of("b", 80, flip=flip, trials=2)]
    stored = tuple(StoredItems(r.name, [dataclasses.replace(each, within=within) for each in r.items]) for r in runs)
    evaluation = {"name": "qa", "dataset": "qa", "trials": 2}
    (rule,) = reach(tmp_path, {**RULE, "detect": 0.1}, stored=stored, evaluations=[evaluation])
    assert rule.is_too_weak
    assert rule.enough.endswith(says)
    (open_rule,) = reach(tmp_path, RULE, stored=stored, evaluations=[evaluation])
    assert (open_rule.enough, open_rule.enough_to_pass.startswith("about ")) == ("", True)
    assert open_rule.samples_to_pass > 100


def test_another_reducer_than_the_mean_gains_nothing_known_from_trials(tmp_path: Path) -> None:
    (rule,) = reach(tmp_path, RULE, evaluations=[{"name": "qa", "dataset": "qa", "trials": 3, "reduce": "majority"}])
    assert rule.mde_more_trials is None


def test_a_family_shares_alpha_and_facts_are_not_in_it(tmp_path: Path) -> None:
    facts = [{"metric": "error_rate", "max": 0.1}, {"metric": "qa.exact", "min": 0.5, "strict_point": True}]
    rules = reach(tmp_path, RULE, {"metric": "qa.exact", "max_drop": 0.02, "slice": "half=*", "name": "halves"}, *facts)
    assert [(rule.rule, rule.slice, rule.samples) for rule in rules] == [
        ("qa.exact", None, 100),
        ("halves", "half=h0", 50),
        ("halves", "half=h1", 50),
        ("error_rate", None, 0),
        ("qa.exact", None, 100),
    ]
    assert {rule.family for rule in rules} == {3}
    assert rules[0].alpha == pytest.approx(0.05 / 3)
    assert [rule.mde is None for rule in rules] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({**RULE, "model": "z*"}, "no model of the plan matches 'z\\*'"),
        ({**RULE, "metric": "qa.exakt"}, "no metric of that name.*did you mean 'qa.exact'"),
        ({**RULE, "slice": "half=h9"}, "no sample of qa is in slice 'half=h9'"),
    ],
    ids=["model", "metric", "slice"],
)
def test_what_fits_nothing_is_refused(tmp_path: Path, rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        reach(tmp_path, rule)
