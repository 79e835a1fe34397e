from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from evalkit.check import check_bindings, check_scorers
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.config.problems import ConfigErrors
from evalkit.dataset import Dataset, load_dataset

ROWS = [{"id": f"s{n}", "input": f"question {n}", "target": f"answer {n}", "hint": f"hint {n}"} for n in range(3)]


def loaded(folder: Path, **sections: Any) -> tuple[LoadedConfig, dict[str, Dataset]]:
    config = {
        "name": "qa",
        "models": ["small"],
        "datasets": {"rows": {"rows": ROWS}},
        "scorers": {"exact": {"use": "exact"}},
        "evaluations": [{"name": "e", "dataset": "rows"}],
        **sections,
    }
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(config, file)
    result = load_config(path, env={})
    group_by = result.config.stats.group_by
    datasets = {
        name: load_dataset(name, spec, base_dir=folder, group_by=group_by)
        for name, spec in result.config.datasets.items()
    }
    return result, datasets


def evaluation(**keys: Any) -> list[dict[str, Any]]:
    return [{"name": "e", "dataset": "rows", **keys}]


def messages(folder: Path, **sections: Any) -> list[str]:
    """Return errors, else warnings, without their places."""
    try:
        found = check_bindings(*loaded(folder, **sections))
    except ConfigErrors as error:
        return [f"error: {'.'.join(map(str, problem.path))}: {problem.message}" for problem in error.problems]
    return [f"{'.'.join(map(str, problem.path))}: {problem.message}" for problem in found]


def test_what_fits_says_nothing(tmp_path: Path) -> None:
    assert messages(tmp_path, evaluations=evaluation(prompt="{{ input }} ({{ hint }}) {{ id }}")) == []


ERRORS = {
    "a variable nobody provides": (
        {"evaluations": evaluation(prompt="{{ inptu }}")},
        "error: evaluations.0.prompt: sample 's0': 'inptu' is undefined; did you mean 'input'? (and 2 more of 3",
    ),
    "a variable in the system prompt": (
        {"evaluations": evaluation(prompt={"system": "{{ who }}"})},
        "error: evaluations.0.prompt: sample 's0': 'who' is undefined",
    ),
    "a template that does not parse": (
        {"evaluations": evaluation(prompt="{{ input ")},
        "error: evaluations.0.prompt: line 1 of the template",
    ),
    "the answer in the prompt": (
        {"evaluations": evaluation(prompt="{{ input }} {{ target }}")},
        "error: evaluations.0.prompt: a template may not use target",
    ),
    "a value that is missing in one row": (
        {
            "datasets": {"rows": {"rows": [*ROWS, {"id": "z", "input": "q", "target": "t"}]}},
            "evaluations": evaluation(prompt="{{ input }} {{ hint }}"),
        },
        "error: evaluations.0.prompt: sample 'z': 'hint' is undefined",
    ),
    "choices of a dataset without": (
        {"evaluations": evaluation(prompt="{{ input }} {{ choices }}")},
        "error: evaluations.0.prompt: sample 's0': 'choices' is undefined; the dataset has no choices",
    ),
    "targets that nobody gives": (
        {"datasets": {"rows": {"rows": [{"id": "a", "input": "q"}]}}},
        "error: evaluations.0.scorers.0: 'exact' compares with a target, and no sample has one; set fields.target",
    ),
    "too few worked examples": (
        {
            "datasets": {"rows": {"rows": ROWS}, "shots": {"rows": [{"id": "x", "input": "q", "target": "t"}]}},
            "evaluations": evaluation(prompt={"few_shot": {"dataset": "shots", "n": 2}}),
        },
        "error: evaluations.0.prompt: few_shot wants 2 samples of 'shots', which has only 1",
    ),
}


