"""Files for other systems' clocks: held against those systems' own validators, and the cron one run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time as clock
from dataclasses import replace
from datetime import time
from pathlib import Path, PurePosixPath

import pytest
from ruamel.yaml import YAML

from evalkit.errors import ConfigError
from evalkit.schedules import SYSTEMS, Schedule, render_schedule

PLAIN = Schedule(
    name="inference-qa",
    config=PurePosixPath("configs/mine.yaml"),
    folder=PurePosixPath("/srv/evals"),
    program=("/srv/venv/bin/evalkit",),
    requirement="evalkit==0.1.0",
    image="registry.example.org/evals:3",
    at=time(2, 30),
    timezone="UTC",
    profile="nightly",
    variables=("SLACK_WEBHOOK_URL", "WANDB_API_KEY"),
    issue_folders=(PurePosixPath("configs/alerts"),),
)
ODD = replace(
    PLAIN,
    name="Ünï.code_name-" + "x" * 60,
    config=PurePosixPath('con figs/it\'s 100% "mine" $HOME #1.yaml'),
    folder=PurePosixPath("/srv/a b/50%'s"),
    program=("/srv/my venv/bin/python", "-m", "evalkit"),
    timezone="Europe/Berlin",
    profile=None,
    variables=(),
    issue_folders=(),
)
BOTH = pytest.mark.parametrize("schedule", [PLAIN, ODD], ids=["plain", "odd"])


def text_of(system: str, schedule: Schedule) -> str:
    [made] = render_schedule(system, schedule)
    return made.text


def documents(system: str, schedule: Schedule) -> list:
    return list(YAML(typ="safe").load_all(text_of(system, schedule)))


@BOTH
@pytest.mark.parametrize("system", SYSTEMS)
def test_each_names_its_variables_and_says_what_codes_mean(system, schedule):
    first = render_schedule(system, schedule)[0].text
    comments = "\n".join(line for line in first.splitlines() if line.startswith("#"))
    assert "3 incomplete: the same command goes" in comments
    assert ", ".join(schedule.variables) in comments
    assert ("needs no variable" in comments) == (not schedule.variables)
    assert all(made.text.endswith("\n") for made in render_schedule(system, schedule))


def test_where_each_belongs():
    made = {system: [each.path for each in render_schedule(system, PLAIN)] for system in SYSTEMS}
    assert made == {
        "cron": ["evalkit-inference-qa.crontab"],
        "systemd": [
            "~/.config/systemd/user/evalkit-inference-qa.service",
            "~/.config/systemd/user/evalkit-inference-qa.timer",
        ],
        "github": [".github/workflows/evalkit-inference-qa.yml"],
        "gitlab": [".gitlab/evalkit-inference-qa.gitlab-ci.yml"],
        "kubernetes": ["evalkit-inference-qa.yaml"],
    }


def test_a_path_that_no_file_can_hold():
    with pytest.raises(ConfigError, match="control character"):
        render_schedule("cron", replace(PLAIN, config=PurePosixPath("a\n* * * * * rm x")))


def test_github():
    [workflow] = documents("github", PLAIN)
    assert workflow["on"]["schedule"] == [{"cron": "30 2 * * *"}]
    assert workflow["permissions"] == {"contents": "read", "issues": "write"}
    assert workflow["concurrency"]["cancel-in-progress"] is False
    steps = workflow["jobs"]["nightly"]["steps"]
    [nightly] = [step for step in steps if step.get("id") == "nightly"]
    assert nightly["run"] == "evalkit nightly configs/mine.yaml --profile nightly"
    assert nightly["env"] == {name: f"${{{{ secrets.{name} }}}}" for name in PLAIN.variables}
    after = steps[steps.index(nightly) + 1 :]
    assert len(after) == 3
    assert all(step["if"] == "always()" for step in after)
    kept = [step["with"]["path"].split() for step in steps if "cache" in step.get("uses", "")]
    assert kept == [["reports", ".evalkit"]] * 2


def test_github_in_another_zone_and_without_issues():
    [workflow] = documents("github", ODD)
    assert workflow["on"]["schedule"] == [{"cron": "30 2 * * *", "timezone": "Europe/Berlin"}]
    assert workflow["permissions"] == {"contents": "read"}
    assert "gh issue" not in text_of("github", ODD)


def test_gitlab():
    [pipeline] = documents("gitlab", PLAIN)
    job = pipeline["evalkit-nightly-inference-qa"]
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert job["script"][-1] == "evalkit nightly configs/mine.yaml --profile nightly"
    assert job["cache"]["paths"] == ["reports", ".evalkit"]
    assert '"30 2 * * *" in the time zone UTC' in text_of("gitlab", PLAIN)


def test_kubernetes():
    claim, job = documents("kubernetes", PLAIN)
    spec = job["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("30 2 * * *", "Etc/UTC", "Forbid")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["args"] == ["nightly", "configs/mine.yaml", "--profile", "nightly"]
    assert [each["name"] for each in container["env"]] == ["HOME", *PLAIN.variables]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@BOTH
def test_what_kubernetes_says_of_it(schedule):
    validate = pytest.importorskip("kubernetes_validate")
    for document in documents("kubernetes", schedule):
        validate.validate(document, validate.latest_version(), strict=True)
        name = document["metadata"]["name"]
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
        assert len(name) <= 52


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize(
    ("system", "options"),
    [
        ("github", ("--builtin-schema", "vendor.github-workflows")),
        ("gitlab", ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")),
    ],
)
def test_what_github_and_gitlab_say_of_it(tmp_path, schedule, system, options):
    """Their own JSON Schemas, as check-jsonschema brings them."""
    path = tmp_path / "file.yml"
    path.write_text(text_of(system, schedule), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *options, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
@BOTH
def test_what_systemd_says_of_it(tmp_path, schedule):
    here = replace(schedule, program=("/bin/true", *schedule.program[1:]), folder=PurePosixPath(tmp_path))
    paths = [tmp_path / PurePosixPath(made.path).name for made in render_schedule("systemd", here)]
    for path, made in zip(paths, render_schedule("systemd", here), strict=True):
        path.write_text(made.text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "evalkit-" in line]
    assert (done.returncode, ours) == (0, [])
    calendar = re.search(r"^OnCalendar=(.*)$", paths[1].read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert calendar == f"*-*-* 02:30:00 {schedule.timezone}"
    checked = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, check=False, timeout=100)
    assert checked.returncode == 0, checked.stderr


def test_systemd_quotes_what_it_would_expand():
    service = render_schedule("systemd", ODD)[0].text
    assert "WorkingDirectory=/srv/a b/50%%'s\n" in service
    assert r'nightly "con figs/it' in service
    assert r's 100%% \"mine\" $$HOME #1.yaml"' in service


STAND_IN = """#!/bin/sh
{ pwd; for word in "$@"; do echo "$word"; done; env | sort; } >"$HOME/seen"
echo said; exit 3
"""


def stand_in(folder: Path, schedule: Schedule) -> Schedule:
    """Return a schedule of this machine whose program writes down how it is called, with its environment file."""
    script = folder / "bin with space%" / "evalkit"
    script.parent.mkdir()
    script.write_text(STAND_IN, encoding="utf-8")
    script.chmod(0o755)
    place = folder / "it's 50%"
    place.mkdir()
    made = replace(schedule, program=(str(script),), folder=PurePosixPath(place))
    if schedule.variables:
        environment = folder / ".config" / "evalkit" / f"{made.slug}.env"
        environment.parent.mkdir(parents=True)
        environment.write_text("".join(f"{name}='value of {name}'\n" for name in schedule.variables), encoding="utf-8")
    return made


def cron_command(schedule: Schedule) -> str:
    """Return what cron hands to the shell: the line after its five fields, with its percent signs undone."""
    *_, line = text_of("cron", schedule).splitlines()
    fields = line.split(" ", 5)
    assert fields[:5] == ["30", "2", "*", "*", "*"]
    assert not re.search(r"(?<!\\)%", fields[5]), "cron would take it for a line break"
    return fields[5].replace(r"\%", "%")


def bare(home: Path) -> dict[str, str]:
    """Return all that cron gives a command."""
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "someone"}


@BOTH
def test_the_line_of_cron_in_crons_bare_shell(tmp_path, schedule):
    here = stand_in(tmp_path, schedule)
    done = subprocess.run(["/bin/sh", "-c", cron_command(here)], env=bare(tmp_path), cwd="/", check=False, timeout=100)
    assert done.returncode == 3
    seen = (tmp_path / "seen").read_text(encoding="utf-8").splitlines()
    assert seen[0] == str(here.folder)
    assert tuple(seen[1 : 1 + len(here.words)]) == here.words
    assert {f"{name}=value of {name}" for name in here.variables} <= set(seen)
    assert (Path(here.folder) / ".evalkit" / f"{here.slug}.log").read_text(encoding="utf-8") == "said\n"


@pytest.mark.slow
def test_the_line_of_cron_starts_evalkit(tmp_path):
    """The whole way from cron's bare shell to this evalkit, whose answer goes to the log."""
    here = replace(
        PLAIN,
        program=(sys.executable, "-m", "evalkit"),
        folder=PurePosixPath(tmp_path),
        config=PurePosixPath("none.yaml"),
        profile=None,
        variables=(),
    )
    env = {**bare(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(["/bin/sh", "-c", cron_command(here)], env=env, cwd="/", check=False, timeout=100)
    assert done.returncode == 2
    assert "none.yaml: cannot be read" in (tmp_path / ".evalkit" / "inference-qa.log").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("crontab") is None, reason="crontab is not here")
@BOTH
def test_what_crontab_says_of_it(tmp_path, schedule):
    (tmp_path / "file").write_text(text_of("cron", schedule), encoding="utf-8")
    done = subprocess.run(
        ["crontab", "-n", str(tmp_path / "file")], capture_output=True, text=True, check=False, timeout=100
    )
    if "invalid option" in done.stderr:
        pytest.skip("this crontab cannot check a file without taking it")
    assert done.returncode == 0, done.stderr


@pytest.mark.nightly
@pytest.mark.timeout(200)
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("cron") is None, reason="needs root and Debian's cron")
def test_a_real_cron_runs_it(tmp_path):
    """Cron itself, with a spool of its own in a mount namespace, every minute instead of every night."""
    here = stand_in(tmp_path, PLAIN)
    table = text_of("cron", here).replace("30 2 * * *", "* * * * *").replace("CRON_TZ=", f"HOME={tmp_path}\nCRON_TZ=")
    (tmp_path / "root").write_text(table, encoding="utf-8")
    (tmp_path / "root").chmod(0o600)
    private = "; ".join(
        [
            "set -e",
            *(f"mount -t tmpfs none {place}" for place in ("/etc/cron.d", "/var/spool/cron", "/run")),
            "mkdir -m 1730 /var/spool/cron/crontabs",
            f"cp -p {tmp_path}/root /var/spool/cron/crontabs/root",
            "exec cron -f",
        ]
    )
    daemon = subprocess.Popen(["unshare", "-m", "sh", "-c", private], stderr=subprocess.PIPE, text=True)
    try:
        give_up = clock.monotonic() + 150
        while not (tmp_path / "seen").exists() and daemon.poll() is None and clock.monotonic() < give_up:
            clock.sleep(0.2)
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=30)
    if "unshare" in said or "permission denied" in said.lower():
        pytest.skip("mount namespaces are not allowed here")
    assert (tmp_path / "seen").read_text(encoding="utf-8").splitlines()[:3] == [
        str(here.folder),
        "nightly",
        "configs/mine.yaml",
    ]


GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$GH_LOG"
case "$*" in *"issue list"*) printf '%s\\n' "$GH_FOUND" ;; esac
"""


@pytest.mark.parametrize(
    ("state", "found", "calls"),
    [
        ("open", "", ["create --title qa: it's `fell` --body-file body.md"]),
        ("open", "7", ["edit 7 --title qa: it's `fell` --body-file body.md"]),
        ("closed", "7", ["comment 7 --body-file body.md", "close 7"]),
        ("closed", "", []),
    ],
)
def test_github_keeps_one_issue_for_an_alert(tmp_path, state, found, calls):
    [workflow] = documents("github", PLAIN)
    script = workflow["jobs"]["nightly"]["steps"][-1]["run"]
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "configs" / "alerts").mkdir(parents=True)
    lines = ("qa: it's `fell`", "<!-- evalkit-alert: 0a1b -->", f"<!-- evalkit-state: {state} -->", "", "body")
    (tmp_path / "configs" / "alerts" / "a.md").write_text("\n".join(lines), encoding="utf-8")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GH_LOG": str(tmp_path / "log"), "GH_FOUND": found}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], env=env, cwd=tmp_path, capture_output=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [line.removeprefix("issue ") for line in said if "issue list" not in line and "--jq" not in line] == calls
    assert (tmp_path / "body.md").read_text(encoding="utf-8").splitlines() == list(lines[1:])


def test_no_clean_up_removes_the_baseline(tmp_path):
    """The command that GitHub and GitLab are given, run on old folders."""
    for name in ("20260101T000000-aa", "20260102T000000-b[b", "nightly"):
        (tmp_path / "reports" / "qa" / name).mkdir(parents=True)
    held = replace(PLAIN, baseline="reports/qa/20260102T000000-b[b")
    for each in (*(tmp_path / "reports" / "qa").iterdir(),):
        os.utime(each, (0, 0))
    command = held.clean_up
    assert command is not None
    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True, timeout=100)
    assert {each.name for each in (tmp_path / "reports" / "qa").iterdir()} == {"20260102T000000-b[b", "nightly"}
    os.utime(tmp_path / "reports" / "qa" / "20260102T000000-b[b", (0, 0))
    by_name = replace(PLAIN, baseline="qa").clean_up
    assert by_name is not None
    subprocess.run(["/bin/sh", "-c", by_name], cwd=tmp_path, check=True, timeout=100)
    assert len(list((tmp_path / "reports" / "qa").iterdir())) == 2


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_where_any_run_may_be_the_baseline_none_is_removed(system):
    assert "rm -r" in text_of(system, PLAIN)
    assert "rm -r" not in text_of(system, replace(PLAIN, baseline="previous"))


def test_what_has_a_default_is_no_must():
    text = text_of("kubernetes", replace(PLAIN, optional=("SLACK_WEBHOOK_URL",)))
    assert "key: SLACK_WEBHOOK_URL, optional: true}" in text
    assert "key: WANDB_API_KEY}" in text


def test_the_home_goes_along():
    [cron], [service, _] = (render_schedule(system, replace(PLAIN, home="/srv/a b%")) for system in ("cron", "systemd"))
    assert r"export PATH=/usr/local/bin:/usr/bin:/bin EVALKIT_HOME='/srv/a b\%' && cd" in cron.text
    assert 'Environment="EVALKIT_HOME=/srv/a b%%"' in service.text
    assert not re.search("^(SHELL|PATH)=", cron.text, re.MULTILINE), "it would hold for every entry below"
