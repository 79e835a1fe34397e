import json
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.config.written import GOOD, write

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_the_configs_of_this_project_are_valid(cli: CommandLine, path: Path) -> None:
    done = cli("validate", path)
    assert done.code == 0, done.err
    assert "warning" not in done.err


def test_what_is_valid(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("validate", write(tmp_path, GOOD))
    lines = done.err.splitlines()
    assert done.code == 0
    assert done.out == ""
    assert lines[-1] == f"{tmp_path}/config.yaml: valid"
    assert any(line.startswith("dataset rows: 1 samples, digest ") for line in lines)
    assert "scorer exact: passes its self-test on 1 samples" in lines
    assert lines[0].startswith(f"note: {tmp_path}/config.yaml:4:18: scorers.exact: self-test: sample 'a': only the")


def test_errors_of_the_config(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("validate", write(tmp_path, GOOD + "repport: {}\nrun: {sed: 1}\n"))
    assert done.code == 2
    assert done.err.replace(f"{tmp_path}/", "").splitlines() == [
        "config.yaml:5:1: repport: unknown key; did you mean 'report'?",
        "config.yaml:6:7: run.sed: unknown key; did you mean 'seed'?",
        "config.yaml: 2 errors",
    ]


def test_errors_of_datasets_prompts_and_scorers_together(cli: CommandLine, tmp_path: Path) -> None:
    text = """\
name: qa
models: [small]
datasets:
  gone: {path: gone.jsonl}
  rows: {rows: [{id: a, input: x, target: y}]}
scorers: {exact: {use: exact}, never: {use: exact, extract: [{regex: "never (.*) matches"}]}}
evaluations:
  - {name: one, dataset: gone}
  - {name: two, dataset: rows, prompt: "{{ inptu }}"}
"""
    done = cli("validate", write(tmp_path, text))
    lines = [line for line in done.err.replace(f"{tmp_path}/", "").splitlines() if not line.startswith("note: ")]
    assert done.code == 2
    assert lines[0].startswith("config.yaml:4:9: datasets.gone: ")
    assert lines[1] == "config.yaml:9:40: evaluations.1.prompt: sample 'a': 'inptu' is undefined; did you mean 'input'?"
    assert lines[-1] == "config.yaml: 2 errors"


def test_a_scorer_that_fails_its_self_test(cli: CommandLine, tmp_path: Path) -> None:
    text = GOOD.replace("target: y", "target: '  '")
    done = cli("validate", write(tmp_path, text))
    assert done.code == 2
    assert "scorers.exact: self-test: sample 'a': the target cannot be used" in done.err
    assert "scorer exact: fails its self-test on 1 samples" in done.err


def test_a_dataset_of_the_hub_is_not_fetched(cli: CommandLine, tmp_path: Path) -> None:
    text = GOOD.replace("rows: {rows: [{id: a, input: x, target: y}]}", "hub: {hf: someone/something, split: test}")
    done = cli("validate", write(tmp_path, text))
    assert done.code == 0
    assert "dataset hub: on the hub, not fetched; its prompts and targets are checked by the run" in done.err


def test_profiles_and_set(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "profiles: {ci: {scorers: {exact: {use: exat}}}}\n")
    assert cli("validate", path).code == 0
    assert cli("validate", path, "--profile", "ci").code == 2
    assert cli("validate", path, "--profile", "ci", "--set", "scorers.exact.use=exact").code == 0


def test_json(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("validate", "--json", write(tmp_path, GOOD + "prompts: {spare: '{{ input }}'}\n"))
    found = json.loads(done.out)
    assert done.code == 0
    assert done.err == ""
    assert found["valid"] is True
    assert found["problems"] == [
        {
            "severity": "warning",
            "source": f"{tmp_path}/config.yaml",
            "line": 5,
            "column": 11,
            "path": "prompts.spare",
            "message": "is defined and never used",
        }
    ]
    assert found["datasets"]["rows"]["samples"] == 1
    assert found["scorers"]["exact"]["passed"] is True


def test_json_of_errors(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("validate", "--json", write(tmp_path, GOOD + "repport: {}\n"))
    found = json.loads(done.out)
    assert (done.code, found["valid"]) == (2, False)
    assert [(each["severity"], each["line"], each["path"]) for each in found["problems"]] == [("error", 5, "repport")]


def test_a_file_that_is_not_there(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("validate", tmp_path / "gone.yaml")
    assert done.code == 2
    assert "gone.yaml: cannot be read" in done.err
