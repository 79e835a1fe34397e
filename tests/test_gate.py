import dataclasses
import math

import pytest

from evalkit.errors import ConfigError, ExitCode
from evalkit.gate_words import check_line, describe_gate, gate_sentence, weakness_line
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import smallest_detectable
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.verdicts import Verdict, judge_difference
from evalkit.stored_items import MetricItems
from tests.gating import MEASURE, cell, check, gate, items, share

DROP = {"metric": "qa.exact", "max_drop": 0.02}
FAIL, PASS, OPEN = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("rule", "right", "was", "verdict"),
    [
        (DROP, 150, 190, FAIL),
        (DROP, 190, 150, PASS),
        (DROP, 187, 190, OPEN),
        ({"metric": "qa.exact", "min": 0.9}, 150, 150, FAIL),
        ({"metric": "qa.exact", "min": 0.9}, 197, 150, PASS),
        ({"metric": "qa.exact", "min": 0.9}, 181, 150, OPEN),
        ({"metric": "qa.exact", "max": 0.5}, 150, 150, FAIL),
        ({"metric": "qa.exact", "max": 0.5}, 60, 150, PASS),
        ({"metric": "qa.exact", "max": 0.5}, 99, 150, OPEN),
        ({"metric": "qa.exact", "min": 0.9, "strict_point": True}, 179, 150, FAIL),
        ({"metric": "qa.exact", "min": 0.9, "strict_point": True}, 180, 150, PASS),
        ({**DROP, "strict_point": True}, 186, 190, PASS),
        ({**DROP, "strict_point": True}, 185, 190, FAIL),
    ],
)
def test_a_rule_on_two_hundred_samples(rule: dict[str, object], right: int, was: int, verdict: Verdict) -> None:
    found = check(rule, new=[items(share(right, 200))], old=[items(share(was, 200))])
    assert found.verdict is verdict
    assert found.items == 200


@pytest.mark.parametrize(("n", "verdict"), [(115, OPEN), (116, PASS)])
def test_two_identical_runs_pass_from_116_items(n: int, verdict: Verdict) -> None:
    assert check(DROP, new=[items(share(n, n))], old=[items(share(n, n))]).verdict is verdict


def test_one_claim_is_the_interval_rule() -> None:
    new, old = items(share(180, 200)), items(share(190, 200))
    found = check(DROP, new=[new], old=[old])
    d = [a - b for a, b in zip(new.values, old.values, strict=True)]
    claim = judge_difference(Pairing(d, is_binary=True), margin=0.02, alpha=0.05)
    assert (found.verdict, found.lower, found.upper, found.p_raw) == (claim.verdict, claim.lower, claim.upper, claim.p)
    assert found.p_adjusted == claim.p


def test_many_claims_are_adjusted_and_facts_are_not_among_them() -> None:
    new, old = [items(share(178, 200))], [items(share(190, 200))]
    assert check(DROP, new=new, old=old).verdict is FAIL
    weak = {"metric": "qa.exact", "min": 0.1}
    found = gate(DROP, *[weak] * 20, {"metric": "error_rate", "max": 0.5}, new=new, old=old, cells=[cell()])
    assert found.family == 21
    assert found.checks[0].verdict is OPEN
    assert "not among 21 claims" in found.checks[0].reason
    assert found.checks[0].p_adjusted == pytest.approx(21 * found.checks[0].p_raw)


def test_lower_is_better_turns_the_difference_round() -> None:
    new, old = items(share(60, 200), higher_is_better=False), items(share(20, 200), higher_is_better=False)
    worse, better = check(DROP, new=[new], old=[old]), check(DROP, new=[old], old=[new])
    assert (worse.verdict, better.verdict) == (FAIL, PASS)
    assert worse.estimate == pytest.approx(0.2)
    assert worse.lower < worse.estimate < worse.upper


