"""`evalkit doctor`: what it prints, its exit codes, and that a key never shows."""

import json
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from evalkit.lease_book import LeaseBook, Row
from evalkit.lease_names import lease_folder, lease_of
from evalkit.process_identity import ProcessIdentity
from evalkit.providers.openai import OpenAI
from evalkit.shares import Member
from tests.cli.commands import CommandLine
from tests.end_to_end.command import write_config
from tests.fake_endpoint import FakeEndpoint, Reply

KEY = "local-" + "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FORCE_COLOR", "COLUMNS", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOME_KEY", KEY)
    monkeypatch.chdir(tmp_path)


def config_of(url: str, *models: Any, **sections: Any) -> Path:
    return write_config(
        Path(),
        name="checked",
        providers={"fake": {"use": "openai", "base_url": url, "api_key_env": "SOME_KEY"}, **sections.pop("more", {})},
        models=list(models) or [{"id": "fake-model", "provider": "fake"}],
        datasets={"qa": {"rows": [{"input": "q", "target": "a"}]}},
        scorers={"exact": {"use": "exact"}},
        **{"weave": {"backend": "local"}, **sections},
    )


def lines(out: str) -> dict[str, str]:
    """Return what stands at each check, its status first."""
    rows = [line.split(maxsplit=2) for line in out.splitlines() if line.startswith(("ok ", "warn ", "fail ", "skip "))]
    return {check: f"{status} {message.strip()}" for status, check, message in rows}


def test_all_is_well(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    done = cli("doctor", config_of(fake_endpoint.url), "--most", "2")
    found = lines(done.out)
    assert done.code == 0, done.out
    assert list(found) == ["key", "others", "models", "call", "access", "limit", "backend", "store"]
    assert {line.split()[0] for line in found.values()} == {"ok"}
    assert found["limit"] == "ok at least 2 calls at once are taken"
    assert "up to 1 tiny call of at most 8 tokens, and up to 4 to see how many at once are taken" in done.err
    assert done.out.endswith("8 ok\n")
    assert fake_endpoint.stats()["requests"] == 1 + 3
    assert "\x1b" not in done.out + done.err
    assert KEY not in done.out + done.err


def test_json(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    done = cli("doctor", config_of(fake_endpoint.url), "--no-load", "--json")
    printed = json.loads(done.out)
    assert (done.code, printed["exit_code"]) == (0, 0)
    call = next(finding for finding in printed["findings"] if finding["check"] == "call")
    assert (call["place"], call["status"], call["model"]) == ("fake", "ok", "fake-model")
    assert call["seconds"] >= 0
    assert fake_endpoint.stats()["requests"] == 1


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        pytest.param({"api_key": "another"}, 6, id="access"),
        pytest.param({"faults": {"quota": 1.0}}, 3, id="quota"),
        pytest.param({"models": ["other"]}, 6, id="unknown model"),
    ],
)
def test_exit_codes(cli: CommandLine, fake_endpoint: FakeEndpoint, settings: dict[str, Any], code: int) -> None:
    fake_endpoint.configure(settings)
    done = cli("doctor", config_of(fake_endpoint.url), "--no-load")
    assert done.code == code
    assert lines(done.out)["store"].startswith("ok"), "what can still be looked at is looked at"


def test_a_config_that_is_wrong_is_code_2(cli: CommandLine) -> None:
    done = cli("doctor", config_of("nowhere"))
    assert done.code == 2
    assert "base_url" in done.err + done.out


def test_a_server_that_sends_the_key_back_does_not_show_it(cli: CommandLine, fake_endpoint: FakeEndpoint) -> None:
    echo = Reply(400, {"error": {"message": f"who is {KEY}?"}})
    fake_endpoint.configure({"replies": {"Reply with the word ok.": [echo]}, "models": [f"{KEY}", "fake-model"]})
    for flags in ((), ("--json",)):
        done = cli("doctor", config_of(fake_endpoint.url), "--no-load", *flags)
        assert done.code == 2
        assert KEY not in done.out + done.err
    missing = cli("doctor", config_of(fake_endpoint.url, {"id": KEY[:-1], "provider": "fake"}), "--no-load")
    assert KEY not in missing.out + missing.err


def test_without_a_config_it_looks_at_wandb(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("WF_TRACE_SERVER_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        done = cli("doctor")
    found = lines(done.out)
    assert done.code == 6
    assert found["key"].startswith("fail the variable WANDB_API_KEY is not set")
    assert found["project"].startswith("fail none is given")
    assert found["server"] == "ok 127.0.0.1 can be reached"


def test_a_server_of_traces_that_is_down_is_told(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("WF_TRACE_SERVER_URL", f"http://127.0.0.1:{port}")
    assert lines(cli("doctor").out)["server"].startswith("fail 127.0.0.1 cannot be reached")


def test_a_store_that_is_no_database_is_told(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    (tmp_path / "weave.sqlite").write_bytes(b"no database" * 100)
    config = config_of("http://127.0.0.1:1/v1", {"id": "x", "provider": "quiet"}, more={"quiet": {"use": "scripted"}})
    done = cli("doctor", config)
    assert done.code == 3
    assert lines(done.out)["store"].startswith(f"fail {tmp_path / 'weave.sqlite'}: file is not a database")
    assert lines(done.out)["provider"] == "ok it calls nobody: nothing to look at"
    assert "asks no model" in done.err
    (tmp_path / "weave.sqlite").unlink()
    with sqlite3.connect(tmp_path / "weave.sqlite") as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    assert lines(cli("doctor", config).out)["store"].startswith("ok")


def test_a_local_model_without_its_weights_is_told(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = {"id": "smollm2-135m-instruct", "provider": "local"}
    done = cli("doctor", config_of("http://127.0.0.1:1/v1", small))
    assert lines(done.out)["weights"].startswith("warn they are fetched at the first run")
    own = {"own": {"use": "llamacpp", "gguf": "missing.gguf"}}
    done = cli("doctor", config_of("http://127.0.0.1:1/v1", {"id": "x", "provider": "own"}, more=own))
    assert done.code == 2
    assert "missing.gguf" in lines(done.out)["provider"]


def test_another_process_on_the_endpoint_is_told_and_not_disturbed(
    cli: CommandLine, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = lease_of(OpenAI(base_url=fake_endpoint.url, api_key_env="SOME_KEY"), None)
    with LeaseBook.of(name or "", lease_folder()).page() as page:
        page.write(Row(ProcessIdentity.present(), time.monotonic(), Member("other", 1, 1, 1, 8)))
    found = lines(cli("doctor", config_of(fake_endpoint.url)).out)
    assert found["others"].startswith("warn another evalkit process calls this endpoint now")
    assert found["limit"] == "skip not measured: other processes use the endpoint"
    assert fake_endpoint.stats()["requests"] == 1
