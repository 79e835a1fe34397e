from pathlib import Path

import pytest

from tests.config.written import GOOD, errors

BASE = """\
name: qa
models: [{id: small, label: Small}, {id: large, label: Large, provider: openai}]
datasets: {rows: {rows: [{id: a, input: x, target: y}]}, shots: {rows: [{id: b, input: x, target: y}]}}
scorers: {exact: {use: exact}, part: {use: includes}}
prompts: {short: "{{ input }}"}
"""
E1 = "evaluations:\n  - {name: one, dataset: rows, prompt: short}\n"

TABLE = {
    "dataset": (
        "evaluations: [{name: e, dataset: row}]",
        "config.yaml:6:34: evaluations.0.dataset: no dataset is called 'row'; did you mean 'rows'?",
    ),
    "dataset, nothing near": (
        "evaluations: [{name: e, dataset: zzz}]",
        "config.yaml:6:34: evaluations.0.dataset: no dataset is called 'zzz'; known: rows, shots",
    ),
    "scorer": (
        "evaluations: [{name: e, dataset: rows, scorers: [exact, prt]}]",
        "config.yaml:6:57: evaluations.0.scorers.1: no scorer is called 'prt'; did you mean 'part'?",
    ),
    "scorer twice": (
        "evaluations: [{name: e, dataset: rows, scorers: [exact, exact]}]",
        "config.yaml:6:57: evaluations.0.scorers.1: is listed twice",
    ),
    "no scorers": (
        "evaluations: [{name: e, dataset: rows, scorers: []}]",
        "config.yaml:6:49: evaluations.0.scorers: names no scorer; leave the key out for all of them",
    ),
    "prompt": (
        "evaluations: [{name: e, dataset: rows, prompt: shrt}]",
        "config.yaml:6:48: evaluations.0.prompt: no prompt is called 'shrt'; did you mean 'short'?",
    ),
    "few-shot dataset": (
        "evaluations: [{name: e, dataset: rows, prompt: {few_shot: {dataset: shot, n: 1}}}]",
        "config.yaml:6:69: evaluations.0.prompt.few_shot.dataset: no dataset is called 'shot'; did you mean 'shots'?",
    ),
    "model": (
        "evaluations: [{name: e, dataset: rows, models: [Smal]}]",
        "config.yaml:6:49: evaluations.0.models.0: no model's label matches 'Smal'; did you mean 'Small'?",
    ),
    "glob": (
        "evaluations: [{name: e, dataset: rows, models: ['S*', 'x*']}]",
        "config.yaml:6:55: evaluations.0.models.1: no model's label matches 'x*'; known: Large, Small",
    ),
    "an id where a label is wanted": (
        "evaluations: [{name: e, dataset: rows, models: [small]}]",
        "config.yaml:6:49: evaluations.0.models.0: no model's label matches 'small'; did you mean 'Small'?",
    ),
    "evaluation twice": (
        "evaluations: [{name: e, dataset: rows}, {name: e, dataset: rows}]",
        "config.yaml:6:48: evaluations.1.name: an evaluation above is called 'e' already",
    ),
    "primary": (
        f"{E1}leaderboard: {{primary: one.exat}}",
        "config.yaml:8:24: leaderboard.primary: no metric is called 'one.exat'; did you mean 'one.exact'?",
    ),
    "primary without evaluations": (
        "leaderboard: {primary: row.exact}",
        "config.yaml:6:24: leaderboard.primary: no metric is called 'row.exact'; did you mean 'rows.exact'?",
    ),
}


@pytest.mark.parametrize(("extra", "line"), TABLE.values(), ids=TABLE)
def test_a_name_that_nothing_defines(tmp_path: Path, extra: str, line: str) -> None:
    assert errors(tmp_path, f"{BASE}{extra}\n") == [line]


@pytest.mark.parametrize(
    ("models", "line"),
    [
        ("[a, a]", "config.yaml:2:13: models.1: a model above has the label 'a'; give this one another"),
        (
            "[{id: a}, {id: b, label: a}]",
            "config.yaml:2:34: models.1.label: a model above has the label 'a'; give this one another",
        ),
        (
            "[{id: a, matrix: {temperature: [0, 0]}}]",
            "config.yaml:2:10: models.0: a model above has the label 'a (temperature=0)'; give this one another",
        ),
        (
            "[{id: a, provider: wanb}]",
            "config.yaml:2:28: models.0.provider: no provider is called 'wanb'; did you mean 'wandb'?",
        ),
    ],
    ids=["id twice", "label like an id", "matrix value twice", "provider"],
)
def test_models(tmp_path: Path, models: str, line: str) -> None:
    assert errors(tmp_path, GOOD.replace("[small]", models)) == [line]


def test_a_dataset_name_that_cannot_be_an_evaluations(tmp_path: Path) -> None:
    lines = errors(tmp_path, GOOD.replace("{rows: {rows", "{My Rows: {rows"))
    assert lines == [
        (
            "config.yaml:3:12: datasets.My Rows: without evaluations, this name becomes an evaluation's: it must be"
            " lower-case letters, digits, '.', '_' or '-'; rename it or write evaluations"
        )
    ]


def test_names_that_wait_for_a_variable_are_not_held_against_anything(tmp_path: Path) -> None:
    text = BASE.replace("label: Small", "label: '${X}'") + (
        "evaluations: [{name: e, dataset: '${Y}', models: [Tiny], scorers: ['${Z}']}]\n"
    )
    assert [line.split(": ", 2)[2].split(" is not set")[0] for line in errors(tmp_path, text)] == [
        "environment variable X",
        "environment variable Y",
        "environment variable Z",
    ]


@pytest.mark.parametrize(
    "prompt", ["'{{ input }}?'", "'Answer: yes'", "'two words'", "short", "[{role: user, content: x}]"]
)
def test_what_is_a_prompt_by_itself(tmp_path: Path, prompt: str) -> None:
    assert errors(tmp_path, f"{BASE}evaluations: [{{name: e, dataset: rows, prompt: {prompt}}}]\n") == []
