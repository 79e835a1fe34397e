"""Numbers by value, exactly or within a tolerance; the published GSM8K verdicts come out."""

import json

import pytest

from evalkit.errors import ConfigError
from tests.scorers.scoring_by import DATA, bind, scored


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        pytest.param({}, "18", "so 2*9 = <<2*9=18>>18\nA: 18", 1, id="last"),
        pytest.param({}, "she has 3\n#### 18", "It is 18.00 dollars.", 1, id="gsm8k-target"),
        pytest.param({}, 70000, "$70,000", 1, id="currency-and-commas"),
        pytest.param({}, 18, "18 apples and 3 pears", 0, id="last-wins"),
        pytest.param({}, "0.75", "3/4", 1, id="fraction"),
        pytest.param({}, 45, "45%", 1, id="percent-is-a-unit"),
        pytest.param({}, -5, "\u22125", 1, id="minus-sign"),
        pytest.param({}, 10**40 + 1, str(10**40 + 1), 1, id="huge-equal"),
        pytest.param({}, 10**40 + 1, str(10**40), 0, id="huge-by-one"),
        pytest.param({}, 0.1, "0.1", 1, id="float"),
        pytest.param({}, 0.1, "0.10000000000000001", 0, id="float-not-quite"),
        pytest.param({}, [3, "4"], "4", 1, id="alternatives"),
        pytest.param({"abs_tolerance": 0.01}, 3.14159, "3.15", 1, id="abs-within"),
        pytest.param({"abs_tolerance": 0.01}, 3.14, "3.15", 1, id="abs-at-the-edge"),
        pytest.param({"abs_tolerance": 0.01}, 3.14, "3.1500001", 0, id="abs-beyond"),
        pytest.param({"rel_tolerance": 0.01}, -200, "-202", 1, id="rel-at-the-edge"),
        pytest.param({"rel_tolerance": 0.01}, -200, "-203", 0, id="rel-beyond"),
        pytest.param({"abs_tolerance": 1}, 5, "1e999999", 0, id="tolerance-and-huge"),
        pytest.param({"decimal_comma": True}, "1.234,5", "1.234,5 EUR", 1, id="decimal-comma"),
        pytest.param({"decimal_comma": True}, 1.5, "1,5", 1, id="decimal-comma-number-target"),
        pytest.param({}, 18, "eighteen", None, id="no-number"),
        pytest.param({}, 15, "1,5", None, id="ambiguous"),
        pytest.param({}, 1937, "12/25/1937", None, id="date"),
        pytest.param({}, 7, "16-9", None, id="uncomputed"),
    ],
)
async def test_values(options, target, text, value):
    score = await scored(bind(use="numeric", **options), target, text)
    assert score.value == value
    assert score.outcome == ("scored" if value is not None else "no_answer")


@pytest.mark.parametrize("target", [None, "none", "12/25/1937", True], ids=repr)
async def test_a_target_without_a_number_is_a_scorer_error(target):
    assert (await scored(bind(use="numeric"), target, "1")).outcome == "scorer_error"


@pytest.mark.parametrize("options", [{"abs_tolerance": -1}, {"rel_tolerance": -0.1}, {"abs_tol": 1}], ids=str)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        bind(use="numeric", **options)


@pytest.mark.parametrize(
    ("system", "right"),
    [("6b_finetuning", 286), ("6b_verification", 515), ("175b_finetuning", 458), ("175b_verification", 742)],
)
async def test_published_verdicts_come_out(system, right):
    path = DATA / "gsm8k" / "example_model_solutions.jsonl"
    if not path.is_file():
        pytest.skip("the shared data are not beside this checkout")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    bound = bind(use="numeric")
    agreed = verdicts = 0
    for row in rows:
        is_right = (await scored(bound, row["ground_truth"], row[system]["solution"])).value == 1.0
        agreed += is_right == row[system]["is_correct"]
        verdicts += is_right
    assert (agreed, len(rows), verdicts) == (1319, 1319, right)
