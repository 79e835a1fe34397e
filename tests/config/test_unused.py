from pathlib import Path

from tests.config.written import GOOD, load


def warnings(folder: Path, text: str) -> list[str]:
    return [str(warning).replace(f"{folder}/", "") for warning in load(folder, text).warnings]


def test_what_nobody_names_is_a_warning(tmp_path: Path) -> None:
    text = """\
name: qa
models: [small, {id: b, provider: mine}]
providers: {mine: {use: openai}, wandb: {use: openai}, other: {use: openai}}
datasets: {rows: {rows: []}, shots: {rows: []}, spare: {rows: []}}
scorers: {exact: {use: exact}, part: {use: includes}}
prompts: {short: "{{ input }}", spare: {few_shot: {dataset: shots, n: 1}}}
evaluations: [{name: e, dataset: rows, prompt: short, scorers: [exact]}]
"""
    assert warnings(tmp_path, text) == [
        "config.yaml:3:56: providers.other: is defined and never used",
        "config.yaml:4:49: datasets.spare: is defined and never used",
        "config.yaml:5:32: scorers.part: is defined and never used",
        "config.yaml:6:33: prompts.spare: is defined and never used",
    ]


def test_without_evaluations_every_dataset_and_scorer_is_used(tmp_path: Path) -> None:
    assert warnings(tmp_path, GOOD) == []


def test_an_evaluation_without_scorers_uses_all(tmp_path: Path) -> None:
    text = GOOD.replace("{exact: {use: exact}}", "{exact: {use: exact}, part: {use: includes}}")
    assert warnings(tmp_path, f"{text}evaluations: [{{name: e, dataset: rows}}]\n") == []
