"""Where a run is published, what a narrowed run keeps, and which wishes exclude each other."""

import json
from pathlib import Path

import pytest

from evalkit.cli.run import narrow, resolve_weave
from evalkit.config.load import load_config
from evalkit.config.schema import Config
from evalkit.errors import AccessError, ConfigError
from evalkit.store import RunFolder
from tests.cli.commands import CommandLine
from tests.comparing import write_sections

BARE = {
    "name": "qa",
    "providers": {"scripted": {"use": "scripted"}},
    "models": [{"id": "a", "provider": "scripted"}, {"id": "b", "provider": "scripted"}],
    "datasets": {"one": {"rows": [{"input": "x", "target": "y"}]}, "two": {"rows": [{"input": "x", "target": "y"}]}},
    "scorers": {"exact": {"use": "exact"}},
}


def config(folder: Path, **changes: object) -> Config:
    path = folder / "config.yaml"
    path.write_text(json.dumps(BARE | changes), encoding="utf-8")
    return load_config(path, env={}).config


@pytest.mark.parametrize(
    ("weave", "env", "backend"),
    [
        ({}, {}, "local"),
        ({"project": "t/p"}, {}, "local"),
        ({}, {"WANDB_API_KEY": "k"}, "local"),
        ({"project": "t/p"}, {"WANDB_API_KEY": "k"}, "wandb"),
        ({"project": "t/p", "backend": "local"}, {"WANDB_API_KEY": "k"}, "local"),
        ({"project": "t/p", "backend": "wandb"}, {"WANDB_API_KEY": "k"}, "wandb"),
        ({"project": "t/p", "backend": "off"}, {"WANDB_API_KEY": "k"}, "off"),
    ],
    ids=str,
)
def test_where_a_run_is_published(tmp_path: Path, weave: dict[str, str], env: dict[str, str], backend: str) -> None:
    target, _ = resolve_weave(config(tmp_path, weave=weave), env, publish=True)
    assert target.backend == backend
    assert target.project == weave.get("project", "local/qa")
    assert resolve_weave(config(tmp_path, weave=weave), env, publish=False)[0].backend == "off"


def test_wandb_without_a_key_is_refused_before_a_call(tmp_path: Path) -> None:
    weave = {"backend": "wandb", "project": "t/p"}
    with pytest.raises(AccessError, match="WANDB_API_KEY is not set"):
        resolve_weave(config(tmp_path, weave=weave), {}, publish=True)


def test_a_narrowed_run_keeps_what_was_named(tmp_path: Path) -> None:
    kept = narrow(config(tmp_path), models=("a",), evaluations=("tw*",), limit=5, trials=3)
    assert [model.label for model in kept.models] == ["a"]
    assert [(e.name, e.trials) for e in kept.evaluations] == [("two", 3)]
    assert {name: spec.limit for name, spec in kept.datasets.items()} == {"two": 5}


@pytest.mark.parametrize(("models", "evaluations"), [(("c",), ()), ((), ("three",))])
def test_a_name_that_matches_nothing_is_refused(
    tmp_path: Path, models: tuple[str, ...], evaluations: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError, match="matches none of"):
        narrow(config(tmp_path), models=models, evaluations=evaluations, limit=None, trials=None)


def test_a_scorer_that_fails_says_how_often_and_why(cli: CommandLine, tmp_path: Path) -> None:
    scorers = {"mine": {"use": "python", "function": "broken:grade"}, "exact": {"use": "exact"}}
    written = write_sections(tmp_path, rows=4, scorers=scorers)
    (tmp_path / "broken.py").write_text("def grade(sample, text):\n    raise KeyError('no such column')\n")
    done = cli("run", written, "--reports", tmp_path / "reports")
    assert "warning: scorer mine failed on 4 of 4 answers of qa/a, first with: " in done.err
    assert "no such column" in done.err
    assert done.code == 3
    assert "4 of 4 scores of qa.mine of a failed (100.0%); mend the scorer, then `evalkit score " in done.err
    (tmp_path / "broken.py").write_text("def grade(sample, text):\n    return text == sample['target']\n")
    mended = cli("score", done.out.strip(), "--config", written, "--reports", tmp_path / "reports")
    assert mended.code == 0
    assert RunFolder(Path(mended.out.strip())).load().cells[0].metrics["mine"].n == 4


def test_scores_may_fail_as_often_as_calls_may(cli: CommandLine, tmp_path: Path) -> None:
    scorers = {"mine": {"use": "python", "function": "broken:grade"}}
    written = write_sections(tmp_path, rows=4, scorers=scorers, run={"max_error_rate": 1})
    (tmp_path / "broken.py").write_text("def grade(sample, text):\n    raise KeyError('no such column')\n")
    assert cli("run", written, "--reports", tmp_path / "reports").code == 0
