"""`evalkit publish`: what it refuses, what it writes, what it returns."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evalkit.cli.publish import command
from evalkit.errors import ConfigError, ExitCode, IncompleteError
from tests.weave_io.run_folders import RunSpec, make_run_folder


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def test_an_incomplete_run_is_refused(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path, complete=False)
    result = invoke(str(folder.path))
    assert isinstance(result.exception, IncompleteError)
    assert "is incomplete, with 0 of 2 cells; finish it with `evalkit run CONFIG --resume" in str(result.exception)


def test_a_run_without_a_place_is_refused(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path, RunSpec(weave={"backend": "off"}))
    result = invoke(str(folder.path))
    assert isinstance(result.exception, ConfigError)
    assert "--backend local or wandb" in str(result.exception)


@pytest.mark.slow
def test_the_weave_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path)
    before = folder.load()
    result = invoke(str(folder.path), "--json")
    assert result.return_value == ExitCode.DONE
    after = folder.load()
    assert dataclasses.replace(after, weave=None) == before
    assert after.weave == json.loads(result.stdout)
    assert "published 2 cells to local/tests (local)" in result.stderr
    assert "read back and compared" in result.stderr
    assert list(after.weave)[:8] == [
        "backend",
        "project",
        "evaluations",
        "models",
        "calls",
        "leaderboard",
        "verified",
        "error",
    ]


@pytest.mark.slow
def test_a_failure_elsewhere_leaves_a_good_block(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path)
    assert invoke(str(folder.path)).return_value == ExitCode.DONE
    good = folder.load().weave
    result = invoke(str(folder.path), "--backend", "wandb", "--project", "team/project")
    assert result.return_value == ExitCode.PUBLISH_FAILED
    assert "WANDB_API_KEY is not set" in result.stderr
    assert folder.load().weave == good
