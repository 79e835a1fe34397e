"""A match, or a group that is the target."""

import pytest

from evalkit.errors import ConfigError
from tests.scorers.scoring_by import bind, scored


@pytest.mark.parametrize(
    ("options", "target", "text", "value", "outcome"),
    [
        pytest.param({"pattern": r"^\d+$"}, None, "a\n12", 1, "scored", id="match"),
        pytest.param({"pattern": r"^\d+$"}, None, "a 12", 0, "scored", id="no-match"),
        pytest.param({"pattern": "yes", "ignore_case": True}, None, "YES", 1, "scored", id="case"),
        pytest.param({"pattern": r"A: (\w+)", "group": 1}, "Paris", "A: x\nA: paris", 1, "scored", id="last-match"),
        pytest.param({"pattern": r"A: (\w+)", "group": 1}, "Paris", "A: Rome", 0, "scored", id="other-group"),
        pytest.param({"pattern": r"A: (?P<v>\w+)", "group": "v"}, "x", "A: x", 1, "scored", id="named"),
        pytest.param({"pattern": r"A: (\w+)", "group": 1}, "Paris", "Paris", None, "no_answer", id="nothing"),
        pytest.param({"pattern": r"A(b)?", "group": 1}, "b", "A", None, "no_answer", id="group-took-no-part"),
        pytest.param({"pattern": r"x"}, None, "x" * 200_000, None, "scorer_error", id="too-long-is-never-cut"),
    ],
)
async def test_values(options, target, text, value, outcome):
    score = await scored(bind(use="pattern", **options), target, text)
    assert (score.value, score.outcome) == (value, outcome)


@pytest.mark.parametrize("options", [{"pattern": "("}, {"pattern": "(a+)+"}, {"pattern": "a", "group": 1}, {}], ids=str)
def test_a_wrong_option_is_found_before_a_run(options):
    with pytest.raises(ConfigError, match="pattern"):
        bind(use="pattern", **options)


def test_a_target_is_needed_for_a_group_only():
    assert not bind(use="pattern", pattern="a").scorer.needs_target
    assert bind(use="pattern", pattern="(a)", group=1).scorer.needs_target
