import json
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.report.stored_runs import make_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_run(tmp_path).path
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_baseline_is_never_replaced_unseen(cli: CommandLine, run: Path) -> None:
    made = cli("baseline", "set", run, "--reason", "first", "--author", "Ada <a@b.c>")
    path = Path(made.out.strip())
    assert (made.code, path) == (0, Path("baselines/nightly.json"))
    before = path.read_bytes()
    refused = cli("baseline", "set", run, "--reason", "second")
    assert refused.code == 2
    assert "unchanged" in refused.err
    assert "add --replace" in refused.err
    assert path.read_bytes() == before
    assert cli("baseline", "set", run, "--reason", "second", "--author", "me", "--replace").code == 0
    assert json.loads(path.read_text())["reason"] == "second"


def test_show_verify_and_diff(cli: CommandLine, run: Path) -> None:
    cli("baseline", "set", run, "--reason", "first", "--author", "me")
    shown = cli("baseline", "show", "baselines/nightly.json")
    assert "set by me at" in shown.out
    assert "qa.exact of a: " in shown.out
    assert json.loads(cli("baseline", "show", "baselines/nightly.json", "--json").out)["author"] == "me"
    assert "equal to its run" in cli("baseline", "verify", "baselines/nightly.json").err
    assert "is not below" in cli("baseline", "verify", "baselines/nightly.json", "--reports", "elsewhere").err
    assert "unchanged" in cli("baseline", "diff", "baselines/nightly.json", run).out
    text = Path("baselines/nightly.json").read_text()
    Path("baselines/nightly.json").write_text(text.replace('"author": "me"', '"author": "you"'))
    broken = cli("baseline", "verify", "baselines/nightly.json")
    assert (broken.code, "changed after it was set" in broken.err) == (2, True)


def test_an_empty_reason_is_none(cli: CommandLine, run: Path) -> None:
    assert cli("baseline", "set", run, "--reason", " ").code == 2


def test_the_gate_of_a_stored_run(cli: CommandLine, run: Path, tmp_path: Path) -> None:
    cli("baseline", "set", run, "--reason", "first", "--author", "me")
    none = cli("gate", run)
    assert none.code == 2
    assert "made without a gate" in none.err
    rule = "gate={rules: [{metric: qa.exact, max_drop: 0.02}]}"
    held = cli("gate", run, "--config", "config.yaml", "--set", rule, "--baseline", "baselines/nightly.json", "--json")
    assert held.code == 0
    block = json.loads(held.out)
    assert (block["verdict"], block["family"], block["baseline"]["author"]) == ("inconclusive", 2, "me")
    assert block["sentence"] in held.err
    assert cli("gate", run, "--config", "config.yaml", "--set", rule, "--baseline", "previous").code == 2