class TestMissing:
    def test_a_few_that_could_turn_a_verdict_leave_it_open(self) -> None:
        right = [*share(188, 196), *[None] * 4]
        sure = check(DROP, new=[items(share(193, 200))], old=[items(share(190, 200))], max_missing=0.02)
        found = check(DROP, new=[items(right)], old=[items([*share(186, 196), *[1.0] * 4])], max_missing=0.02)
        assert sure.verdict is PASS
        assert found.verdict is OPEN
        assert "missing data: 4 of 200" in found.reason
        assert found.missing == 4

    def test_a_fail_that_stands_whatever_they_were_is_a_fail(self) -> None:
        found = check(DROP, new=[items([*share(140, 196), *[None] * 4])], old=[items(share(190, 200))])
        assert found.verdict is FAIL

    def test_above_max_missing_nothing_is_decided(self) -> None:
        found = check(DROP, new=[items([*share(140, 195), *[None] * 5])], old=[items(share(190, 200))])
        assert found.verdict is OPEN
        assert "max_missing is 2.0%" in found.reason

    def test_missing_on_both_sides_is_dropped_from_the_bounds(self) -> None:
        hole = [*share(190, 198), None, None]
        found = check({**DROP, "max_drop": 0.03}, new=[items(hole)], old=[items(hole)])
        assert found.verdict is PASS

    def test_everything_missing(self) -> None:
        found = check(DROP, new=[items([None] * 50)], old=[items(share(50, 50))])
        assert found.verdict is OPEN
        assert "no sample has a score" in found.reason

    def test_a_level(self) -> None:
        rule = {"metric": "qa.exact", "min": 0.9}
        assert check(rule, new=[items(share(195, 200))]).verdict is PASS
        assert check(rule, new=[items([*share(186, 196), *[None] * 4])]).verdict is OPEN


class TestRefused:
    def test_another_measure(self) -> None:
        old = items(share(9, 10), measure={**MEASURE, "digest": "m2", "reducer": "majority"})
        with pytest.raises(ConfigError, match=r"measured qa\.exact differently: reducer majority → mean"):
            gate(DROP, new=[items(share(9, 10))], old=[old])

    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            ({**DROP, "metric": "qa.exct"}, "no metric of that name; did you mean 'qa.exact'"),
            ({**DROP, "model": "b*"}, r"no model of the run matches 'b\*'"),
            ({**DROP, "slice": "topic=law"}, "no sample of qa is in slice 'topic=law'; it has topic=art"),
        ],
    )
    def test_what_nothing_fits(self, rule: dict[str, object], message: str) -> None:
        new = items(share(9, 10), slices={"topic": {"art": range(10)}})
        with pytest.raises(ConfigError, match=message):
            gate(rule, new=[new], old=[items(share(9, 10))])

    def test_no_baseline_no_such_model_and_too_few_pairs(self) -> None:
        new = [items(share(9, 10)), items(share(9, 10), "b")]
        with pytest.raises(ConfigError, match="needs a baseline"):
            gate(DROP, new=new)
        with pytest.raises(ConfigError, match=r"the baseline has no qa\.exact of b"):
            gate(DROP, new=new, old=[items(share(9, 10)), items(share(9, 10), "c")])
        with pytest.raises(ConfigError, match="only 5 of 10 samples of qa pair"):
            gate(DROP, new=[items(share(5, 5))], old=[items(share(9, 10))])

    def test_no_rules(self) -> None:
        with pytest.raises(ConfigError, match="no rules"):
            gate(new=[items(share(9, 10))])


def test_samples_pair_by_id_and_content_in_any_order() -> None:
    old = items(share(190, 200))
    turned = items(list(reversed(share(190, 200))), ids=tuple(reversed(old.ids)), digests=tuple(reversed(old.digests)))
    found = check(DROP, new=[turned], old=[old])
    assert (found.estimate, found.verdict, found.items) == (0.0, PASS, 200)


def test_one_model_pairs_with_one_model_whatever_they_are_called() -> None:
    assert check(DROP, new=[items(share(9, 10), "new")], old=[items(share(9, 10), "old")]).items == 10


def test_a_slice_is_held_by_its_own_samples() -> None:
    new = items([*share(100, 100), *share(40, 100)], slices={"topic": {"art": range(100), "law": range(100, 200)}})
    old = items([1.0] * 200)
    found = gate({**DROP, "slice": "topic=*"}, new=[new], old=[old])
    assert [(each.slice, each.verdict, each.items) for each in found.checks] == [
        ("topic=art", OPEN, 100),
        ("topic=law", FAIL, 100),
    ]


