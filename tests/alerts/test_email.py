import email
import email.policy
import socket
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from evalkit.alert_channels import BoundChannel, send_all
from evalkit.alerts.email import Email
from evalkit.errors import AlertError
from tests.alerts.receiving import MailServer, an_alert, make_certificate

CANARY = "canary-9c1f-Passw0rd"


@dataclass(frozen=True)
class Dead:
    """A port where no mail is taken."""

    port: int


def channel(host: MailServer | Dead, **options: object) -> Email:
    plain = {"host": "127.0.0.1", "port": host.port, "security": "none", "sender": "nightly@example.org"}
    return Email(**{**plain, "to": ("team@example.org",), **options})


def read(host: MailServer) -> EmailMessage:
    [envelope] = host.box.mails
    return email.message_from_bytes(envelope.original_content, policy=email.policy.default)


async def test_what_arrives():
    with MailServer() as host:
        done = await channel(host, to=("team@example.org", "boss@example.org")).send(an_alert())
        message = read(host)
        assert host.box.mails[0].rcpt_tos == ["team@example.org", "boss@example.org"]
    assert done == "sent to team@example.org, boss@example.org"
    assert message["Subject"] == "[evalkit] inference-qa: qa.exact of GPT fell by 4.0 points."
    assert message["From"] == "nightly@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert message["Message-ID"].endswith("@example.org>")
    text = message.get_body(("plain",)).get_content()
    assert "Regression: qa.exact of GPT fell by 4.0 points." in text
    assert "- 12 samples turned wrong, 3 right." in text
    assert "Report: https://reports.example.org/2026-11-23.html" in text
    assert "inference-qa, night of 2026-11-23, since 2026-11-21." in text
    html = message.get_body(("html",)).get_content()
    assert '<a href="https://reports.example.org/2026-11-23.html">' in html


async def test_mails_about_one_alert_hang_together():
    with MailServer() as host:
        await channel(host).send(an_alert())
        await channel(host).send(an_alert(night="2026-11-30", is_closed=True, title="qa.exact GPT has recovered."))
        await channel(host).send(an_alert(key="regression qa.exact Other"))
        threads = [email.message_from_bytes(each.original_content)["References"] for each in host.box.mails]
    assert threads[0] == threads[1] != threads[2]


async def test_nothing_of_a_model_can_write_headers_or_markup():
    with MailServer() as host:
        await channel(host).send(an_alert(title="a\r\nBcc: x@example.org\r\n\r\nb <b>c</b> \x1b[31m\u202e"))
        message = read(host)
    assert message["Bcc"] is None
    assert message["Subject"] == "[evalkit] inference-qa: a Bcc: x@example.org b <b>c</b> [31m"
    assert "b &lt;b&gt;c&lt;/b&gt;" in message.get_body(("html",)).get_content()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    made = make_certificate(tmp_path_factory.mktemp("tls"))
    if made is None:
        pytest.skip("openssl makes the certificate, and is not here")
    return made


async def test_a_user_and_a_password(monkeypatch, certificate):
    monkeypatch.setenv("MAIL_USER", "nightly")
    monkeypatch.setenv("MAIL_PASSWORD", CANARY)
    with MailServer(password=CANARY, certificate=certificate) as host:
        sender = channel(
            host, security="starttls", ca_file=str(certificate[0]), user_env="MAIL_USER", password_env="MAIL_PASSWORD"
        )
        await sender.send(an_alert())
        assert host.box.sessions[0].authenticated
        assert host.box.sessions[0].ssl is not None
        monkeypatch.setenv("MAIL_PASSWORD", f"{CANARY}x")
        with pytest.raises(AlertError, match="refused the user or the password") as raised:
            await sender.send(an_alert())
        assert len(host.box.mails) == 1
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@pytest.mark.parametrize("security", ["starttls", "ssl"])
async def test_a_certificate_of_ones_own_must_be_named(certificate, security):
    with MailServer(certificate=certificate, ssl_at_once=security == "ssl") as host:
        await channel(host, security=security, ca_file=str(certificate[0])).send(an_alert())
        assert len(host.box.mails) == 1
        with pytest.raises(AlertError, match="certificate that is not to be trusted"):
            await channel(host, security=security).send(an_alert())
        assert len(host.box.mails) == 1


async def test_a_password_that_is_not_set(monkeypatch):
    monkeypatch.setenv("MAIL_USER", "nightly")
    with MailServer() as host:
        with pytest.raises(AlertError, match="the variable MAIL_PASSWORD is not set"):
            await channel(host, user_env="MAIL_USER", password_env="MAIL_PASSWORD").send(an_alert())
        assert host.box.mails == []


async def test_a_server_without_tls_gets_nothing():
    with MailServer() as host:
        with pytest.raises(AlertError, match="has no STARTTLS, or no login: nothing was sent"):
            await channel(host, security="starttls").send(an_alert())
        assert host.box.mails == []


async def test_who_does_not_take_it():
    with MailServer() as host:
        with pytest.raises(AlertError, match=r"refused every recipient: SMTP 550 \(mailbox unavailable\)$"):
            await channel(host, to="nobody@example.org").send(an_alert())
        with pytest.raises(AlertError, match=r"refused nobody@example\.org"):
            await channel(host, to=("team@example.org", "nobody@example.org")).send(an_alert())
        assert len(host.box.mails) == 1


async def test_a_dead_server():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = Dead(taken.getsockname()[1])
        with pytest.raises(AlertError, match="cannot be reached: Connection refused"):
            await channel(host).send(an_alert())


async def test_a_server_that_says_nothing_is_given_up_and_its_connection_cut():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(60)
        host = Dead(mute.getsockname()[1])
        delivery = await send_all(BoundChannel("email", channel(host)), [an_alert()], deadline_s=0.05)
        mute.accept()[0].close()
    assert delivery.sentence == "Alerts: email did not take 1 alert: no answer within 0.05 s."
    for thread in threading.enumerate():
        if thread.name == "evalkit-mail":
            thread.join(30)
            assert not thread.is_alive()


WRONG = {
    "a password in the clear": (
        {"host": "mail.example.org", "user_env": "U", "password_env": "P", "security": "none"},
        "in the clear",
    ),
    "half a login": ({"user_env": "U"}, "go together"),
    "a sender with a name": ({"sender": "Nightly <nightly@example.org>"}, "bare addresses"),
    "two lines": ({"to": "a@example.org\nBcc: b@example.org"}, "bare addresses"),
    "nobody": ({"to": ()}, "bare addresses"),
    "a host that is none": ({"host": "a b"}, "name of a server"),
    "certificates that are not there": ({"ca_file": "none.pem"}, "is not there"),
    "a password where its variable's name belongs": (
        {"user_env": "U", "password_env": f"{CANARY}!"},
        "password_env must",
    ),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message) as raised:
        Email(**{"host": "127.0.0.1", "sender": "a@example.org", "to": "b@example.org", **options})
    assert CANARY not in str(raised.value)


def test_templates_of_ones_own(tmp_path):
    (tmp_path / "text.j2").write_text("{{ word }} {{ name }}", encoding="utf-8")
    (tmp_path / "page.j2").write_text("<p>{{ title }}</p>", encoding="utf-8")
    sender = Email(
        host="h",
        sender="a@example.org",
        to="b@example.org",
        template="text.j2",
        html_template="page.j2",
        base_dir=tmp_path,
    )
    message = sender._message(an_alert(title="a < b"))
    assert message.get_body(("plain",)).get_content() == "Regression inference-qa\n"
    assert message.get_body(("html",)).get_content() == "<p>a &lt; b</p>\n"
