import pytest

from evalkit.config.expand import expand_config, expand_models, is_match, is_prompt_name, models_of
from evalkit.config.schema import EvaluationSpec, ModelSpec


def test_a_matrix_is_every_combination() -> None:
    models = [
        {"id": "a", "params": {"seed": 1, "top_p": 0.1}, "matrix": {"temperature": [0, 0.5], "top_p": [1]}},
        {"id": "b", "label": "B"},
    ]
    assert [(m.index, dict(m.spec)) for m in expand_models(models)] == [
        (0, {"id": "a", "label": "a (temperature=0, top_p=1)", "params": {"seed": 1, "temperature": 0, "top_p": 1}}),
        (
            0,
            {"id": "a", "label": "a (temperature=0.5, top_p=1)", "params": {"seed": 1, "temperature": 0.5, "top_p": 1}},
        ),
        (1, {"id": "b", "label": "B"}),
    ]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("low", "low"),
        (None, "null"),
        (True, "true"),
        ([1, "a"], '[1, "a"]'),
        ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}'),
    ],
)
def test_a_matrix_value_in_a_label(value: object, word: str) -> None:
    (model,) = expand_models([{"id": "a", "label": "A", "matrix": {"p": [value]}}])
    assert model.spec["label"] == f"A (p={word})"


@pytest.mark.parametrize("models", [[3], [{}], [{"label": "a"}], ["text"], [[]]])
def test_what_is_no_model_stands_for_none(models: list) -> None:
    assert expand_models(models) == []


@pytest.mark.parametrize("matrix", [3, {}, {"a": 3}, {"a": [1], "b": None}])
def test_a_matrix_that_is_none_is_left_to_the_schema(matrix: object) -> None:
    assert [m.spec for m in expand_models([{"id": "a", "matrix": matrix}])] == [{"id": "a", "label": "a"}]


def test_evaluations_that_are_not_written() -> None:
    config = {"models": [{"id": "m"}], "datasets": {"one": {}, "two": {}}, "scorers": {"x": {}, "y": {}}}
    assert expand_config(config)["evaluations"] == [
        {"name": "one", "dataset": "one", "scorers": ["x", "y"]},
        {"name": "two", "dataset": "two", "scorers": ["x", "y"]},
    ]


def test_named_prompts_and_left_out_scorers() -> None:
    config = {
        "models": [{"id": "m"}],
        "datasets": {"d": {}},
        "scorers": {"x": {}, "y": {}},
        "prompts": {"short": {"template": "t"}},
        "evaluations": [
            {"name": "a", "dataset": "d", "prompt": "short"},
            {"name": "b", "dataset": "d", "prompt": "{{ input }}", "scorers": ["y"]},
            {"name": "c", "dataset": "d"},
        ],
    }
    assert expand_config(config)["evaluations"] == [
        {"name": "a", "dataset": "d", "prompt": {"template": "t"}, "scorers": ["x", "y"]},
        {"name": "b", "dataset": "d", "prompt": "{{ input }}", "scorers": ["y"]},
        {"name": "c", "dataset": "d", "scorers": ["x", "y"]},
    ]


@pytest.mark.parametrize(
    ("prompt", "is_name"),
    [
        ("short", True),
        ("a.b-c_1", True),
        ("{{ input }}", False),
        ("two words", False),
        ("", False),
        ([], False),
        (3, False),
    ],
)
def test_what_is_a_prompt_name(prompt: object, is_name: bool) -> None:
    assert is_prompt_name(prompt) is is_name


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [
        (None, ["A", "B [x]"]),
        (["A"], ["A"]),
        (["*"], ["A", "B [x]"]),
        (["B [x]"], ["B [x]"]),
        (["J", "A"], ["A"]),
    ],
)
def test_the_models_of_an_evaluation(wanted: list[str] | None, labels: list[str]) -> None:
    models = [
        ModelSpec(id="a", label="A"),
        ModelSpec(id="b", label="B [x]"),
        ModelSpec(id="j", label="J", role="judge"),
    ]
    evaluation = EvaluationSpec(name="e", dataset="d", models=wanted)
    assert [model.label for model in models_of(evaluation, models)] == labels


def test_a_label_is_a_match_for_itself_whatever_is_in_it() -> None:
    assert is_match("a[b]*", "a[b]*")
    assert not is_match("ab", "a[c]")
