"""Rows have constant types, summaries are the engine's numbers, texts are valid."""

import pytest

from evalkit.records import Json, Score, ScoreOutcome
from evalkit.results import MetricResult
from evalkit.weave_io.summaries import row_facts, row_output, row_score, scorer_summary, valid_text
from tests.weave_io.run_folders import answered, failed


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        pytest.param(Score(1.0), {"value": 1.0, "scored": True, "outcome": "scored"}, id="scored"),
        pytest.param(Score(0.0), {"value": 0.0, "scored": True, "outcome": "scored"}, id="wrong"),
        pytest.param(
            Score(None, outcome=ScoreOutcome.NO_ANSWER),
            {"value": 0.0, "scored": False, "outcome": "no_answer"},
            id="no-answer",
        ),
        pytest.param(None, {"value": 0.0, "scored": False, "outcome": "not_run"}, id="absent"),
    ],
)
def test_a_score_is_flat_and_says_whether_it_counts(score: Score | None, expected: Json) -> None:
    found = row_score(score)
    assert found == expected
    assert [type(value) for value in found.values()] == [float, bool, str]


def test_every_row_has_the_same_keys() -> None:
    predictions = (answered(), failed(), None)
    assert len({tuple(row_output(prediction)) for prediction in predictions}) == 1
    assert len({tuple(map(type, row_facts(prediction).values())) for prediction in predictions}) == 1


def test_failed_counts_every_trial_without_a_score() -> None:
    outcomes = {"scored": 7, "no_answer": 2, "infra_error": 1}
    metric = MetricResult("binary", 0.5, 0.2, 0.8, 0.95, "wilson", 8, 8, 0.4, 0.6, outcomes)
    summary = scorer_summary(metric)
    assert (summary["mean"], summary["n"], summary["scored"], summary["failed"]) == (0.5, 8, 7, 3)
    assert summary["outcomes"] == outcomes


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\ud800b", "a?b"), ({"k": ["\udfff", 1, None]}, {"k": ["?", 1, None]}), (("é",), ["é"]), (0.5, 0.5)],
    ids=["text", "nested", "tuple", "number"],
)
def test_a_lone_surrogate_does_not_stop_a_publication(value: Json, expected: Json) -> None:
    assert valid_text(value) == expected
