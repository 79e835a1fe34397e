from pathlib import Path

import pytest

from tests.cli.commands import CommandLine
from tests.config.written import write

CANARY = "canary-31f0"
CONFIG = """\
name: qa
description: ${ABOUT:-nothing}
models: [small, {id: other, provider: mine}]
providers: {mine: {use: openai, base_url: "http://127.0.0.1:8000/v1", api_key_env: MY_KEY}}
datasets: {rows: {rows: [{id: a, input: x, target: y}]}}
scorers: {exact: {use: exact}}
nightly:
  alerts:
    - {use: slack}
    - {use: webhook, url_env: HOOK_URL, secret_env: HOOK_SECRET, headers_env: {X-Key: HOOK_KEY}}
    - use: email
      host: mail.example.org
      sender: a@example.org
      to: b@example.org
      user_env: MAIL_USER
      password_env: MAIL_PASSWORD
    - {use: github_issue, folder: issues}
profiles: {night: {run: {seed: 3}}}
"""
NEEDED = (
    *("ABOUT", "HOOK_KEY", "HOOK_SECRET", "HOOK_URL", "MAIL_PASSWORD", "MAIL_USER", "MY_KEY"),
    *("SLACK_WEBHOOK_URL", "WANDB_API_KEY"),
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    return write(tmp_path / "configs", CONFIG).relative_to(tmp_path)


@pytest.mark.parametrize("system", ["cron", "systemd", "github", "gitlab", "kubernetes"])
def test_variables_are_named_and_their_values_never(cli: CommandLine, config, monkeypatch, system):
    for name in NEEDED:
        monkeypatch.setenv(name, CANARY)
    done = cli("schedule", "show", config, "--for", system, "--profile", "night")
    assert done.code == 0, done.err
    assert f": {', '.join(NEEDED)}." in done.out
    assert CANARY not in done.out + done.err
    assert "configs/config.yaml" in done.out


def test_when(cli: CommandLine, config):
    done = cli("schedule", "show", config, "--for", "kubernetes", "--at", "04:05", "--timezone", "Europe/Berlin")
    assert 'schedule: "5 4 * * *"' in done.out
    assert 'timeZone: "Europe/Berlin"' in done.out


def test_the_issue_folder_of_the_config_is_read(cli: CommandLine, config):
    assert "for file in configs/issues/*.md; do" in cli("schedule", "show", config, "--for", "github").out


def test_the_profile_called_nightly_is_the_nights(cli: CommandLine, config):
    config.write_text(
        CONFIG.replace("{night: {run: {seed: 3}}}", "{nightly: {nightly: {alerts: []}}}"), encoding="utf-8"
    )
    assert ": ABOUT, MY_KEY, WANDB_API_KEY." in cli("schedule", "show", config, "--for", "cron").out


def test_two_files_say_which_is_which(cli: CommandLine, config, tmp_path):
    done = cli("schedule", "show", config, "--for", "systemd")
    assert [line for line in done.out.splitlines() if line.startswith("# ==>")] == [
        "# ==> ~/.config/systemd/user/evalkit-qa.service <==",
        "# ==> ~/.config/systemd/user/evalkit-qa.timer <==",
    ]
    written = cli("schedule", "show", config, "--for", "systemd", "--out", tmp_path / "out")
    paths = [Path(line) for line in written.out.splitlines()]
    assert [path.name for path in paths] == ["evalkit-qa.service", "evalkit-qa.timer"]
    assert paths[1].read_text(encoding="utf-8") in done.out
    assert "belongs at ~/.config/systemd/user/evalkit-qa.timer" in written.err


def test_what_is_installed_elsewhere(cli: CommandLine, config):
    done = cli("schedule", "show", config, "--for", "gitlab", "--install", "evalkit[local] @ ./here")
    assert "python -m pip install 'evalkit[local] @ ./here'" in done.out
    assert '"evals:7"' in cli("schedule", "show", config, "--for", "kubernetes", "--image", "evals:7").out


def test_a_config_outside_of_the_folder(cli: CommandLine, config, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = tmp_path / config
    refused = cli("schedule", "show", path, "--for", "github")
    assert refused.code == 2
    assert "is not below this folder; run this where a checkout of your repository begins" in refused.err
    assert f"nightly {path}" in cli("schedule", "show", path, "--for", "cron").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--for", "cron", "--at", "25:00"), "--at '25:00' is no time of day; write it as in 02:30"),
        (("--for", "cron", "--timezone", "Nowhere/At all"), "--timezone 'Nowhere/At all' is not known here"),
        (("--for", "cron", "--timezone", "../etc/passwd"), "is not known here"),
        (("--for", "at"), "'at' is not one of"),
        ((), "Missing option '--for'"),
    ],
)
def test_what_is_refused(cli: CommandLine, config, options, message):
    done = cli("schedule", "show", config, *options)
    assert done.code == 2
    assert message in done.err


def test_a_variable_with_a_default_is_optional(cli: CommandLine, config):
    shown = cli("schedule", "show", config, "--for", "kubernetes").out
    assert "key: ABOUT, optional: true}" in shown
    assert "key: MY_KEY}" in shown
