"""Posting to a secret address: retries, redirects, proxies, and what errors must never show."""

import logging
import socket
import traceback

import pytest

from evalkit.alert_post import AlertPost, check_variable, send_post
from evalkit.errors import AlertError
from tests.alerts.receiving import Receiver, Reply

CANARY = "canary-8c33e1"
POST = AlertPost(variable="HOOK_URL", body=b"{}")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


class Sleeps(list):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


RETRIES = {
    "500 then 200": ([Reply(500)], [1.0], 2, None),
    "429 that says when": ([Reply(429, {"Retry-After": "3"})], [3.0], 2, None),
    "503 twice": (
        [Reply(503), Reply(503, body="busy")],
        [1.0],
        2,
        r"refused it with HTTP 503 \(Service Unavailable\)$",
    ),
    "429 that asks for too long a wait": ([Reply(429, {"Retry-After": "60"})], [], 1, "HTTP 429"),
    "400 is final": ([Reply(400, body="no")], [], 1, r"HTTP 400 \(Bad Request\)$"),
    "a code of no standard": ([Reply(499, body="no")], [], 1, "HTTP 499$"),
}


@pytest.mark.parametrize(("replies", "sleeps", "requests", "problem"), RETRIES.values(), ids=RETRIES)
async def test_retries(monkeypatch, replies, sleeps, requests, problem):
    slept = Sleeps()
    with Receiver(*replies) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url)
        if problem is None:
            assert await send_post(POST, sleep=slept) == "posted to the address in HOOK_URL"
        else:
            with pytest.raises(AlertError, match=problem):
                await send_post(POST, sleep=slept)
        assert len(receiver.got) == requests
    assert slept == sleeps


async def test_a_redirect_to_another_host_is_not_followed(monkeypatch):
    with Receiver() as other, Receiver(Reply(307, {"Location": f"{other.url}/{CANARY}"})) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url)
        with pytest.raises(AlertError, match=r"redirects \(HTTP 307\)") as raised:
            await send_post(POST)
        assert other.got == []
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_on_the_same_host_keeps_method_and_body(monkeypatch, status):
    with Receiver(Reply(status, {"Location": "/moved?to=here"})) as receiver:
        monkeypatch.setenv("HOOK_URL", f"{receiver.url}/first")
        await send_post(AlertPost(variable="HOOK_URL", body=b"[1]", headers={"X-Key": "k"}))
        assert [(got.path, got.body, got.headers["X-Key"]) for got in receiver.got] == [
            ("/first", b"[1]", "k"),
            ("/moved?to=here", b"[1]", "k"),
        ]


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_that_would_become_a_get_is_refused(monkeypatch, status):
    with Receiver(Reply(status, {"Location": "/moved"})) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url)
        with pytest.raises(AlertError, match=f"HTTP {status}"):
            await send_post(POST)
        assert len(receiver.got) == 1


async def test_redirects_end(monkeypatch):
    with Receiver(*(Reply(307, {"Location": "/again"}) for _ in range(20))) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url)
        with pytest.raises(AlertError, match="redirects"):
            await send_post(POST)
        assert len(receiver.got) == 4


@pytest.mark.parametrize("location", ["http://[", "http://127.0.0.1:99999/x", "", "//127.0.0.1:1/x"])
async def test_a_redirect_to_nowhere(monkeypatch, location):
    with Receiver(Reply(308, {"Location": location} if location else {})) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url)
        with pytest.raises(AlertError, match="redirects"):
            await send_post(POST)


ADDRESSES = {
    "nothing": ("", "is not set"),
    "no address": (CANARY, "no http or https address"),
    "another scheme": (f"file:///{CANARY}", "no http or https address"),
    "a port that is none": (f"http://127.0.0.1:99999/{CANARY}", "no http or https address"),
    "a broken host": (f"http://[{CANARY}", "no http or https address"),
    "a space": (f"http://127.0.0.1/{CANARY} x", "no http or https address"),
    "a line break": (f"http://127.0.0.1/{CANARY}\nx", "control or special characters"),
    "a host that the library refuses": (f"http://{CANARY}..example/x", "cannot be reached"),
}


@pytest.mark.parametrize(("value", "message"), ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_that_is_none_is_not_shown(monkeypatch, caplog, value, message):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HOOK_URL", value)
    with pytest.raises(AlertError, match=message) as raised:
        await send_post(POST)
    assert_clean(raised.value, caplog.text)


async def test_a_dead_server_is_said_without_its_address(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HOOK_URL", f"http://user:{CANARY}@127.0.0.1:{taken.getsockname()[1]}/{CANARY}")
        with pytest.raises(AlertError, match="the address in HOOK_URL cannot be reached: Connection refused") as raised:
            await send_post(POST)
    assert_clean(raised.value, caplog.text)


async def test_a_server_that_hangs_up_is_said_without_its_address(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    with Receiver(Reply(200, {"Content-Length": "0"}, body="")) as receiver:
        monkeypatch.setenv("HOOK_URL", receiver.url.replace("http:", "https:") + f"/{CANARY}")
        with pytest.raises(AlertError, match="cannot be reached") as raised:
            await send_post(POST)
    assert_clean(raised.value, caplog.text)


def assert_clean(error: AlertError, logged: str) -> None:
    """No library's exception, which could hold the address, hangs on to ours."""
    assert error.__cause__ is None
    assert error.__context__ is None
    assert CANARY not in "".join(traceback.format_exception(error)) + logged


async def test_the_proxy_of_the_environment_is_used_and_its_exceptions_too(monkeypatch):
    with Receiver() as proxy, Receiver() as receiver:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HOOK_URL", "http://hooks.test/abc")
        await send_post(POST)
        assert [got.headers["Host"] for got in proxy.got] == ["hooks.test"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("HOOK_URL", receiver.url)
        await send_post(POST)
        assert (len(proxy.got), len(receiver.got)) == (1, 1)


def test_names_of_variables():
    check_variable("url_env", "SLACK_WEBHOOK_URL")
    for wrong in ("", "a b", "1A", "https://x", "A-B"):
        with pytest.raises(ValueError, match="url_env must be the name of an environment variable"):
            check_variable("url_env", wrong)
