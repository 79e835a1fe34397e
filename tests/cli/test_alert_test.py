import json

import pytest

from tests.alerts.receiving import Receiver
from tests.cli.commands import CommandLine
from tests.config.written import GOOD, write

ALERTS = GOOD + "nightly: {alerts: [{use: slack, on: [recovery]}, {use: webhook, url_env: HOOK_URL}]}\n"
CANARY = "canary-5d0b"


def test_every_channel_is_tried_whatever_its_on_says(cli: CommandLine, tmp_path, monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/slack/{CANARY}")
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/hook/{CANARY}")
        done = cli("alert", "test", write(tmp_path, ALERTS))
        bodies = {got.path.split("/")[1]: json.loads(got.body) for got in receiver.got}
    assert done.code == 0
    assert done.err.splitlines() == [
        "slack: posted to the address in SLACK_WEBHOOK_URL",
        "webhook: posted to the address in HOOK_URL",
    ]
    assert bodies["slack"]["text"].startswith("*Test: This is a test: nothing happened.*")
    assert (bodies["hook"]["is_test"], bodies["hook"]["name"]) == (True, "qa")


def test_a_channel_that_does_not_take_it(cli: CommandLine, tmp_path, monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/hook/{CANARY}")
        done = cli("alert", "test", "--json", write(tmp_path, ALERTS))
    assert done.code == 3
    assert CANARY not in done.out + done.err
    assert json.loads(done.out) == [
        {"channel": "slack", "sent": False, "done": None, "problem": "the variable SLACK_WEBHOOK_URL is not set"},
        {"channel": "webhook", "sent": True, "done": "posted to the address in HOOK_URL", "problem": None},
    ]


def test_nobody_to_tell(cli: CommandLine, tmp_path):
    done = cli("alert", "test", write(tmp_path, GOOD))
    assert done.code == 2
    assert done.err.endswith("nightly.alerts: names nobody to tell; add one such as {use: slack}\n")


@pytest.mark.parametrize("profile", [(), ("--profile", "nightly")])
def test_a_profile_adds_channels(cli: CommandLine, tmp_path, profile):
    text = GOOD + "profiles: {nightly: {nightly: {alerts: [{use: github_issue}]}}}\n"
    assert cli("alert", "test", write(tmp_path, text), *profile).code == (0 if profile else 2)