def test_groups_are_the_independent_units() -> None:
    groups = [n // 40 for n in range(200)]
    alone = check(DROP, new=[items(share(160, 200))], old=[items(share(190, 200))])
    grouped = check(DROP, new=[items(share(160, 200), clusters=groups)], old=[items(share(190, 200))])
    assert (alone.verdict, grouped.verdict) == (FAIL, OPEN)
    assert grouped.clusters == 5


@pytest.mark.parametrize(
    ("metric", "limit", "given", "verdict"),
    [
        ("error_rate", 0.02, {"outcomes": {"infra_error": 3}}, FAIL),
        ("error_rate", 0.03, {"outcomes": {"infra_error": 3}}, PASS),
        ("error_rate", 0.02, {"outcomes": {"infra_error": 1, "not_run": 5}}, OPEN),
        ("error_rate", 0.02, {"outcomes": {"rejected": 3, "not_run": 5}}, FAIL),
        ("truncation_rate", 0.1, {"outcomes": {"truncated": 11}}, FAIL),
        ("cost_usd", 0.4, {}, FAIL),
        ("cost_usd", 0.5, {}, PASS),
        ("cost_usd", 0.6, {"outcomes": {"not_run": 1}}, OPEN),
        ("cost_usd", 0.6, {"cost_usd": None}, OPEN),
        ("tokens", 999, {}, FAIL),
        ("tokens", 1000, {}, PASS),
        ("latency_p95_s", 1.0, {}, FAIL),
        ("latency_p95_s", 2.5, {}, OPEN),
        ("latency_p95_s", 3.0, {}, PASS),
    ],
)
def test_a_fact_of_the_run(metric: str, limit: float, given: dict[str, object], verdict: Verdict) -> None:
    found = check({"metric": metric, "max": limit}, new=[items(share(9, 10))], cells=[cell(**given)])
    assert found.verdict is verdict
    assert found.p_raw is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(
            {"trials": 3},
            "3 trials of one sample are no independent calls, so these 900 bound no p95; 1 trial of 72 samples or more "
            "would",
            id="trials",
        ),
        pytest.param({"trials": 1}, "40 calls of qa/a are too few to bound p95 from above; 72 or more would", id="few"),
    ],
)
def test_a_latency_without_a_bound_says_what_run_would_have_one(given: dict[str, object], reason: str) -> None:
    slow = {"p50": 0.1, "p95": 0.2, "p95_lower": None, "p95_upper": None, "n": 900 if given["trials"] == 3 else 40}
    found = check(
        {"metric": "latency_p95_s", "max": 5}, new=[items(share(9, 10))], cells=[cell(latency_s=slow, **given)]
    )
    assert (found.verdict, found.reason) == (OPEN, reason)


def test_p95_is_bounded_from_the_number_of_calls_that_is_told() -> None:
    assert quantile_interval([0.1] * 71, 0.95, confidence=0.95).upper is None
    assert quantile_interval([0.1] * 72, 0.95, confidence=0.95).upper is not None


@pytest.mark.parametrize(
    ("costs", "limit", "verdict"),
    [
        ([0.01, 0.02] * 50, 0.02, PASS),
        ([0.01, 0.02] * 50, 0.01, FAIL),
        ([0.01, 0.02] * 50, 0.0151, OPEN),
        ([0.01] * 99, 0.02, OPEN),
        ([0.01] * 99 + [math.nan], 0.02, OPEN),
    ],
    ids=["pass", "fail", "between", "a sample without calls", "unknown"],
)
def test_the_cost_of_a_sample_by_its_bound(costs: list[float], limit: float, verdict: Verdict) -> None:
    rule = {"metric": "cost_per_sample_usd", "max": limit}
    found = check(rule, new=[items(share(9, 10))], cells=[cell()], costs={"qa/a": costs})
    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("severity", "right", "policy", "verdict", "code"),
    [
        ("fail", 150, "warn", FAIL, ExitCode.GATE_FAILED),
        ("warn", 150, "fail", PASS, ExitCode.DONE),
        ("fail", 187, "warn", OPEN, ExitCode.DONE),
        ("fail", 187, "pass", OPEN, ExitCode.DONE),
        ("fail", 187, "fail", OPEN, ExitCode.INCONCLUSIVE),
        ("warn", 187, "fail", PASS, ExitCode.DONE),
        ("fail", 200, "fail", PASS, ExitCode.DONE),
    ],
)
def test_the_exit_code(severity: str, right: int, policy: str, verdict: Verdict, code: ExitCode) -> None:
    rule = {**DROP, "severity": severity}
    found = gate(rule, new=[items(share(right, 200))], old=[items(share(190, 200))], on_inconclusive=policy)
    assert (found.verdict, found.exit_code) == (verdict, code)


