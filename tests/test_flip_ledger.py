"""What a sample's nights come to, by the rule's words."""

import dataclasses
import json
import random

import pytest

from evalkit.flip_ledger import SampleState, make_ledger
from evalkit.flip_rule import FlipRule
from tests.trending import by_sample, night, past_metric, past_series, score_rows

NIGHTS = 14


def _state(nights: str, **rule: int) -> SampleState:
    series = past_series([past_metric(place) for place in range(len(nights))])
    ledger = make_ledger(series, by_sample({"s": nights}), rule=FlipRule(nights=len(nights), **rule))
    (record,) = ledger.samples
    return record.state


@pytest.mark.parametrize(
    ("nights", "state"),
    [
        pytest.param("11111111111111", SampleState.STABLE_PASS, id="always right"),
        pytest.param("00000000000000", SampleState.STABLE_FAIL, id="always wrong"),
        pytest.param("11111111111100", SampleState.NEW_FAILURE, id="two nights running"),
        pytest.param("11110111111100", SampleState.NEW_FAILURE, id="one bad night long before does not excuse it"),
        pytest.param("11111000000000", SampleState.NEW_FAILURE, id="right for five nights before"),
        pytest.param("11111111111111110000000000", SampleState.NEW_FAILURE, id="wrong for ten nights is still new"),
        pytest.param("11111111111111100000000000", SampleState.STABLE_FAIL, id="wrong for eleven nights is not"),
        pytest.param("00111111111111", SampleState.STABLE_PASS, id="right again for long"),
        pytest.param("11110000000000", SampleState.STABLE_FAIL, id="right for four nights only"),
        pytest.param("11111111111110", SampleState.FAILING, id="one bad night is not stable"),
        pytest.param("11111111111011", SampleState.STABLE_PASS, id="one bad night, over"),
        pytest.param("11111111110011", SampleState.RECOVERED, id="a stable failure, over"),
        pytest.param("00000000000011", SampleState.RECOVERED, id="right at last"),
        pytest.param("00000000000001", SampleState.STABLE_FAIL, id="right for one night"),
        pytest.param("10101010101010", SampleState.UNSTABLE, id="every night another"),
        pytest.param("11010111010110", SampleState.UNSTABLE, id="flips often"),
        pytest.param("11111101101111", SampleState.UNSTABLE, id="two bad nights, of one sample alone"),
        pytest.param("........111111", SampleState.TOO_FEW, id="six nights"),
        pytest.param("..............", SampleState.TOO_FEW, id="no night"),
        pytest.param(".......1111100", SampleState.NEW_FAILURE, id="seven nights"),
        pytest.param("1111111111.0.0", SampleState.NEW_FAILURE, id="nights without a score are passed over"),
        pytest.param("11111111100...", SampleState.NEW_FAILURE, id="not scored since"),
    ],
)
def test_states(nights: str, state: SampleState) -> None:
    assert _state(nights) is state


def test_a_sample_among_many_must_flip_more_to_be_named() -> None:
    series = past_series([past_metric(place) for place in range(NIGHTS)])
    outcomes = {"two bad nights": "11111101101111"} | {f"s{n}": "1" * NIGHTS for n in range(20)}
    ledger = make_ledger(series, by_sample(outcomes))
    assert [each.sample_id for each in ledger.of(SampleState.UNCLEAR)] == ["two bad nights"]


def test_how_many_nights_make_it_stable_can_be_chosen() -> None:
    assert _state("11111111111100", failing=3) is SampleState.FAILING
    assert _state("11111111111110", failing=1) is SampleState.NEW_FAILURE


def test_new_stable_failures_stand_first_and_the_least_probable_of_them() -> None:
    outcomes = {
        "always": "11111111111111",
        "old": "11111111000000",
        "wild": "10101010101010",
        "fresh": "11111111111100",
        "tonight": "11111111111110",
        "back": "11111111110011",
    }
    series = past_series([past_metric(place) for place in range(NIGHTS)])
    ledger = make_ledger(series, by_sample(outcomes))
    assert [each.sample_id for each in ledger.samples] == ["old", "fresh", "tonight", "wild", "back", "always"]
    old, fresh, tonight = ledger.samples[:3]
    assert old.chance is not None
    assert fresh.chance is not None
    assert tonight.chance is not None
    assert old.chance < fresh.chance < 0.01 < tonight.chance
    assert (fresh.since, fresh.before, fresh.last) == (12, 11, 13)
    assert (fresh.flips, fresh.flip_rate, fresh.streak, fresh.is_right) == (1, 1 / 13, 2, False)
    assert ledger.counts()[SampleState.NEW_FAILURE] == 2
    described = ledger.describe()
    assert (described["samples"][1]["since"], described["samples"][1]["chance"]) == (night(12), fresh.chance)
    assert described["runs"][12] == {"night": night(12), "run_id": "run-0012", "folder": "/reports/nightly/run-0012"}
    json.dumps(described, allow_nan=False)


