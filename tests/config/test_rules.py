from pathlib import Path

import pytest

from tests.config.written import GOOD, errors

DATASETS = {
    "no source": (
        "{}",
        "config.yaml:3:12: datasets.rows: needs exactly one of path, hf, weave, rows, python, and has none",
    ),
    "two sources": (
        "{path: x, rows: []}",
        "config.yaml:3:12: datasets.rows: needs exactly one of path, hf, weave, rows, python, and has path and rows",
    ),
    "hub without split": ("{hf: x}", "config.yaml:3:23: datasets.rows.hf: needs split beside it, such as split: test"),
    "split without hub": ("{path: x, split: y}", "config.yaml:3:28: datasets.rows.split: goes with hf only; remove it"),
    "no address": ("{python: x}", "config.yaml:3:27: datasets.rows.python: must be module:function, not 'x'"),
    "stratified by nothing": (
        "{path: x, sample: {n: 1, method: stratified}}",
        "config.yaml:3:51: datasets.rows.sample.method: stratified needs by, the column that strata are made of",
    ),
    "by without strata": (
        "{path: x, sample: {n: 1, by: c}}",
        "config.yaml:3:43: datasets.rows.sample.by: goes with method: stratified only",
    ),
    "a sample of none": ("{path: x, sample: 0}", "config.yaml:3:36: datasets.rows.sample: must be at least 1, not 0"),
}


@pytest.mark.parametrize(("dataset", "line"), DATASETS.values(), ids=DATASETS)
def test_datasets(tmp_path: Path, dataset: str, line: str) -> None:
    text = GOOD.replace("{rows: [{id: a, input: x, target: y}]}", dataset)
    assert errors(tmp_path, text) == [line]


EXTRA = {
    "project without entity": (
        "weave: {project: x}",
        "config.yaml:5:18: weave.project: must be entity/project, not 'x'",
    ),
    "project of three": (
        "weave: {project: a/b/c}",
        "config.yaml:5:18: weave.project: must be entity/project, not 'a/b/c'",
    ),
    "wandb without project": (
        "weave: {backend: wandb}",
        "config.yaml:5:18: weave.backend: wandb needs weave.project, as entity/project",
    ),
    "start above the most": (
        "throttle: {max_concurrency: 2, start_concurrency: 3}",
        "config.yaml:5:51: throttle.start_concurrency: must be at most max_concurrency (2), not 3",
    ),
    "a provider's start above its most": (
        "providers: {p: {use: openai, throttle: {max_concurrency: 2, start_concurrency: 3}}}",
        "config.yaml:5:80: providers.p.throttle.start_concurrency: must be at most max_concurrency (2), not 3",
    ),
    "template and messages": (
        "prompts: {a: {template: x, messages: [{role: user, content: x}]}}",
        "config.yaml:5:28: prompts.a.messages: stands in place of template; keep one of them",
    ),
    "no messages": ("prompts: {a: []}", "config.yaml:5:14: prompts.a: has no messages; write at least one"),
    "pass_at beyond trials": (
        "evaluations: [{name: a, dataset: rows, trials: 2, reduce: {pass_at: 3}}]",
        "config.yaml:5:69: evaluations.0.reduce.pass_at: must be from 1 to trials, which is 2, not 3",
    ),
    "two reducers": (
        "evaluations: [{name: a, dataset: rows, reduce: {pass_at: 1, pass_hat: 1}}]",
        "config.yaml:5:48: evaluations.0.reduce: must be exactly one of pass_at: k and pass_hat: k",
    ),
    "n as a parameter": (
        "evaluations: [{name: a, dataset: rows, params: {n: 3}}]",
        "config.yaml:5:52: evaluations.0.params.n: must be 1 (use trials for several answers), not 3",
    ),
}


@pytest.mark.parametrize(("extra", "line"), EXTRA.values(), ids=EXTRA)
def test_rules_between_keys(tmp_path: Path, extra: str, line: str) -> None:
    assert errors(tmp_path, f"{GOOD}{extra}\n") == [line]


def test_parameters_that_evalkit_sets_and_a_matrix_without_values(tmp_path: Path) -> None:
    text = GOOD.replace("[small]", "[{id: a, params: {model: x, stream: true}, matrix: {messages: [1], top_p: []}}]")
    assert errors(tmp_path, text) == [
        "config.yaml:2:27: models.0.params.model: cannot be a parameter: the id says it",
        "config.yaml:2:61: models.0.matrix.messages: cannot be a parameter: the prompt says it",
        "config.yaml:2:83: models.0.matrix.top_p: has no values, which would leave no model; give it at least one",
    ]


PARAMS = {
    "options of a stream": (
        "{stream_options: {}}",
        "27: models.0.params.stream_options: cannot be a parameter: with stream: true, tokens are asked for anyway",
    ),
    "a stream of words": ("{stream: sometimes}", "35: models.0.params.stream: must be true or false, not 'sometimes'"),
    "answers by the dozen": (
        "{n: 12}",
        "30: models.0.params.n: must be 1 (use trials for several answers), not 12",
    ),
    "a body that is none": (
        "{extra_body: [a]}",
        "39: models.0.params.extra_body: must be a mapping of further fields of the request's body, not a list",
    ),
    "a reserved name below extra_body": (
        "{extra_body: {messages: []}}",
        "40: models.0.params.extra_body.messages: cannot be a parameter: the prompt says it",
    ),
    "a rule below extra_body": (
        "{extra_body: {stream: 1}}",
        "48: models.0.params.extra_body.stream: must be true or false, not 1",
    ),
}


@pytest.mark.parametrize(("params", "line"), PARAMS.values(), ids=PARAMS)
def test_parameters_that_no_call_can_take(tmp_path: Path, params: str, line: str) -> None:
    assert errors(tmp_path, GOOD.replace("[small]", f"[{{id: a, params: {params}}}]")) == [f"config.yaml:2:{line}"]


def test_each_value_of_a_matrix_is_held_to_the_rules(tmp_path: Path) -> None:
    text = GOOD.replace("[small]", "[{id: a, matrix: {stream: [true, maybe], n: [1, 2], seed: [1, 2]}}]")
    assert [line.split(": ", 1)[1].split(",")[0] for line in errors(tmp_path, text)] == [
        "models.0.matrix.stream.1: must be true or false",
        "models.0.matrix.n.1: must be 1 (use trials for several answers)",
    ]


@pytest.mark.parametrize(
    "params",
    [
        "{stream: true, n: 1}",
        "{stream: null, n: null}",
        "{stream: false, extra_body: {top_k: 3}}",
        "{tools: [{type: function}], response_format: {type: json_object}, reasoning_effort: low}",
    ],
)
def test_parameters_that_a_call_can_take(tmp_path: Path, params: str) -> None:
    assert errors(tmp_path, GOOD.replace("[small]", f"[{{id: a, params: {params}}}]")) == []