def test_the_line_says_what_was_seen_and_what_could_have_been() -> None:
    new = items([1.0] * 181 + [0.0] * 12 + [1.0] * 5 + [0.0] * 2)
    old = items([1.0] * 193 + [0.0] * 7)
    found = gate({**DROP, "detect": 0.04}, new=[new], old=[old])
    assert check_line(found.checks[0], found) == (
        "INCONCLUSIVE qa.exact: -0.035 [-0.070, +0.001] (one-sided 95% bounds; margin 0.020; 200 items x 1 trial; "
        "p 0.25). This run would notice a drop of 0.073 (power 80%). To detect 0.040: about 1,500 items."
    )
    assert (
        gate_sentence(found)
        == "INCONCLUSIVE: nothing is proven to fail, and the one check cannot be decided: qa.exact."
    )
    block = describe_gate(found)["checks"][0]
    wanted = "verdict estimate lower upper alpha p_raw p_adj n_items n_clusters trials n_missing_infra n_missing_model"
    assert set(f"{wanted} margin mde n_needed method seed looks".split()) <= block.keys()


def noisy(moved: float, within: float | None) -> MetricItems:
    """Return 200 items of 0.5, a part of them moved by a half, from two trials: graded, so that the plain t is read."""
    values = [(0.0 if n % 4 else 1.0) if n % 2 == 0 and n % 10 >= 10 - 10 * moved else 0.5 for n in range(200)]
    return items(values, kind="graded", trials=2, repeats=2, within=within)


@pytest.mark.parametrize(
    ("within", "rule", "said"),
    [
        pytest.param(
            0.05, {"detect": 0.05}, "To detect 0.050: about 350 items or 4 trials on both sides.", id="detect"
        ),
        pytest.param(0.05, {}, "To pass where nothing changed: about 780 items or 8 trials on both sides.", id="pass"),
        pytest.param(
            0.02,
            {"detect": 0.05},
            "To detect 0.050: about 350 items; 100 trials would not do, so much do the items themselves differ.",
            id="items differ",
        ),
        pytest.param(None, {"detect": 0.05}, "To detect 0.050: about 350 items.", id="noise not known"),
    ],
)
def test_more_trials_are_advised_where_they_do(within: float | None, rule: dict[str, float], said: str) -> None:
    found = gate({**DROP, **rule}, new=[noisy(0.4, within)], old=[noisy(0.0, within)])
    assert check_line(found.checks[0], found).endswith(said)


def test_the_trials_advised_are_enough_and_fewer_are_not() -> None:
    """With them the standard error is what the formula of the variance's parts says, and the reach is `detect`."""
    within = 0.04
    (seen,) = gate({**DROP, "detect": 0.05}, new=[noisy(0.4, within)], old=[noisy(0.0, within)]).checks
    assert seen.trials_needed is not None
    assert seen.standard_error is not None
    between = seen.standard_error**2 * 200 - 2 * within / 2

    def reach(trials: float) -> float:
        error = math.sqrt((between + 2 * within / trials) / 200)
        return smallest_detectable(error, alpha=0.05, power=0.8, margin=0.02)

    assert reach(seen.trials_needed) <= 0.05 < reach(seen.trials_needed - 1)
    described = describe_gate(gate({**DROP, "detect": 0.05}, new=[noisy(0.4, 0.02)], old=[noisy(0.0, 0.02)]))
    assert described["checks"][0]["trials_needed"] is None


