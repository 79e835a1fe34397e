"""Every registered alert channel keeps the protocol's promises."""

import dataclasses
import inspect
import os
import traceback
from typing import get_args

import pytest

from evalkit.alert import AlertChannel, AlertKind
from evalkit.alert_texts import clean_line
from evalkit.config.nights import AlertSpec
from evalkit.errors import AlertError
from evalkit.registry import Registry
from tests.alerts.receiving import MailServer, Receiver, Reply, an_alert

REGISTRY = Registry("evalkit.alerts")
NAMES = REGISTRY.names()
CANARY = "canary-2f6d-secret"


def test_the_built_in_ones_are_there():
    assert {"slack", "webhook", "email", "github_issue"} <= set(NAMES)


def test_the_config_knows_every_kind():
    [kinds] = get_args(get_args(AlertSpec.model_fields["on"].annotation)[0])
    assert set(get_args(kinds)) == {kind.value for kind in AlertKind}


@pytest.mark.parametrize("name", NAMES)
def test_one_frozen_dataclass_that_says_what_it_is(name):
    plugin = REGISTRY.plugin(name)
    assert dataclasses.is_dataclass(plugin)
    assert plugin.__dataclass_params__.frozen
    assert plugin.__slots__ is not None
    first = inspect.getdoc(plugin).splitlines()[0]
    assert first.endswith((".", ";"))
    for option in dataclasses.fields(plugin):
        assert option.name in inspect.getdoc(plugin), f"{name}: option {option.name} is not documented"


@pytest.fixture
def server():
    with MailServer() as server:
        yield server


@pytest.fixture
def options(server, tmp_path):
    folder = {"base_dir": str(tmp_path)}
    mail = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "a@example.org",
        "to": "b@example.org",
    }
    return {
        "slack": {"url_env": "HOOK_URL", **folder},
        "webhook": {"url_env": "HOOK_URL", "secret_env": "HOOK_SECRET", "headers_env": {"X-Key": "HOOK_KEY"}, **folder},
        "email": {**mail, "user_env": "MAIL_USER", "password_env": "MAIL_PASSWORD", **folder},
        "github_issue": folder,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", AlertKind)
async def test_it_takes_every_kind_or_says_why_not(name, kind, options, monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/{CANARY}")
        for variable in ("HOOK_SECRET", "HOOK_KEY"):
            monkeypatch.setenv(variable, CANARY)
        mine = {key: value for key, value in options[name].items() if not key.startswith(("user", "password"))}
        channel = REGISTRY.build(name, mine)
        assert isinstance(channel, AlertChannel)
        done = await channel.send(an_alert(kind=kind, lines=(), report=None, run=None, opened=None))
    assert done == clean_line(done)
    assert CANARY not in done + repr(channel)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"github_issue"}))
async def test_a_secret_is_read_by_its_name_and_never_told(name, options, monkeypatch, capfd, caplog):
    """Without a variable: which one. With a wrong one: that it was refused, and nothing of what it holds."""
    caplog.set_level("DEBUG")
    channel = REGISTRY.build(name, options[name])
    assert channel.variables
    for variable in channel.variables:
        assert variable not in os.environ
    with pytest.raises(AlertError, match=f"the variable ({'|'.join(channel.variables)}) is not set"):
        await channel.send(an_alert())
    with Receiver(*(Reply(401, body=f"wrong: {CANARY}") for _ in range(2))) as receiver:
        for variable in channel.variables:
            monkeypatch.setenv(variable, CANARY)
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/{CANARY}")
        with pytest.raises(AlertError) as raised:
            await channel.send(an_alert())
    printed = "".join(traceback.format_exception(raised.value)) + "".join(capfd.readouterr()) + caplog.text
    assert CANARY not in printed
    assert raised.value.__context__ is None
