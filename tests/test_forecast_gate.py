"""What each gate rule could notice, and what it rests on."""

import dataclasses
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cli.weak_rules import complaint
from evalkit.config.gates import GateSpec
from evalkit.errors import ConfigError
from evalkit.forecast_gate import RulePower, forecast_gate
from evalkit.forecast_level import enough_for_level, level_basis, reach_of_level
from evalkit.forecast_spread import FoundItems, StoredItems, assume_spread, spread_of_stored
from evalkit.stats.level_power import LevelTest
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import MOST_TRIALS, smallest_detectable
from evalkit.stats.verdicts import judge_difference
from evalkit.stored_items import MetricItems

from .comparing import side
from .gating import check, gate, items
from .plans import plan_of

RULE = {"metric": "qa.exact", "max_drop": 0.02}


def reach(folder: Path, *rules: dict[str, Any], stored: tuple[StoredItems, ...] = (), **more: Any) -> list[RulePower]:
    spec = GateSpec.model_validate({"rules": list(rules)})
    return list(forecast_gate(plan_of(folder, **more), spec, stored, score=0.8))


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


def test_the_spread_is_that_of_the_score_that_is_assumed() -> None:
    assert assume_spread(0.5).deviation(1) == 0.5


def level_items(n: int, *, groups: int | None, trials: int, right: float, kind: str = "binary") -> MetricItems:
    """Return seeded scores that agree within groups, and that trials of one item make differ."""
    rng = random.Random(f"{n} {groups} {trials} {right}")
    shares = [rng.betavariate(4 * right, 4 * (1 - right)) for _ in range(groups or n)]
    names = None if groups is None else [place % groups for place in range(n)]
    scores = [sum(rng.random() < shares[place % len(shares)] for _ in range(trials)) / trials for place in range(n)]
    noise = None if trials == 1 else sum(x * (1 - x) for x in scores) / n * trials / (trials - 1)
    return items(scores, "m", clusters=names, trials=trials, repeats=trials, within=noise, kind=kind)


CLAIMS = [{"min": 0.85}, {"min": 0.99}, {"min": 1.0}, {"max": 0.1}, {"max": 0.0}, {"min": 0.01}]


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([60, 180, 300]),
    st.sampled_from([(None, 1), (12, 1), (50, 1), (None, 3), (50, 3)]),
    st.floats(0.55, 0.95),
    st.sampled_from(CLAIMS),
)
def test_gate_and_plan_tell_one_reach_of_the_same_scores(
    n: int, shape: tuple[int | None, int], right: float, claim: dict[str, float]
) -> None:
    """Of a level, whatever its groups and trials: what the gate could have noticed is what the plan foretells."""
    groups, trials = shape
    seen = level_items(n, groups=groups, trials=trials, right=right)
    told = check({"metric": "qa.exact", "detect": 0.03, **claim}, new=[seen])
    ((kind, limit),) = claim.items()
    test = LevelTest(limit if kind == "min" else 1.0 - limit, 0.05, 0.8)
    basis = level_basis([FoundItems("run 1", seen)], n, trials)
    foretold = reach_of_level(basis, test, samples=n, trials=trials, more=6)
    foretold |= enough_for_level(basis, test, 0.03, samples=n, trials=trials)
    assert (foretold["mde"] is None) is (told.mde is None)
    assert foretold["mde"] is None or foretold["mde"] == pytest.approx(told.mde, rel=1e-9)
    assert foretold["is_blind"] is told.is_blind
    assert foretold["samples_needed"] == told.items_needed
    most = told.trials_needed if told.trials_needed is not None and told.trials_needed <= MOST_TRIALS else None
    assert foretold["trials_needed"] == most


def test_the_plan_of_a_config_tells_what_its_gate_does(tmp_path: Path) -> None:
    seen = level_items(120, groups=30, trials=3, right=0.8)
    rules = ({"metric": "qa.exact", "min": 0.75, "detect": 0.05}, {"metric": "qa.exact", "max": 0.9, "name": "most"})
    evaluation = {"name": "qa", "dataset": "qa", "trials": 3}
    models = [{"id": "m", "provider": "script"}]
    stored = (StoredItems("run 1", [seen]),)
    foretold = reach(tmp_path, *rules, stored=stored, rows=120, evaluations=[evaluation], models=models)
    told = gate(*rules, new=[seen]).checks
    assert [rule.mde for rule in foretold] == pytest.approx([each.mde for each in told])
    assert foretold[0].samples_needed == told[0].items_needed
    assert [rule.basis for rule in foretold] == ["scores of run 1 (120 samples)"] * 2


def test_without_any_run_a_level_is_counted_over_independent_samples(tmp_path: Path) -> None:
    (rule,) = reach(tmp_path, {"metric": "qa.exact", "min": 1.0})
    assert rule.mde == pytest.approx(1 - 0.2 ** (1 / 100))
    assert rule.mde_twice_samples == pytest.approx(1 - 0.2 ** (1 / 200))
    assert rule.is_assumed
    assert rule.mde_more_trials is None
    assert "assumed to be independent" in rule.basis


def test_a_plan_of_other_size_takes_what_a_stored_run_tells(tmp_path: Path) -> None:
    """300 stored samples in 50 groups: 100 planned ones are worth a third of them, and more trials help a little."""
    seen = level_items(300, groups=50, trials=3, right=0.8)
    stored = (StoredItems("run 1", [seen]),)
    evaluation = {"name": "qa", "dataset": "qa", "trials": 3}
    rule = {"metric": "qa.exact", "min": 0.8}
    one = {"rows": 100, "evaluations": [evaluation], "models": [{"id": "m", "provider": "script"}]}
    (small,) = reach(tmp_path, rule, stored=stored, **one)
    (whole,) = reach(tmp_path, rule, stored=stored, **{**one, "rows": 300})
    assert small.mde / whole.mde == pytest.approx(math.sqrt(3), rel=0.15)
    assert whole.mde_twice_samples < whole.mde_more_trials < whole.mde


def test_a_level_that_nothing_could_prove_is_too_weak(tmp_path: Path) -> None:
    rule = {"metric": "qa.exact", "min": 0.01, "detect": 0.005}
    (found,) = reach(tmp_path, rule)
    assert (found.mde, found.is_blind, found.is_too_weak) == (None, True, True)
    assert found.samples_needed is not None
    assert complaint(found) == (
        "gate rule qa.exact (m) must notice 0.005 and not even a score of 0 would be proven to lie below 0.01 "
        f"({found.basis}): that needs {found.enough}; raise detect, or say --allow qa.exact"
    )


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
