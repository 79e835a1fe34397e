import asyncio
import json
from pathlib import Path

import pytest

from evalkit.cli.run import load_plan
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder
from tests.cli.commands import CommandLine
from tests.plans import write_plan

GATE = {"rules": [{"metric": "qa.exact", "max_drop": 0.02}, {"metric": "error_rate", "max": 0.5}]}


def run_it(config: Path, run_id: str, *overrides: str) -> RunFolder:
    folder = RunFolder(config.parent / "reports" / "nightly" / run_id)
    folder.path.mkdir(parents=True)
    asyncio.run(run_plan(load_plan(config, None, overrides), folder, weave=WeaveTarget("off", "")))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_plan(tmp_path, rows=40, gate=GATE)


def test_trials_of_one_run(cli: CommandLine, config: Path) -> None:
    folder = run_it(config, "one", "evaluations.0.trials=2")
    done = cli("calibrate", folder.path, "--splits", 30, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (rule,) = found["rules"]
    assert (rule["rule"], rule["samples"], rule["trials"], found["splits"]) == ("qa.exact", 40, 1, 30)
    assert rule["naive_fail_rate"] >= rule["fail_rate"]
    assert json.loads(cli("calibrate", folder.path, "--splits", 30, "--json").out) == found
    text = cli("calibrate", folder.path, "--splits", 30).out
    assert "suggested max_drop" in text
    assert "the bare number would fail in" in text
    assert "not looked at, having no max_drop: error_rate" in text
    assert max(map(len, text.splitlines())) <= 80


def test_two_runs_of_one_plan(cli: CommandLine, config: Path) -> None:
    first, second = run_it(config, "one"), run_it(config, "two")
    done = cli("calibrate", first.path, second.path, "--splits", 20)
    assert done.code == 0, done.err
    assert "the two runs themselves differ by +0.000" in done.out


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (None, "has 1 trial of each sample, and one alone cannot be split"),
        ("one", "the two runs are one"),
        ("other", "are of different plans"),
    ],
    ids=["one trial", "itself", "another plan"],
)
def test_what_cannot_be_calibrated(cli: CommandLine, config: Path, second: str | None, message: str) -> None:
    folder = run_it(config, "one")
    if second == "other":
        run_it(config, "other", "run.seed=1", "datasets.qa.limit=20")
    others = () if second is None else (folder.path.parent / second,)
    done = cli("calibrate", folder.path, *others)
    assert done.code == 2
    assert message in done.err


def test_rules_from_elsewhere(cli: CommandLine, tmp_path: Path, config: Path) -> None:
    folder = run_it(config, "one", "evaluations.0.trials=2")
    wide = json.loads(cli("calibrate", folder.path, "--splits", 20, "--max-drop", 0.3, "--json").out)
    assert [rule["max_drop"] for rule in wide["rules"]] == [0.3]
    (tmp_path / "other").mkdir()
    rules = {"rules": [{"metric": "qa.exact", "max_drop": 0.1, "slice": "half=*"}]}
    other = write_plan(tmp_path / "other", gate=rules)
    found = json.loads(cli("calibrate", folder.path, "--splits", 20, "--config", other, "--json").out)
    assert [(rule["slice"], rule["max_drop"]) for rule in found["rules"]] == [("half=h0", 0.1), ("half=h1", 0.1)]
    bare = cli("calibrate", folder.path, "--config", write_plan(tmp_path / "other"))
    assert (bare.code, "it has no gate" in bare.err) == (2, True)
