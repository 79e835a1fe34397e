import base64
import hashlib
import hmac
import json
from urllib.parse import unquote

import pytest

from evalkit.alerts.webhook import Webhook
from evalkit.errors import AlertError
from tests.alerts.receiving import Receiver, Reply, an_alert

SECRET = "canary-signing-secret"
TOKEN = "canary-bearer-token"


@pytest.fixture
def receiver(monkeypatch):
    with Receiver() as receiver:
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/hook?key=canary-in-the-query")
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        monkeypatch.setenv("HOOK_TOKEN", TOKEN)
        yield receiver


async def test_what_arrives(receiver):
    await Webhook(url_env="HOOK_URL").send(an_alert())
    [got] = receiver.got
    assert got.path == "/hook?key=canary-in-the-query"
    assert got.headers["Content-Type"] == "application/json"
    assert "X-Evalkit-Signature-256" not in got.headers
    assert json.loads(got.body) == {
        "schema_version": 1,
        "source": "evalkit",
        "kind": "regression",
        "word": "Regression",
        "key": "regression qa.exact GPT",
        "name": "inference-qa",
        "night": "2026-11-23",
        "title": "qa.exact of GPT fell by 4.0 points.",
        "lines": ["The interval is 2.1 to 5.9 points.", "12 samples turned wrong, 3 right."],
        "report": "https://reports.example.org/2026-11-23.html",
        "run": "reports/inference-qa/20261123T023000Z-abc",
        "weave": None,
        "severity": 4.0,
        "opened": "2026-11-21",
        "is_closed": False,
        "is_test": False,
    }


async def test_a_signature_over_the_bytes_that_are_sent(receiver):
    await Webhook(url_env="HOOK_URL", secret_env="HOOK_SECRET").send(an_alert(title="Grüße"))
    [got] = receiver.got
    expected = hmac.new(SECRET.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Evalkit-Signature-256"] == f"sha256={expected}"
    assert SECRET not in str(got.headers)


async def test_headers_from_the_environment(receiver):
    hook = Webhook(url_env="HOOK_URL", headers_env={"X-Api-Key": "HOOK_TOKEN"}, secret_env="HOOK_SECRET")
    assert hook.variables == ("HOOK_URL", "HOOK_SECRET", "HOOK_TOKEN")
    await hook.send(an_alert())
    assert receiver.got[0].headers["X-Api-Key"] == TOKEN
    assert TOKEN not in repr(hook)


async def test_two_tries_of_one_alert_carry_one_key(monkeypatch):
    with Receiver(Reply(500, {"Retry-After": "0"})) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url)
        await Webhook(url_env="HOOK_URL").send(an_alert())
        await Webhook(url_env="HOOK_URL").send(an_alert(night="2026-11-24"))
    keys = [got.headers["Idempotency-Key"] for got in receiver.got]
    assert keys[0] == keys[1] != keys[2]


async def test_a_template_makes_another_body(receiver, tmp_path):
    (tmp_path / "chat.j2").write_text('{"content": {{ (word ~ ": " ~ title) | tojson }}}', encoding="utf-8")
    await Webhook(url_env="HOOK_URL", template="chat.j2", base_dir=tmp_path).send(
        an_alert(title='a "quoted" </script>')
    )
    assert json.loads(receiver.got[0].body) == {"content": 'Regression: a "quoted" </script>'}


async def test_a_template_that_makes_no_json_of_some_alert(receiver, tmp_path):
    (tmp_path / "chat.j2").write_text('{"content": "{{ title }}"}', encoding="utf-8")
    with pytest.raises(AlertError, match="makes no JSON"):
        await Webhook(url_env="HOOK_URL", template="chat.j2", base_dir=tmp_path).send(an_alert(title='a "quoted"'))
    assert receiver.got == []


@pytest.mark.parametrize("variable", ["HOOK_URL", "HOOK_SECRET", "HOOK_TOKEN"])
async def test_a_variable_that_is_not_set_stops_it_before_anything_is_sent(receiver, monkeypatch, variable):
    monkeypatch.delenv(variable)
    hook = Webhook(url_env="HOOK_URL", secret_env="HOOK_SECRET", headers_env={"X-Key": "HOOK_TOKEN"})
    with pytest.raises(AlertError, match=f"the variable {variable} is not set"):
        await hook.send(an_alert())
    assert receiver.got == []


PART = "canary%2Din%20the-query"
DISGUISES = {
    "as it is": str,
    "decoded": unquote,
    "in upper case": str.upper,
    "reversed": lambda text: text[::-1],
    "in part": lambda text: text[:9],
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
async def test_nothing_that_a_server_says_is_repeated(monkeypatch, disguise):
    echo = " ".join(map(disguise, (PART, TOKEN, SECRET)))
    with Receiver(Reply(403, {"X-Echo": echo}, body=echo)) as receiver:
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/hook?key={PART}")
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        monkeypatch.setenv("HOOK_TOKEN", TOKEN)
        hook = Webhook(url_env="HOOK_URL", secret_env="HOOK_SECRET", headers_env={"X-Key": "HOOK_TOKEN"})
        with pytest.raises(AlertError) as raised:
            await hook.send(an_alert())
    assert str(raised.value) == "the address in HOOK_URL refused it with HTTP 403 (Forbidden)"


WRONG = {
    "a header that is none": ({"headers_env": {"X Key": "A"}}, "not the name of a header"),
    "a value where its variable belongs": ({"headers_env": {"X-Key": "Bearer canary"}}, r"headers_env\.X-Key must be"),
    "a secret where its variable belongs": ({"secret_env": "canary!"}, "secret_env must be"),
    "a template that makes no JSON": ({"template": "bad.j2"}, "makes no JSON"),
    "a template with an unknown name": ({"template": "unknown.j2"}, "alerts have no 'titel'; did you mean 'title'"),
    "a template that does not compile": ({"template": "open.j2"}, r"template 'open.j2': line 1: "),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_what_is_refused(tmp_path, options, message):
    (tmp_path / "bad.j2").write_text("{{ title }}", encoding="utf-8")
    (tmp_path / "unknown.j2").write_text("{{ titel | tojson }}", encoding="utf-8")
    (tmp_path / "open.j2").write_text("{{ title", encoding="utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        Webhook(**{"url_env": "HOOK_URL", "base_dir": tmp_path, **options})
    assert "canary" not in str(raised.value)
