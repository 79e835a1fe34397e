"""Who is told of nights, by servers on loopback: once when something happened, once when it is over, else never."""

import email
import email.policy
import functools
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.alert_channels import tell
from evalkit.history import History
from tests.alerts.receiving import MailServer, Receiver, Reply, make_certificate
from tests.cli.commands import CommandLine
from tests.end_to_end.nights import Nights, sections
from tests.fake_endpoint import FakeEndpoint

pytestmark = pytest.mark.slow

HOOK_CANARY = "T0-canary-hook-5d2e"
MAIL_CANARY = "canary-mail-77c0"
KEY_CANARY = "canary-key-31aa"
GATE = {"rules": [{"metric": "qa.exact", "min": 0.7}]}
WEBHOOK = {"use": "webhook", "url_env": "HOOK"}


@pytest.fixture
def nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/nobody")
    return Nights(tmp_path, CommandLine(capsys))


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Take alerts at an address that is a secret."""
    with Receiver() as opened:
        monkeypatch.setenv("HOOK", f"{opened.url}/{HOOK_CANARY}?token={HOOK_CANARY}")
        yield opened


def config(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = sections(rows=40, **{"gate": GATE, **changes})
    made["nightly"] = {**made.get("nightly", {}), "alerts": list(alerts or [WEBHOOK])}
    return made


def taken(hook: Receiver) -> list[tuple[str, str]]:
    """Return the kind and the key of what has arrived since the last time."""
    found = [json.loads(got.body) for got in hook.got]
    hook.got.clear()
    return [(each["kind"], each["key"]) for each in found]


def written(folder: Path) -> bytes:
    """Return everything that is on disk."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def dead_endpoint() -> dict[str, Any]:
    """Return providers of which the one refuses every connection."""
    made = {"use": "openai", "base_url": f"http://127.0.0.1:{closed_port()}/v1", "retry": {"max_attempts": 1}}
    return {"script": made}


def test_a_regression_is_told_once_and_its_end_once(nights: Nights, hook: Receiver) -> None:
    good, bad = config(accuracy=0.95), config(accuracy=0.3)
    regression = ("regression", "regression qa.exact m")
    told = []
    for place, (night, code) in enumerate([(good, 0), (bad, 1), (bad, 1), (bad, 1), (good, 0), (good, 0)]):
        ended, _ = nights.night(place, night)
        assert ended.code == code, ended.err
        told.append([each for each in taken(hook) if each[0] != "moved"])
        if place == 1:
            for options in ((), ("--again",)):
                again, _ = nights.night(place, night, *options)
                assert (again.code, taken(hook)) == (1, [])
                page = (nights.folder / "reports/watch/nightly/2026-10-02.md").read_text(encoding="utf-8")
                assert "Told on this night: FAIL qa.exact: " in page
    assert told == [[], [regression], [], [], [("recovery", "regression qa.exact m")], []]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"script": {"faults": [{"kind": 401}]}}, 6),
        ({"providers": "dead"}, 3),
        ({"datasets": {"qa": {"path": "gone.jsonl"}}}, 2),
    ],
    ids=["wrong key", "no endpoint", "no dataset"],
)
def test_a_night_that_could_not_run_is_told_once_and_never_green(
    nights: Nights, hook: Receiver, changes: dict[str, Any], code: int
) -> None:
    changes = {**changes, "providers": dead_endpoint()} if changes.get("providers") == "dead" else changes
    told: list[tuple[str, str]] = []
    for place in (0, 0, 1):
        ended, night = nights.night(place, config(**changes))
        assert ended.code == code, ended.err
        assert night["state"] != "ran"
        assert night["verdict"] in (None, "inconclusive")
        told += taken(hook)
    assert told == [("could_not_run", "could_not_run")]
    ended, _ = nights.night(2, config(accuracy=1.0))
    assert (ended.code, taken(hook)) == (0, [("recovery", "could_not_run")])
    with History(nights.folder / "home" / "history.sqlite") as history:
        for_nights = [event.at for event in history.events("watch", kind="could_not_run")]
    assert len(for_nights) == len(set(for_nights)), "a night that is started twice is one"


def test_models_that_come_and_go_are_told(nights: Nights, hook: Receiver) -> None:
    with FakeEndpoint(models=["m", "old"]) as endpoint:
        providers = {"script": {"use": "openai", "base_url": endpoint.url}}
        night = {**config(providers=providers), "gate": None}
        for place, listed in enumerate([["m", "old"], ["m", "old"], ["m", "fresh-7b"], ["m", "fresh-7b"]]):
            endpoint.configure({"models": listed})
            ended, found = nights.night(place, night)
            assert ended.code == 0, ended.err
            told = taken(hook)
            assert told == ([("catalog", "catalog 2026-10-03")] if place == 2 else [])
            assert bool(found["catalog"]) == (place == 2)
        endpoint.configure({"models": ["fresh-7b"]})
        ended, found = nights.night(4, night)
        assert ended.code == 6, ended.err
        assert (found["state"], [kind for kind, _ in taken(hook)]) == ("could_not_run", ["could_not_run", "catalog"])


