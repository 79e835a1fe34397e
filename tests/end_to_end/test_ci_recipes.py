"""The recipes of configs/ci and the action, run where they can be and held against the command line where not."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

from evalkit.cli.run import command as run_command
from tests.end_to_end.command import ROOT, command, environment, write_config, write_rows

CI = ROOT / "configs" / "ci"
SCRIPT = (CI / "run.sh").read_text(encoding="utf-8")
ADDRESS = re.compile(r"://|-index|\bregistry\b", re.IGNORECASE)


def read_yaml(path: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def test_every_option_of_the_recipe_is_one_of_the_command_line() -> None:
    known = {name for parameter in run_command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    code = "\n".join(line for line in SCRIPT.splitlines() if not line.startswith("#"))
    used = set(re.findall(r"(?<=[\s(])--[a-z-]+", code)) - {"--disable-pip-version-check", "--quiet"}
    assert used == {"--reports", "--set", "--profile", "--gate", "--baseline"}
    assert used <= known


def test_every_input_of_the_action_is_used_and_every_variable_is_read() -> None:
    action = read_yaml(ROOT / "action.yml")
    steps = action["runs"]["steps"]
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(steps)))
    assert used == set(action["inputs"])
    [run] = [step for step in steps if step.get("id") == "run"]
    assert set(run["env"]) == set(re.findall(r"^#   (EVALKIT\w*)", SCRIPT, re.MULTILINE))
    assert all(f"${{{name}:" in SCRIPT for name in run["env"])
    outputs = {value["value"] for value in action["outputs"].values()}
    assert outputs == {"${{ steps.run.outputs.code }}", "${{ steps.run.outputs.folder }}"}


def test_no_input_is_pasted_into_a_shell() -> None:
    for step in read_yaml(ROOT / "action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert step.get("shell", "bash") == "bash"
        assert ("run" in step) == ("shell" in step)


def test_what_follows_the_run_happens_whatever_it_ended_with() -> None:
    steps = read_yaml(ROOT / "action.yml")["runs"]["steps"]
    place = next(place for place, step in enumerate(steps) if step.get("id") == "run")
    assert all(step["if"].startswith("always()") for step in steps[place + 1 :])
    assert len(steps) > place + 1


def test_the_github_example_uses_inputs_that_exist() -> None:
    workflow = read_yaml(CI / "github-workflow.yml")
    [step] = [step for step in workflow["jobs"]["gate"]["steps"] if "evalkit" in step["uses"]]
    assert set(step["with"]) <= set(read_yaml(ROOT / "action.yml")["inputs"])
    assert workflow["permissions"]["pull-requests"] == "write"


def test_the_gitlab_job_sets_variables_that_are_read_and_uploads_what_is_made() -> None:
    job = read_yaml(CI / "gitlab-ci.yml")["evalkit"]
    assert all(f"${{{name}:" in SCRIPT for name in job["variables"])
    assert job["artifacts"]["reports"]["junit"] == "evalkit-report/junit.xml"
    assert job["script"] == ["bash configs/ci/run.sh"]


@pytest.mark.parametrize("path", [ROOT / "action.yml", *sorted(CI.iterdir())], ids=lambda path: path.name)
def test_no_file_names_a_place_to_install_from(path: Path) -> None:
    assert ADDRESS.search(path.read_text(encoding="utf-8")) is None


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of what a checkout holds of evalkit and its recipes, with a gated config of scripted models."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "evalkit", folder / "evalkit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CI, folder / "configs" / "ci")
    write_rows(folder, [{"id": f"s{n}", "input": f"question {n}", "target": str(n)} for n in range(150)])
    write_config(
        folder,
        name="gated",
        weave={"backend": "off"},
        providers={"script": {"use": "scripted", "accuracy": {"good": 0.9, "bad": 0.2}}},
        models=[{"id": "good", "provider": "script"}, {"id": "bad", "provider": "script"}],
        datasets={"qa": {"path": "rows.jsonl"}},
        scorers={"exact": {"use": "exact"}},
        gate={"rules": [{"metric": "qa.exact", "min": 0.6}, {"metric": "error_rate", "max": 0.02}]},
    )
    return folder


def run_recipe(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in environment().items() if not name.startswith(("GITHUB_", "EVALKIT_REPORTS"))}
    env |= {"PYTHONPATH": str(checkout), "EVALKIT": " ".join(command()), "EVALKIT_CONFIG": "config.yaml"}
    return subprocess.run(
        ["bash", "configs/ci/run.sh"],
        cwd=checkout,
        env=env | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_the_recipe_in_a_clean_checkout(checkout: Path, tmp_path: Path) -> None:
    told = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "sum"),
        "GITHUB_OUTPUT": str(tmp_path / "o"),
    }
    done = run_recipe(checkout, EVALKIT_OUTPUT="failed", **told)
    assert done.returncode == 1, done.stderr
    assert "::error title=evalkit gated%3A " in done.stderr
    made = {path.name for path in (checkout / "failed").iterdir()}
    assert made == {"run.json", "report.html", "summary.md", "comment.md", "junit.xml"}
    root = ET.fromstring((checkout / "failed" / "junit.xml").read_text(encoding="utf-8"))
    assert (root.get("failures"), root.get("errors")) == ("1", "0")
    comment = (checkout / "failed" / "comment.md").read_text(encoding="utf-8").splitlines()
    assert comment[0] == "<!-- evalkit:gated -->"
    assert comment[1].startswith("**FAIL: 1 of 4 checks is proven to fail")
    assert "**FAIL: 1 of 4 checks" in (tmp_path / "sum").read_text(encoding="utf-8")
    code, folder = (tmp_path / "o").read_text(encoding="utf-8").split()
    assert code == "code=1"
    assert (checkout / folder.removeprefix("folder=") / "run.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "code"),
    [
        pytest.param({"EVALKIT_GATE": "false"}, 0, id="no-gate"),
        pytest.param({"EVALKIT_ARGUMENTS": "--models good --no-publish"}, 0, id="more-arguments"),
        pytest.param({"EVALKIT_CONFIG": "none.yaml"}, 2, id="no-such-config"),
        pytest.param({"EVALKIT_BASELINE": "baselines/none.json"}, 2, id="no-such-baseline"),
    ],
)
def test_the_recipe_ends_with_evalkits_own_code(checkout: Path, variables: dict[str, str], code: int) -> None:
    output = f"out-{code}-{len(variables)}-{next(iter(variables))}"
    done = run_recipe(checkout, EVALKIT_OUTPUT=output, **variables)
    assert done.returncode == code, done.stderr
    assert (checkout / output / "junit.xml").is_file() == (code == 0)


GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$GH_LOG"
[ "${GH_FAILS:-}" = "" ] || exit 1
case "$*" in *--paginate*) [ -z "${GH_FOUND:-}" ] || printf '%s\\n' $GH_FOUND ;; esac
"""


