from pathlib import Path

import pytest

from tests.config.written import GOOD, errors

TABLE = {
    "unknown key at the top": ("repport: {}", "config.yaml:5:1: repport: unknown key; did you mean 'report'?"),
    "unknown key, nothing near": (
        "stats: {zzz: 1}",
        "config.yaml:5:9: stats.zzz: unknown key; known: confidence, group_by",
    ),
    "text for a number": ("run: {seed: x}", "config.yaml:5:13: run.seed: must be a whole number, not 'x'"),
    "quoted number": (
        "run: {seed: '3'}",
        "config.yaml:5:13: run.seed: must be a whole number, not '3'; take off the quotes",
    ),
    "fraction for a whole number": ("run: {seed: 1.5}", "config.yaml:5:13: run.seed: must be a whole number, not 1.5"),
    "true for a whole number": ("run: {seed: true}", "config.yaml:5:13: run.seed: must be a whole number, not true"),
    "number for text": ("description: 3", "config.yaml:5:14: description: must be text, not 3; write it in quotes"),
    "yes for true": ("report: {html: yes}", "config.yaml:5:16: report.html: must be true or false, not 'yes'"),
    "list for a mapping": ("report: [html]", "config.yaml:5:9: report: must be a mapping, not a list"),
    "mapping for text": ("description: {a: 1}", "config.yaml:5:14: description: must be text, not a mapping"),
    "empty section": ("throttle:", "config.yaml:5:1: throttle: must be a mapping, not empty"),
    "one of several words": (
        "run: {order: by_modell}",
        (
            "config.yaml:5:14: run.order: must be one of interleave, by_model, by_evaluation, not 'by_modell';"
            " did you mean 'by_model'?"
        ),
    ),
    "the only word": ("version: 2", "config.yaml:5:10: version: must be 1, not 2"),
    "alias": ("report: {json: 3}", "config.yaml:5:16: report.json: must be true or false, not 3"),
    "too small": ("retry: {max_attempts: 0}", "config.yaml:5:23: retry.max_attempts: must be at least 1, not 0"),
    "not above": ("retry: {cap: 0}", "config.yaml:5:14: retry.cap: must be more than 0, not 0"),
    "too large": ("run: {max_error_rate: 2}", "config.yaml:5:23: run.max_error_rate: must be at most 1.0, not 2"),
    "not below": ("stats: {confidence: 1}", "config.yaml:5:21: stats.confidence: must be less than 1.0, not 1"),
    "duration": (
        "retry: {base: 5x}",
        (
            "config.yaml:5:15: retry.base: a duration is a number of seconds, or a number with ms, s, m or h"
            " (90, 1.5s, 5m); not '5x'"
        ),
    ),
    "infinite duration": (
        "retry: {base: infs}",
        (
            "config.yaml:5:15: retry.base: a duration is a number of seconds, or a number with ms, s, m or h"
            " (90, 1.5s, 5m); not 'infs'"
        ),
    ),
    "union, no member": (
        "prompts: {a: 3}",
        "config.yaml:5:14: prompts.a: must be text or a list or a mapping, not 3; write it in quotes",
    ),
    "union, mapping member": (
        "prompts: {a: {tmplate: x}}",
        "config.yaml:5:15: prompts.a.tmplate: unknown key; did you mean 'template'?",
    ),
    "union, list member": (
        "prompts: {a: [{role: usr, content: x}]}",
        (
            "config.yaml:5:22: prompts.a.0.role: must be one of system, user, assistant, developer, not 'usr';"
            " did you mean 'user'?"
        ),
    ),
    "profiles that are no mapping": ("profiles: 3", "config.yaml:5:11: profiles: must be a mapping, not 3"),
    "include that is no list": ("include: a.yaml", "config.yaml:5:10: include: must be a list, not 'a.yaml'"),
    "a long value is cut": (
        f"report: {{html: {'x' * 500}}}",
        f"config.yaml:5:16: report.html: must be true or false, not '{'x' * 39}…",
    ),
}


@pytest.mark.parametrize(("extra", "line"), TABLE.values(), ids=TABLE)
def test_what_the_schema_refuses(tmp_path: Path, extra: str, line: str) -> None:
    assert errors(tmp_path, f"{GOOD}{extra}\n") == [line]


REPLACED = {
    "no models": ("models: [small]", "models: []", "config.yaml:2:9: models: must not be empty"),
    "no name": ("name: qa\n", "", "config.yaml:1:1: name: is required"),
    "no slug": (
        "name: qa",
        "name: My QA",
        (
            "config.yaml:1:7: name: must be lower-case letters, digits, '.', '_' or '-', and begin with a letter or"
            " digit, not 'My QA'"
        ),
    ),
    "a model that is a number": ("[small]", "[3]", "config.yaml:2:10: models.0: must be a mapping, not 3"),
    "an empty id": ("[small]", "['']", "config.yaml:2:10: models.0.id: must not be empty"),
    "a range of one": (
        "{use: exact}",
        "{use: python, function: 'm:f', range: [1]}",
        "config.yaml:4:56: scorers.exact.range: must have at least 2 entries, not 1",
    ),
    "a scorer without use": ("{use: exact}", "{}", "config.yaml:4:18: scorers.exact.use: is required"),
}


@pytest.mark.parametrize(("old", "new", "line"), REPLACED.values(), ids=REPLACED)
def test_what_must_be_there(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert errors(tmp_path, GOOD.replace(old, new)) == [line]


def test_reduce_and_range(tmp_path: Path) -> None:
    text = GOOD.replace("{use: exact}", "{use: exact, extract: number}") + (
        "evaluations:\n"
        "  - {name: a, dataset: rows, reduce: men}\n"
        "  - {name: b, dataset: rows, reduce: {pass_t: 3}}\n"
        "  - {name: c, dataset: rows, reduce: {pass_at: x}}\n"
        "  - {name: d, dataset: rows, reduce: 4}\n"
    )
    assert errors(tmp_path, text) == [
        "config.yaml:4:40: scorers.exact.extract: must be a list, not 'number'",
        (
            "config.yaml:6:38: evaluations.0.reduce: must be one of mean, median, majority, any, all or a mapping,"
            " not 'men'; did you mean 'mean'?"
        ),
        "config.yaml:7:39: evaluations.1.reduce.pass_t: unknown key; did you mean 'pass_at'?",
        "config.yaml:8:48: evaluations.2.reduce.pass_at: must be a whole number, not 'x'",
        "config.yaml:9:38: evaluations.3.reduce: must be one of mean, median, majority, any, all or a mapping, not 4",
    ]
