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
        "config.yaml:5:49: evaluations.0.params.n: cannot be a parameter: use trials, which are stored one by one",
    ),
}


@pytest.mark.parametrize(("extra", "line"), EXTRA.values(), ids=EXTRA)
def test_rules_between_keys(tmp_path: Path, extra: str, line: str) -> None:
    assert errors(tmp_path, f"{GOOD}{extra}\n") == [line]


def test_parameters_that_evalkit_sets_and_a_matrix_without_values(tmp_path: Path) -> None:
    text = GOOD.replace("[small]", "[{id: a, params: {model: x, stream: true}, matrix: {messages: [1], top_p: []}}]")
    assert errors(tmp_path, text) == [
        "config.yaml:2:27: models.0.params.model: cannot be a parameter: the id says it",
        "config.yaml:2:37: models.0.params.stream: cannot be a parameter: evalkit chooses it",
        "config.yaml:2:61: models.0.matrix.messages: cannot be a parameter: the prompt says it",
        "config.yaml:2:83: models.0.matrix.top_p: has no values, which would leave no model; give it at least one",
    ]