@pytest.mark.parametrize(
    ("found", "calls"),
    [
        pytest.param("", ["POST repos/o/r/issues/7/comments"], id="the-first-time"),
        pytest.param("31 32", ["PATCH repos/o/r/issues/comments/31"], id="updated-in-place"),
    ],
)
def test_one_comment_is_kept(tmp_path: Path, found: str, calls: list[str]) -> None:
    done, said = post(tmp_path, GH_FOUND=found)
    assert done.returncode == 0, done.stderr
    assert [line.split(" --field")[0].removeprefix("api --method ") for line in said[1:]] == calls
    assert said[1].endswith(f"--field body=@{tmp_path / 'comment.md'}")


def test_a_token_that_may_not_write_costs_a_warning(tmp_path: Path) -> None:
    done, said = post(tmp_path, GH_FAILS="1")
    assert done.returncode == 0
    assert done.stdout.startswith("::warning title=evalkit::")
    assert len(said) == 1


def post(tmp_path: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run comment.sh with a `gh` that writes down what it is called with."""
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "comment.md").write_text("<!-- evalkit:x -->\n**PASS.**\n", encoding="utf-8")
    env = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "GH_LOG": str(tmp_path / "log"),
        "COMMENT": str(tmp_path / "comment.md"),
        "GITHUB_REPOSITORY": "o/r",
        "PULL_REQUEST": "7",
    }
    done = subprocess.run(
        ["bash", str(CI / "comment.sh")],
        env=env | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, (tmp_path / "log").read_text(encoding="utf-8").splitlines()