@pytest.mark.parametrize(("sections", "start"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_asked_is_an_error(tmp_path: Path, sections: dict[str, Any], start: str) -> None:
    (message,) = messages(tmp_path, **sections)
    assert message.startswith(start)


WARNINGS = {
    "trials that repeat": (
        {"models": [{"id": "a", "params": {"temperature": 0}}, "b"], "evaluations": evaluation(trials=3)},
        "evaluations.0.trials: 3 trials of 'a' at temperature 0 repeat one answer",
    ),
    "the evaluation's temperature wins": (
        {
            "models": [{"id": "a", "params": {"temperature": 1}}],
            "evaluations": evaluation(trials=2, params={"temperature": 0}),
        },
        "evaluations.0.trials: 2 trials of 'a' at temperature 0 repeat one answer",
    ),
    "examples under test": (
        {"evaluations": evaluation(prompt={"few_shot": {"dataset": "rows", "n": 1}})},
        (
            "evaluations.0.prompt.few_shot.dataset: 3 of 3 worked examples are samples under test;"
            " take them from another dataset"
        ),
    ),
    "some targets missing": (
        {"datasets": {"rows": {"rows": [*ROWS, {"id": "z", "input": "q", "target": None}]}}},
        "evaluations.0.scorers.0: 1 of 4 samples have no target for 'exact', first 'z'",
    ),
    "a column that is the target": (
        {
            "datasets": {"rows": {"rows": [{**row, "gold": row["target"]} for row in ROWS]}},
            "evaluations": evaluation(prompt="{{ input }} {{ gold }}"),
        },
        "evaluations.0.prompt: shows 'gold', which is the target of every sample",
    ),
}


@pytest.mark.parametrize(("sections", "message"), WARNINGS.values(), ids=WARNINGS)
def test_what_is_odd_is_a_warning(tmp_path: Path, sections: dict[str, Any], message: str) -> None:
    assert messages(tmp_path, **sections) == [message]


def test_a_variable_that_a_template_expects_to_be_missing(tmp_path: Path) -> None:
    assert messages(tmp_path, evaluations=evaluation(prompt="{{ input }}{{ note if note is defined else '' }}")) == []


def test_a_models_own_system_prompt_takes_the_place_of_the_prompts(tmp_path: Path) -> None:
    sections = {"evaluations": evaluation(prompt={"system": "{{ who }}"}), "models": [{"id": "a", "system": "own"}]}
    assert messages(tmp_path, **sections) == []
    sections["models"] = [{"id": "a", "system": "own"}, "b"]
    assert len(messages(tmp_path, **sections)) == 1


def test_every_evaluation_is_told_of_at_its_place(tmp_path: Path) -> None:
    evaluations = [{"name": f"e{n}", "dataset": "rows", "prompt": f"{{{{ gone{n} }}}}"} for n in range(2)]
    config, datasets = loaded(tmp_path, evaluations=evaluations)
    with pytest.raises(ConfigErrors) as raised:
        check_bindings(config, datasets)
    lines = str(raised.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["evaluations.0.prompt", "evaluations.1.prompt"]
    assert all(line.startswith(f"{tmp_path}/config.yaml:") for line in lines)


def test_a_bare_config_is_told_of_by_name(tmp_path: Path) -> None:
    config, datasets = loaded(tmp_path, evaluations=evaluation(prompt="{{ gone }}"))
    with pytest.raises(ConfigErrors, match=r"^evaluations\.e\.prompt: sample 's0': 'gone' is undefined"):
        check_bindings(config.config, datasets)


def test_an_evaluation_whose_dataset_was_not_read_is_passed_over(tmp_path: Path) -> None:
    config, _ = loaded(tmp_path, evaluations=evaluation(prompt="{{ gone }}"))
    assert check_bindings(config, {}) == []
    assert check_scorers(config.config, {}, tmp_path) == {}


def test_each_scorer_is_tried_on_the_samples_it_will_score(tmp_path: Path) -> None:
    config, datasets = loaded(
        tmp_path,
        scorers={"exact": {"use": "exact"}, "never": {"use": "exact", "extract": [{"after": "nowhere:"}]}},
        evaluations=[
            {"name": "a", "dataset": "rows", "scorers": ["exact"]},
            {"name": "b", "dataset": "rows", "scorers": ["exact"]},
        ],
    )
    reports = check_scorers(config.config, datasets, tmp_path)
    assert {name: (report.samples, report.passed) for name, report in reports.items()} == {"exact": (6, True)}
