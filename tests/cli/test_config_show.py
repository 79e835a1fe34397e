import json
from pathlib import Path

from tests.cli.commands import CommandLine
from tests.config.written import GOOD, write


def test_each_effective_value_with_its_origin(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "profiles: {ci: {run: {seed: 3}}}\n")
    done = cli("config", "show", path, "--profile", "ci", "--set", "retry.cap=5")
    lines = dict(line.split("  # ") for line in done.out.replace(f"{tmp_path}/", "").splitlines())
    shown = {text.strip(): origin for text, origin in lines.items()}
    assert done.code == 0
    assert shown['name: "qa"'] == "config.yaml:1:7"
    assert shown["run.seed: 3"] == "config.yaml:5:29, profile ci"
    assert shown["retry.cap: 5.0"] == "--set retry.cap"
    assert shown["retry.max_attempts: 6"] == "default"
    assert shown['providers.wandb.api_key_env: "WANDB_API_KEY"'] == "built in"
    assert not any(text.endswith(": null") for text in shown)


def test_json_lists_what_is_not_set_too(cli: CommandLine, tmp_path: Path) -> None:
    rows = json.loads(cli("config", "show", "--json", write(tmp_path, GOOD)).out)
    by_path = {row["path"]: row for row in rows}
    assert by_path["models.0.id"]["value"] == "small"
    assert by_path["models.0.price"] == {"path": "models.0.price", "value": None, "origin": "default"}


def test_a_long_value_is_cut_in_text_and_whole_in_json(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, f"{GOOD}description: {'x' * 100}\n")
    assert f'description: "{"x" * 59}…' in cli("config", "show", path).out
    assert "x" * 100 in cli("config", "show", "--json", path).out


def test_a_wrong_config(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("config", "show", write(tmp_path, GOOD + "repport: {}\n"))
    assert done.code == 2
    assert done.err.replace(f"{tmp_path}/", "") == "config.yaml:5:1: repport: unknown key; did you mean 'report'?\n"
