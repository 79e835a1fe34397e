"""A JSON value against the target's, in all or in part."""

import pytest

from evalkit.errors import ConfigError
from tests.scorers.scoring_by import bind, scored

AB = {"a": 1, "b": [1, 2]}


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        pytest.param({}, AB, '{"b": [1, 2], "a": 1}', 1, id="key-order"),
        pytest.param({}, AB, 'Sure:\n```json\n{"a": 1.0, "b": [1, 2]}\n```', 1, id="fenced"),
        pytest.param({}, '{"a": 1}', '{"a": 2} no: {"a": 1}', 1, id="text-target-last-value"),
        pytest.param({}, AB, '{"a": 1}', 0, id="missing-key"),
        pytest.param({}, {"a": 1}, '{"a": 1, "c": 2}', 0, id="extra-key"),
        pytest.param({"extra_keys": True}, {"a": 1}, '{"a": 1, "c": 2}', 1, id="extra-key-allowed"),
        pytest.param({"fields": ["a"]}, AB, '{"a": 1, "b": 0}', 1, id="fields"),
        pytest.param({}, {"a": True}, '{"a": 1}', 0, id="true-is-not-one"),
        pytest.param({}, {"a": "1"}, '{"a": 1}', 0, id="text-is-no-number"),
        pytest.param({}, {"a": None}, '{"a": null}', 1, id="null"),
        pytest.param({}, {"a": None}, "{}", 0, id="null-is-not-missing"),
        pytest.param({}, [1, 2], "[2, 1]", 0, id="order"),
        pytest.param({"ignore_order": True}, [1, 2, 2], "[2, 1, 2]", 1, id="bag"),
        pytest.param({"ignore_order": True}, [1, 2, 2], "[2, 1, 1]", 0, id="bag-counts"),
        pytest.param({"ignore_order": True, "tolerance": 0.15}, [1.0, 1.1], "[1.2, 0.9]", 1, id="pairs-can-be-found"),
        pytest.param({"tolerance": 0.1}, {"a": 1.0}, '{"a": 1.1}', 1, id="tolerance"),
        pytest.param({"ignore_case": True}, {"a": "X"}, '{"a": "x"}', 1, id="case"),
        pytest.param({}, 3, "3", 1, id="scalar"),
        pytest.param({}, 3, "it is 3", None, id="scalar-in-text"),
        pytest.param({}, {"a": 1}, "see [1]", None, id="another-kind"),
        pytest.param({}, {"a": 1}, '{"a": 1', None, id="cut-off"),
        pytest.param({}, {"a": 1}, '{"a": NaN}', None, id="no-json"),
        pytest.param({}, {"a": 1}, "[" * 50_000, None, id="deep"),
        pytest.param({"partial": True}, AB, '{"a": 1, "b": [1, 3]}', pytest.approx(2 / 3), id="partial"),
        pytest.param({"partial": True}, AB, '{"a": 1}', pytest.approx(1 / 3), id="partial-missing"),
        pytest.param({"partial": True}, {"a": 1}, '{"a": 1, "c": 2}', 0.5, id="partial-extra"),
        pytest.param({"partial": True}, [1, 2], "[1, 2, 3]", pytest.approx(2 / 3), id="partial-longer"),
        pytest.param({"partial": True}, {"a": []}, '{"a": [1]}', 0, id="partial-empty"),
        pytest.param(
            {"partial": True, "ignore_order": True},
            [{"a": 1, "b": 2}, {"a": 3}],
            '[{"a": 3}, {"a": 1, "b": 9}]',
            pytest.approx(2 / 3),
            id="partial-bag",
        ),
    ],
)
async def test_values(options, target, text, value):
    score = await scored(bind(use="json_match", **options), target, text)
    assert score.value == value
    assert score.outcome == ("scored" if value is not None else "no_answer")


@pytest.mark.parametrize(
    ("options", "target"), [({}, "no json"), ({}, None), ({"fields": ["z"]}, AB), ({"fields": ["z"]}, [1])], ids=str
)
async def test_an_unusable_target_is_a_scorer_error(options, target):
    assert (await scored(bind(use="json_match", **options), target, "{}")).outcome == "scorer_error"


def test_partial_credit_is_graded():
    assert bind(use="json_match").kind == "binary"
    assert bind(use="json_match", partial=True).kind == "graded"


@pytest.mark.parametrize("options", [{"tolerance": -1}, {"fields": []}], ids=str)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        bind(use="json_match", **options)
