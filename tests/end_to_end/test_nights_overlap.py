"""Two nights of one name never overlap: one runs, the other says who is at work; a lost night doubles nothing."""

import contextlib
import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.history import History
from tests.alerts.receiving import Receiver
from tests.cli.commands import CommandLine
from tests.end_to_end.command import command, environment, write_config
from tests.end_to_end.nights import Nights, sections
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

ROWS = 8
FOREVER_S = 600.0
ELSEWHERE = (
    "INSERT INTO locks (name, token, owner, machine, host, pid, started, namespace, since, expires_at) VALUES "
    "('watch', 't', 'the night of 2026-10-01', 'another', 'elsewhere', 77, '1', 'n', '2026-10-01T02:00:00+00:00', ?)"
)


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(models=["m"], latency_s=FOREVER_S) as opened:
        yield opened


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as opened:
        monkeypatch.setenv("HOOK", f"{opened.url}/hook")
        yield opened


def configure(folder: Path, endpoint: FakeEndpoint, **changes: Any) -> None:
    providers = {"script": {"use": "openai", "base_url": endpoint.url, "retry": {"base": 0.01}}}
    alerts = [{"use": "webhook", "url_env": "HOOK"}]
    write_config(folder, **sections(rows=ROWS, providers=providers, nightly={"alerts": alerts}, **changes))


def answer(endpoint: FakeEndpoint) -> None:
    """Let go of the calls that would be answered too late: they are sent again and answered at once."""
    endpoint.configure({"latency_s": 0.0})
    for connection in list(endpoint.connections):
        if connection.transport is not None:
            endpoint.loop.call_soon_threadsafe(connection.transport.abort)


def start(folder: Path, night: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("nightly", "config.yaml", "--night", night),
        cwd=folder,
        env=environment(EVALKIT_HOME=str(folder / "home")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def wait_until(condition: object, *processes: subprocess.Popen[str]) -> None:
    assert callable(condition)
    while not condition():
        assert any(process.poll() is None for process in processes), "they ended too soon"
        time.sleep(0.02)


@pytest.mark.parametrize("night", ["2026-10-01", "2026-10-02"])
def test_of_two_started_at_once_one_runs(tmp_path: Path, endpoint: FakeEndpoint, hook: Receiver, night: str) -> None:
    configure(tmp_path, endpoint)
    first, second = start(tmp_path, "2026-10-01"), start(tmp_path, night)
    with first, second:
        wait_until(lambda: None not in (first.poll(), second.poll()) or {first.poll(), second.poll()} != {None}, first)
        loser, winner = (first, second) if first.poll() is not None else (second, first)
        wait_until(lambda: endpoint.stats()["requests"] == ROWS, winner)
        out, err = loser.communicate(timeout=60)
        assert (loser.returncode, out) == (3, "")
        [said] = err.splitlines()
        assert said.startswith("watch is at work already: the night of 2026-10-0")
        assert f"process {winner.pid} on " in said
        assert "since 20" in said
        assert set(endpoint.stats()["prompts"].values()) == {1}, "the loser asked nothing"
        answer(endpoint)
        out, err = winner.communicate(timeout=120)
    assert winner.returncode == 0, err
    assert hook.got == []
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert [(run.kind, run.status) for run in history.runs()] == [("nightly", "complete")]
    assert len(list((tmp_path / "reports/watch").glob("2*"))) == 1


def test_a_night_that_was_taken_over_publishes_and_tells_nothing(
    tmp_path: Path, endpoint: FakeEndpoint, hook: Receiver
) -> None:
    configure(tmp_path, endpoint, weave={"backend": "local"})
    with start(tmp_path, "2026-10-01") as process:
        wait_until(lambda: endpoint.stats()["requests"] == ROWS, process)
        with contextlib.closing(sqlite3.connect(tmp_path / "home/history.sqlite", timeout=60)) as db, db:
            db.execute("UPDATE locks SET token = 'another', machine = 'another', expires_at = 9e9")
        answer(endpoint)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (3, ""), err
    assert "the lock of watch expired and another process took it over; this one does no more" in err
    assert hook.got == []
    with History(tmp_path / "home" / "history.sqlite") as history:
        assert history.runs() == ()
        assert history.events("watch") == ()
    [path] = (tmp_path / "reports/watch").iterdir()
    run = json.loads((path / "run.json").read_text(encoding="utf-8"))
    assert (run["status"], run["weave"]) == ("incomplete", None)


@pytest.mark.parametrize(("expires_at", "code"), [(9e9, 3), (1.0, 0)], ids=["at work", "expired"])
def test_a_lock_of_another_machine(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    expires_at: float,
    code: int,
) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    nights = Nights(tmp_path, CommandLine(capsys))
    with History(tmp_path / "home/history.sqlite") as history, history.transaction() as db:
        db.execute(ELSEWHERE, (expires_at,))
    ended, _ = nights.night(1, sections(rows=4))
    assert ended.code == code
    holder = "the night of 2026-10-01, process 77 on elsewhere, since 2026-10-01T02:00:00+00:00"
    said = f"taken over from {holder}" if code == 0 else f"watch is at work already: {holder}; wait for it"
    assert said in ended.err
    assert (tmp_path / "reports").exists() is (code == 0)
