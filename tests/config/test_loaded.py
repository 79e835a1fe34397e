from pathlib import Path

from evalkit.config.schema import Config
from tests.config.written import GOOD, load

TEXT = """\
name: qa
models:
  - small
  - {id: big, label: Big, params: {seed: 1}, matrix: {temperature: [0, 1]}}
datasets: {rows: {rows: [{id: a, input: x, target: y}]}}
prompts: {short: {template: "{{ input }}!"}}
scorers: {exact: {use: exact, ignore_case: false}}
evaluations:
  - {name: first, dataset: rows, prompt: short}
  - {name: second, dataset: rows}
"""


def test_each_value_has_its_origin(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    origins = {key: origin.replace(f"{tmp_path}/", "") for key, origin in loaded.origins.items()}
    assert origins["models.0.id"] == "config.yaml:3:5"
    assert origins["models.0.label"] == "default"
    assert origins["models.2.id"] == "config.yaml:4:10"
    assert origins["models.2.params.seed"] == "config.yaml:4:42"
    assert origins["models.2.params.temperature"] == "config.yaml:4:68"
    assert origins["evaluations.0.prompt.template"] == "config.yaml:6:29"
    assert origins["evaluations.0.scorers.0"] == "default"
    assert origins["evaluations.1.prompt"] == "default"
    assert origins["scorers.exact.ignore_case"] == "config.yaml:7:44"
    assert origins["providers.wandb.base_url"] == "built in"
    assert origins["retry.cap"] == "default"


def test_the_effective_values_are_the_config(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)
    values = {each.path: each.value for each in loaded.effective}
    assert values["models", 2, "params", "temperature"] == 1
    assert values["models", 2, "label"] == "Big (temperature=1)"
    assert values["report", "json"] is True
    assert not any(path[0] == "profiles" for path in values)


def test_a_config_survives_being_written_and_read(tmp_path: Path) -> None:
    config = load(tmp_path, TEXT).config
    assert Config.model_validate_json(config.model_dump_json(by_alias=True)) == config


def test_a_problem_is_placed_where_its_value_is_written(tmp_path: Path) -> None:
    loaded = load(tmp_path, TEXT)

    def line(*path: str | int) -> str:
        return str(loaded.problem(path, "odd")).replace(f"{tmp_path}/", "")

    assert line(*loaded.evaluation_path("second"), "dataset") == "config.yaml:10:29: evaluations.1.dataset: odd"
    assert line(*loaded.evaluation_path("second"), "trials") == "config.yaml:10:5: evaluations.1.trials: odd"
    assert line("evaluations", 0, "prompt") == "config.yaml:6:18: prompts.short: odd"
    assert line("models", 1, "params", "temperature") == "config.yaml:4:68: models.1.matrix.temperature: odd"


def test_an_evaluation_that_is_not_written_has_a_path_too(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    problem = loaded.problem(loaded.evaluation_path("rows"), "odd", is_warning=True)
    assert str(problem).endswith("config.yaml:1:1: evaluations.rows: odd")
    assert problem.is_warning