def test_mail_is_sent_and_its_password_shown_nowhere(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", MAIL_CANARY)
    monkeypatch.setenv("MAIL_USER", "nightly")
    certificate = make_certificate(nights.folder)
    if certificate is None:
        pytest.skip("no openssl to make a certificate with")
    with MailServer(password=MAIL_CANARY, certificate=certificate) as host:
        mail = {
            "use": "email",
            "host": "127.0.0.1",
            "port": host.port,
            "ca_file": "certificate.pem",
            "sender": "n@example.org",
        }
        mail |= {"to": "team@example.org", "user_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"}
        ended, _ = nights.night(0, config({**mail, "on": ["regression", "recovery"]}, accuracy=0.3))
        assert ended.code == 1
        [envelope] = host.box.mails
    message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
    assert message["Subject"].startswith("[evalkit] watch: FAIL qa.exact: 0.300")
    assert "sent to team@example.org" in ended.err
    wrong, _ = nights.night(1, config({**mail, "port": closed_port()}, accuracy=0.95))
    assert wrong.code == 0
    assert "Alerts: email did not take" in wrong.err
    for text in (ended.out, ended.err, wrong.out, wrong.err):
        assert MAIL_CANARY not in text
    assert MAIL_CANARY.encode() not in written(nights.folder)


def test_the_address_of_a_webhook_is_shown_nowhere(
    nights: Nights, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNED", KEY_CANARY)
    signed = {**WEBHOOK, "secret_env": "SIGNED", "headers_env": {"X-Key": "SIGNED"}}
    ended, _ = nights.night(0, config(signed, accuracy=0.3, report={}))
    hook._replies += [Reply(403, body=f"no {HOOK_CANARY} {KEY_CANARY}"), Reply(302, {"location": "http://example.org"})]
    refused, _ = nights.night(1, config(signed, WEBHOOK, accuracy=0.95))
    assert (ended.code, refused.code) == (1, 0)
    assert "posted to the address in HOOK" in ended.err
    assert "refused it with HTTP 403" in refused.err
    assert "redirects (HTTP 302)" in refused.err
    for canary in (HOOK_CANARY, KEY_CANARY):
        for text in (ended.out, ended.err, refused.out, refused.err):
            assert canary not in text
        assert canary.encode() not in written(nights.folder)


def test_a_dead_webhook_neither_fails_nor_stalls_a_night(
    nights: Nights, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.cli.nightly.tell", functools.partial(tell, deadline_s=0.5))
    monkeypatch.setenv("DEAD", f"http://127.0.0.1:{closed_port()}/{HOOK_CANARY}")
    hook._replies.append(Reply(hangs=True))
    dead = {"use": "webhook", "url_env": "DEAD"}
    bad = config(WEBHOOK, dead, accuracy=0.3)
    ended, _ = nights.night(0, bad)
    assert ended.code == 1
    assert "no answer within 0.5 s" in ended.err
    assert "the address in DEAD cannot be reached: Connection refused" in ended.err
    page = (nights.folder / "reports/watch/nightly/2026-10-01.html").read_text(encoding="utf-8")
    assert "no answer within 0.5 s" in page
    assert taken(hook) == [("regression", "regression qa.exact m")]
    again, _ = nights.night(0, bad)
    assert again.code == 1
    assert taken(hook) == [("regression", "regression qa.exact m")], "nobody took it, so it is due again"


def test_two_rules_on_one_metric_are_told_apart_and_an_undecided_one_closes_nothing(
    nights: Nights, hook: Receiver
) -> None:
    rules = [{"metric": "qa.exact", "max_drop": 0.02}, {"metric": "qa.exact", "min": 0.8}]
    told = []
    for place, accuracy in enumerate([0.95, 0.6, 0.77]):
        night = config(accuracy=accuracy, gate={"baseline": "previous", "rules": rules})
        nights.night(place, night)
        told.append([each for each in taken(hook) if each[0] != "moved"])
    drop, least = "regression qa.exact m max_drop 0.02", "regression qa.exact m min 0.8"
    assert told[1] == [("regression", drop), ("regression", least)]
    assert ("recovery", least) not in told[2]
