import json

import pytest

from evalkit.alerts.slack import Slack
from evalkit.errors import AlertError
from tests.alerts.receiving import Receiver, Reply, an_alert


@pytest.fixture
def receiver(monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/services/T0/B0/canary-4417")
        yield receiver


def message(receiver: Receiver) -> dict:
    [got] = receiver.got
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(got.body)


async def test_what_arrives(receiver):
    assert await Slack().send(an_alert()) == "posted to the address in SLACK_WEBHOOK_URL"
    sent = message(receiver)
    assert receiver.got[0].path == "/services/T0/B0/canary-4417"
    assert sent["text"].splitlines() == [
        "*Regression: qa.exact of GPT fell by 4.0 points.*",
        "• The interval is 2.1 to 5.9 points.",
        "• 12 samples turned wrong, 3 right.",
        "<https://reports.example.org/2026-11-23.html|The night's report>",
    ]
    section, context = sent["blocks"]
    assert section == {"type": "section", "text": {"type": "mrkdwn", "text": sent["text"]}}
    assert context["elements"][0]["text"] == "inference-qa, night of 2026-11-23, since 2026-11-21"
    assert "channel" not in sent


async def test_what_slack_would_act_on_is_escaped(receiver):
    await Slack().send(an_alert(title="<!channel> a & b @here \x1b[0m", lines=("<http://evil|x>",), report="re<port>"))
    text = message(receiver)["text"]
    assert "&lt;!channel&gt; a &amp; b @\u200bhere [0m" in text
    assert "&lt;http://evil|x&gt;" in text
    assert "Report: re&lt;port&gt;" in text
    assert "<" not in text


async def test_a_long_night_is_cut_between_lines_and_says_so(receiver):
    await Slack().send(an_alert(lines=tuple(f"line {n} " + "x" * 90 for n in range(200))))
    text = message(receiver)["text"]
    assert len(text) <= 2900
    assert text.splitlines()[-2].startswith("• and 1")
    assert text.splitlines()[-2].endswith(" more, in the report")


async def test_a_line_that_never_ends_is_cut(receiver):
    await Slack().send(an_alert(lines=(), title="&" * 9000))
    assert len(message(receiver)["text"]) <= 2900


async def test_a_channel_for_mattermost(receiver):
    await Slack(channel="nightly").send(an_alert())
    assert message(receiver)["channel"] == "nightly"


async def test_a_template_of_ones_own(receiver, tmp_path):
    (tmp_path / "mine.j2").write_text("{{ name }}: {{ title }} ({{ lines | length }})\n", encoding="utf-8")
    await Slack(template="mine.j2", base_dir=tmp_path).send(an_alert(title="a < b"))
    assert message(receiver)["text"] == "inference-qa: a &lt; b (2)"


async def test_a_webhook_that_was_removed_is_said_without_its_address(monkeypatch):
    with Receiver(Reply(404, body="no_service /services/T0/B0/canary-4417")) as receiver:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/services/T0/B0/canary-4417")
        with pytest.raises(AlertError) as raised:
            await Slack().send(an_alert())
    assert str(raised.value) == "the address in SLACK_WEBHOOK_URL refused it with HTTP 404 (Not Found)"


def test_an_address_where_its_variable_belongs_is_not_repeated():
    with pytest.raises(ValueError, match="name of an environment variable") as raised:
        Slack(url_env="https://hooks.example.org/canary-4417")
    assert "canary" not in str(raised.value)