def test_only_nights_of_the_present_setting_count() -> None:
    points = [past_metric(place, series="one" if place < 4 else "two") for place in range(12)]
    ledger = make_ledger(past_series(points), by_sample({"s": "000011111100"}))
    assert ledger.restarted
    assert [point.run.night for point in ledger.points] == [night(place) for place in range(4, 12)]
    assert ledger.samples[0].state is SampleState.NEW_FAILURE
    assert ledger.samples[0].scores == (1.0,) * 6 + (0.0,) * 2


def test_only_the_last_nights_count() -> None:
    points = [past_metric(place) for place in range(30)]
    rows = by_sample({"s": "0" * 2 + "1" * 28})
    for scores in (rows, rows[-28:]):
        (record,) = make_ledger(past_series(points), scores).samples
        assert (record.nights, record.right) == (28, 28)


def test_samples_are_joined_by_id_whatever_their_order() -> None:
    rows = [*by_sample({"a": "1111111", "b": "0000000"}), *by_sample({"b": "0000000", "c": "1111111", "a": "1111100"})]
    series = past_series([past_metric(place) for place in range(NIGHTS)])
    found = {each.sample_id: each for each in make_ledger(series, rows).samples}
    assert found["a"].state is SampleState.NEW_FAILURE
    assert found["b"].state is SampleState.STABLE_FAIL
    assert found["c"].nights == 7
    assert found["c"].scores[:7] == (None,) * 7


def test_lower_may_be_better() -> None:
    series = past_series([past_metric(place, higher_is_better=False) for place in range(NIGHTS)])
    rows = score_rows([[0.1]] * 12 + [[0.9]] * 2)
    assert make_ledger(series, rows).samples[0].state is SampleState.NEW_FAILURE


def test_graded_scores_are_right_from_a_level_on() -> None:
    series = past_series([past_metric(place, kind="graded") for place in range(NIGHTS)])
    rows = score_rows([[0.8]] * 12 + [[0.6]] * 2)
    assert make_ledger(series, rows).samples[0].state is SampleState.STABLE_PASS
    assert make_ledger(series, rows, rule=FlipRule(pass_at=0.7)).samples[0].state is SampleState.NEW_FAILURE


def test_quarantined_samples_are_left_out_and_told() -> None:
    series = past_series([past_metric(place) for place in range(NIGHTS)])
    rows = by_sample({"a": "1" * 14, "b": "10" * 7})
    ledger = make_ledger(series, rows, left_out=frozenset({"b"}), set_aside="1 of 2 samples")
    assert [each.sample_id for each in ledger.samples] == ["a"]
    assert (ledger.describe()["quarantined"], ledger.describe()["set_aside"]) == (["b"], "1 of 2 samples")


def test_a_metric_whose_samples_flip_takes_more_nights_to_name_one() -> None:
    """One sample is right for 20 nights, then wrong; of the others, none or every tenth answer is."""
    dice = random.Random(5)
    series = past_series([past_metric(place) for place in range(23)])
    for rate, state in ((0.0, SampleState.NEW_FAILURE), (0.1, SampleState.FAILING)):
        others = {f"s{n}": "".join("01"[dice.random() >= rate] for _ in range(23)) for n in range(100)}
        found = make_ledger(series, by_sample({"a": "1" * 21 + "00", **others}))
        assert next(each.state for each in found.samples if each.sample_id == "a") is state


def test_among_many_metrics_a_failure_must_be_less_probable() -> None:
    outcomes = {"a": "11111111111100"} | {f"s{n}": "1" * 14 for n in range(9)}
    series = past_series([past_metric(place) for place in range(NIGHTS)])
    alone, beside = (make_ledger(series, by_sample(outcomes), rule=FlipRule(among=among)) for among in (1, 1000))
    assert [len(each.of(SampleState.NEW_FAILURE)) for each in (alone, beside)] == [1, 0]
    assert [each.sample_id for each in beside.of(SampleState.FAILING)] == ["a"]


def test_the_rule_is_told_with_its_errors() -> None:
    said = " ".join(FlipRule(among=30).sentences())
    assert "wrong on its last 2 to 10 nights" in said
    assert "at 5% shared evenly among 30 metrics: on at least 95% of quiet nights none is named" in said
    assert "Benjamini-Hochberg" in said
    assert "shared" not in " ".join(FlipRule().sentences())
    assert FlipRule() == dataclasses.replace(FlipRule())