def test_a_slice_says_nothing_of_trials() -> None:
    """The noise between trials is that of all samples: of a part of them nothing tells."""
    part = {"half": {"even": range(0, 200, 2)}}
    new, old = (dataclasses.replace(noisy(flip, 0.04), slices=part) for flip in (0.4, 0.0))
    (found,) = gate({**DROP, "detect": 0.05, "slice": "half=even"}, new=[new], old=[old]).checks
    assert (found.trials_needed, found.trials_to_pass) == (None, None)


def test_several_models_are_named() -> None:
    both = [items(share(150, 200)), items(share(190, 200), "b")]
    old = [items(share(190, 200)), items(share(190, 200), "b")]
    found = gate({**DROP, "name": "no worse"}, new=both, old=old)
    assert gate_sentence(found) == "FAIL: 1 of 2 checks is proven to fail: no worse, a."


@pytest.mark.parametrize(
    ("rule", "right", "ends"),
    [
        pytest.param({"min": 1.0}, 200, "This run would notice a shortfall of 0.0080 (power 80%).", id="all right"),
        pytest.param({"max": 0.0}, 0, "This run would notice an excess of 0.0080 (power 80%).", id="none right"),
        pytest.param(
            {"min": 0.01},
            10,
            "Not even a score of 0 would be proven to lie below 0.01 (power 80%).",
            id="too low to miss",
        ),
        pytest.param(
            {"max": 0.99},
            190,
            "Not even a score of 1 would be proven to lie above 0.99 (power 80%).",
            id="too high to pass over",
        ),
        pytest.param({"min": 0.0}, 10, "Not even a score of 0 would be proven to lie below 0 (power 80%).", id="zero"),
    ],
)
def test_a_level_s_reach_in_words(rule: dict[str, float], right: int, ends: str) -> None:
    found = gate({"metric": "qa.exact", **rule}, new=[items(share(right, 200))])
    assert check_line(found.checks[0], found).endswith(ends)


def test_the_reach_of_a_level_rests_on_what_its_groups_are_worth() -> None:
    """50 groups whose answers hardly agree are worth far more than 50 samples, those that agree no more than that."""
    rule = {"metric": "qa.exact", "min": 0.85}
    mixed = check(rule, new=[items([float(n % 7 > 0) for n in range(300)], clusters=[n % 50 for n in range(300)])])
    agreeing = [float(n // 6 % 6 > 0) for n in range(300)]
    alike = check(rule, new=[items(agreeing, clusters=[n // 6 for n in range(300)])])
    plain = check(rule, new=[items(agreeing)])
    assert mixed.mde is not None
    assert alike.mde is not None
    assert plain.mde is not None
    assert mixed.mde < 1.1 * plain.mde
    assert alike.mde > 2 * plain.mde


def test_too_few_groups_to_judge_have_no_reach() -> None:
    few = items(share(90, 100), clusters=[n % 4 for n in range(100)])
    judged = gate({"metric": "qa.exact", "min": 0.85, "detect": 0.1}, new=[few])
    (found,) = judged.checks
    assert (found.verdict, found.mde, found.is_blind, found.is_too_weak) == (OPEN, None, True, True)
    assert found.reason == "100 samples in 4 groups are too few to judge"
    assert weakness_line(found, judged) == (
        "gate rule qa.exact must notice 0.1 and not even a score of 0 would be proven to lie below 0.85: "
        "that needs 5 groups or more; raise detect, or say --allow qa.exact"
    )


def test_a_level_says_how_many_trials_would_do() -> None:
    rule = {"metric": "qa.exact", "min": 0.9, "detect": 0.045}
    scores = [0.0 if n % 20 == 0 else 0.5 if n % 10 == 1 else 1.0 for n in range(200)]
    found = gate(rule, new=[items(scores, trials=2, repeats=2, within=0.05)])
    (seen,) = found.checks
    assert seen.is_too_weak
    assert weakness_line(seen, found).count(" trials;") == 1
    assert "on both sides" not in weakness_line(seen, found)
