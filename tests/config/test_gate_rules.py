from pathlib import Path

import pytest

from evalkit.config.load import load_config
from tests.config.written import GOOD, errors, load

HEAD = "config.yaml:5:16: gate.rules.0: "
TABLE = {
    "{metric: rows.exact}": "needs exactly one of max_drop, min, max, and has none",
    "{metric: rows.exact, min: 0.1, max: 0.9}": "needs exactly one of max_drop, min, max, and has min and max; "
    "make a rule of each",
}
PLACED = {
    "{metric: rows.exat, min: 0.5}": "no metric is called 'rows.exat'; did you mean 'rows.exact'?",
    "{metric: rows.exact, model: big, min: 0.5}": "no model's label matches 'big'",
    "{metric: error_rate, min: 0.5}": "is for scores; error_rate can only be held to max",
    "{metric: tokens, max_drop: 0.5}": "is for scores; tokens can only be held to max",
    "{metric: tokens, max: 5, slice: a=b}": "is for scores; tokens can only be held to max",
    "{metric: rows.exact, min: 0.5, detect: 0.6}": "goes with max_drop only",
    "{metric: rows.exact, max_drop: 0.1, detect: 0.1}": "must be more than max_drop (0.1), which is tolerated",
    "{metric: rows.exact, max_drop: 0.1, detect: 0.2, strict_point: true}": "cannot be had with strict_point",
    "{metric: rows.exact, max: 1.5}": "must be at most 1, not 1.5",
    "{metric: error_rate, max: 2}": "must be at most 1, not 2",
    "{metric: rows.exact, min: 1.5}": "",
    "{metric: rows.exact, max_drop: -1}": "",
    "{metric: rows.exact, min: 0.5, slice: law}": "must be key=value, such as topic=law, not 'law'",
    "{metric: rows.exact, min: 0.5, severity: no}": "",
}


def gated(*rules: str) -> str:
    return f"{GOOD}gate: {{rules: [{', '.join(rules)}]}}\n"


@pytest.mark.parametrize(("rule", "message"), TABLE.items(), ids=TABLE)
def test_a_rule_makes_exactly_one_claim(tmp_path: Path, rule: str, message: str) -> None:
    assert errors(tmp_path, gated(rule)) == [f"{HEAD}{message}"]


@pytest.mark.parametrize(("rule", "message"), PLACED.items(), ids=PLACED)
def test_nonsense_is_refused_where_it_stands(tmp_path: Path, rule: str, message: str) -> None:
    (line,) = errors(tmp_path, gated(rule))
    assert line.startswith("config.yaml:5:")
    assert message in line


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    rule = "{metric: rows.exact, min: 0.5, name: x}"
    assert "a rule above is called 'x' already" in errors(tmp_path, gated(rule, rule))[0]


@pytest.mark.parametrize(
    "rule",
    [
        "{metric: rows.exact, max_drop: 0.02, detect: 0.1, model: 's*', slice: 'topic=*', severity: warn, name: x}",
        "{metric: rows.exact, min: 0.5, strict_point: true}",
        "{metric: latency_p95_s, max: 12}",
        "{metric: cost_per_sample_usd, max: 0.01}",
    ],
)
def test_a_good_rule(tmp_path: Path, rule: str) -> None:
    assert errors(tmp_path, gated(rule)) == []
    assert load_config(tmp_path / "config.yaml").config.gate is not None


DOUBTS = {
    "{metric: rows.exact, min: 1.0}": "no number of samples proves a mean of 1: this rule can never PASS",
    "{metric: rows.exact, max: 0}": "no number of samples proves a mean of 0: this rule can never PASS",
    "{metric: rows.exact, min: 0}": "holds for every score: this rule can never FAIL",
    "{metric: rows.exact, max: 1.0, strict_point: true}": "holds for every score: this rule can never FAIL",
    "{metric: rows.exact, min: 1.0, strict_point: true}": None,
    "{metric: rows.exact, min: 0.99}": None,
    "{metric: error_rate, max: 0}": None,
    "{metric: rows.exact, max_drop: 0}": None,
}


@pytest.mark.parametrize(("rule", "message"), DOUBTS.items(), ids=DOUBTS)
def test_a_rule_that_can_end_in_one_way_only_is_a_warning(tmp_path: Path, rule: str, message: str | None) -> None:
    told = [warning.message for warning in load(tmp_path, gated(rule)).warnings]
    assert [line[: len(message or "")] for line in told] == ([message] if message else [])
