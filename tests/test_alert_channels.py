"""Telling: real servers on loopback, a real history, and channels that fail in every way."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evalkit.alert import Alert, AlertKind
from evalkit.alert_channels import BoundChannel, build_channels, send_all, tell
from evalkit.alerting import NightFindings
from evalkit.config.schema import AlertSpec
from evalkit.errors import AlertError, ConfigError
from evalkit.history import History
from tests.alerts.receiving import Receiver, Reply, an_alert

CANARY = "canary-77aa"


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A channel in this process; it raises what it is given."""

    heard: list[Alert] = field(default_factory=list)
    raises: list[BaseException] = field(default_factory=list)
    takes_each: bool = False
    variables: tuple[str, ...] = ()

    async def send(self, alert: Alert) -> str:
        if self.raises:
            raise self.raises.pop(0)
        self.heard.append(alert)
        return "heard it"


def findings(night: str = "2026-11-23", *alerts: Alert) -> NightFindings:
    return NightFindings(name="qa", night=night, alerts=alerts, checked=frozenset(f"regression {n}" for n in range(9)))


def regressions(count: int, **changes: object) -> list[Alert]:
    return [an_alert(key=f"regression {n}", title=f"metric {n} fell.", **changes) for n in range(count)]


@pytest.fixture
def history(tmp_path):
    with History(tmp_path / "history.sqlite") as history:
        yield history


async def test_from_the_config_to_a_server_and_never_twice(history, monkeypatch, tmp_path):
    with Receiver() as receiver:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/{CANARY}")
        specs = [AlertSpec(use="slack", on=["regression", "recovery"]), AlertSpec(use="github_issue")]
        channels = build_channels(specs, tmp_path)
        first = await tell(findings("2026-11-23", *regressions(1)), channels, history)
        again = await tell(findings("2026-11-23", *regressions(1)), channels, history)
        over = await tell(findings("2026-11-24"), channels, history)
        texts = [json.loads(got.body)["text"].splitlines()[0] for got in receiver.got]
    assert first[0] == "Alerts: slack posted to the address in SLACK_WEBHOOK_URL."
    assert first[1].startswith(f"Alerts: github_issue wrote {tmp_path}/alerts/inference-qa-regression-0-")
    assert again == ()
    assert len(over) == 2
    assert texts == ["*Regression: metric 0 fell.*", "*Recovered: 0 has recovered, after 1 night.*"]
    [entry] = history.alert_entries("qa")
    assert (entry.opened, entry.closed) == ("2026-11-23", "2026-11-24")


async def test_a_dead_and_a_slow_channel_are_sentences_and_the_alert_is_due_again(history, monkeypatch):
    with Receiver(Reply(hangs=True)) as receiver:
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/{CANARY}")
        channels = build_channels([AlertSpec(use="webhook", url_env="HOOK_URL"), AlertSpec(use="slack")], Path())
        sentences = await tell(findings("2026-11-23", *regressions(2)), channels, history, deadline_s=0.05)
        assert len(receiver.got) <= 1
    assert sentences == (
        "Alerts: webhook did not take 2 alerts: no answer within 0.05 s.",
        "Alerts: slack did not take 2 alerts: the variable SLACK_WEBHOOK_URL is not set.",
    )
    assert [entry.told for entry in history.alert_entries("qa")] == [None, None]
    listener = Listener()
    await tell(findings("2026-11-24", *regressions(2)), [BoundChannel("mine", listener)], history)
    assert [alert.opened for alert in listener.heard] == ["2026-11-23", "2026-11-23"]


async def test_what_one_channel_took_is_told(history):
    deaf, mine = Listener(raises=[AlertError("deaf.")]), Listener()
    channels = [BoundChannel("deaf", deaf), BoundChannel("mine", mine)]
    assert await tell(findings("2026-11-23", *regressions(1)), channels, history) == (
        "Alerts: deaf did not take 1 alert: deaf.",
        "Alerts: mine heard it.",
    )
    assert await tell(findings("2026-11-23", *regressions(1)), channels, history) == ()


async def test_who_wants_what(history):
    wants = Listener()
    channel = BoundChannel("mine", wants, frozenset({AlertKind.RECOVERY}))
    assert await tell(findings("2026-11-23", *regressions(1)), [channel], history) == ()
    assert await tell(findings("2026-11-24"), [channel], history) == ()
    [entry] = history.alert_entries("qa")
    assert (entry.told, entry.closed) == (None, "2026-11-24")


async def test_a_recovery_that_nobody_wants_is_kept_all_the_same(history):
    channel = BoundChannel("mine", Listener(), frozenset({AlertKind.REGRESSION}))
    await tell(findings("2026-11-23", *regressions(1)), [channel], history)
    assert await tell(findings("2026-11-24"), [channel], history) == ()
    assert history.open_alerts("qa") == ()


async def test_nobody_to_tell(history):
    assert await tell(findings("2026-11-23", *regressions(1)), [], history) == ()
    assert [entry.told for entry in history.open_alerts("qa")] == [None]


async def test_many_of_a_kind_arrive_as_one_but_where_each_has_its_own(history):
    together, apart = Listener(), Listener(takes_each=True)
    channels = [BoundChannel("together", together), BoundChannel("apart", apart)]
    moved = an_alert(kind=AlertKind.MOVED, key="moved judge", title="The judge moved.")
    sentences = await tell(findings("2026-11-23", *regressions(5), moved), channels, history)
    assert sentences == ("Alerts: together heard it.", "Alerts: apart heard it.")
    joined, other = together.heard
    assert joined.title == "inference-qa: 5 regressions on the night of 2026-11-23."
    assert joined.lines == tuple(f"metric {n} fell." for n in range(5))
    assert other.title == "The judge moved."
    assert len(apart.heard) == 6
    assert await tell(findings("2026-11-23", *regressions(5), moved), channels, history) == ()


async def test_one_refusal_does_not_stop_the_rest():
    listener = Listener(raises=[AlertError("refused")])
    delivery = await send_all(BoundChannel("mine", listener), regressions(3))
    assert delivery.taken == {"regression 1", "regression 2"}
    assert delivery.sentence == "Alerts: mine took 2 of 3 alerts: refused."


async def test_what_a_foreign_channel_raises_is_not_repeated():
    listener = Listener(raises=[ValueError(f"https://hooks.example.org/{CANARY}")])
    delivery = await send_all(BoundChannel("mine", listener), regressions(1))
    assert delivery.sentence == "Alerts: mine did not take 1 alert: it raised ValueError."


async def test_an_interrupt_is_not_swallowed(history):
    listener = Listener(raises=[asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await tell(findings("2026-11-23", *regressions(1)), [BoundChannel("mine", listener)], history)
    assert history.alert_entries("qa") == ()


def test_channels_of_a_config(tmp_path):
    specs = [
        AlertSpec(use="slack"),
        AlertSpec(use="slack", url_env="OTHER_URL"),
        AlertSpec(use="github_issue", on=["moved"]),
    ]
    labels = [(each.label, len(each.kinds), each.takes_each) for each in build_channels(specs, tmp_path)]
    assert labels == [
        ("slack (nightly.alerts.0)", 5, False),
        ("slack (nightly.alerts.1)", 5, False),
        ("github_issue", 1, True),
    ]


def test_a_plugin_that_is_no_channel(tmp_path):
    with pytest.raises(ConfigError, match=r"nightly\.alerts\.0: 'evalkit.scorers.exact:Exact' is not a channel"):
        build_channels([AlertSpec(use="evalkit.scorers.exact:Exact")], tmp_path)
