import json
from pathlib import Path

import pytest

from evalkit.config.load import load_config
from tests.cli.commands import CommandLine


@pytest.mark.parametrize("options", [(), ("--local",)], ids=["wandb", "local"])
def test_what_is_written_is_valid(cli: CommandLine, tmp_path: Path, options: tuple[str, ...]) -> None:
    done = cli("init", tmp_path / "new", *options)
    config, rows = tmp_path / "new" / "config.yaml", tmp_path / "new" / "datasets" / "qa.jsonl"
    assert done.code == 0
    assert done.out.splitlines() == [str(config), str(rows)]
    assert f"next: evalkit validate {config}" in done.err
    checked = cli("validate", config)
    assert checked.code == 0, checked.err
    assert checked.err.endswith("valid\n")
    assert "warning" not in checked.err


def test_the_two_questions_have_one_right_answer_each(cli: CommandLine, tmp_path: Path) -> None:
    cli("init", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "datasets" / "qa.jsonl").read_text().splitlines()]
    assert [(row["input"], row["target"]) for row in rows] == [
        ("What is 2 + 2?", "4"),
        ("Which primary color starts with the letter R?", "red"),
    ]


def test_the_project_is_put_in(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("init", tmp_path, "--project", "team/qa")
    assert load_config(tmp_path / "config.yaml", env={}).config.weave.project == "team/qa"
    assert "set weave.project" not in done.err
    assert "set weave.project" in cli("init", tmp_path, "--force").err


def test_local_needs_no_account(cli: CommandLine, tmp_path: Path) -> None:
    cli("init", tmp_path, "--local")
    config = load_config(tmp_path / "config.yaml", env={}).config
    assert {model.provider for model in config.models} == {"local"}
    assert config.weave.backend == "local"


def test_nothing_is_replaced_unless_forced(cli: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    done = cli("init", tmp_path)
    assert done.code == 2
    assert done.err == f"{config} would be replaced; choose another folder, or use --force\n"
    assert config.read_text() == "mine"
    assert not (tmp_path / "datasets").exists()
    assert cli("init", tmp_path, "--force").code == 0
    assert config.read_text() != "mine"
