"""Killed at any moment and run again: nothing that was paid for is asked again, and the numbers are the same."""

import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.command import command, environment, evalkit, without_what_may_differ, write_config, write_rows
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROWS = 300
KILLS = 20


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    rows = [{"id": f"r{n}", "input": f"Question {n}", "target": f"answer {n}"} for n in range(ROWS)]
    answers = {row["input"]: row["target"] for row in rows}
    folders = tmp_path / "killed", tmp_path / "undisturbed"
    moments = random.Random(7)
    with FakeEndpoint(latency_s=0.4, sigma=0.3, answers=answers, accuracy={"*": 0.7}) as endpoint:
        for folder in folders:
            folder.mkdir()
            write_rows(folder, rows)
            write_config(
                folder,
                name="kill",
                weave={"backend": "off"},
                providers={"fake": {"use": "openai", "base_url": endpoint.url}},
                models=[{"id": "a", "provider": "fake"}, {"id": "b", "provider": "fake", "system": "Be brief."}],
                datasets={"rows": {"path": "rows.jsonl"}},
                scorers={"exact": {"use": "exact"}, "f1": {"use": "f1"}},
                throttle={"max_concurrency": 8},
                report={"html": False, "markdown": False, "parquet": False},
            )
        killed, undisturbed = folders
        in_flight = 0
        for _ in range(KILLS):
            answered = _journaled(killed)
            before = endpoint.stats()["answered"]
            _run_and_kill(killed, after_s=moments.uniform(0.9, 3.0))
            in_flight += 8
            _assert_none_asked_again(answered, before, endpoint.stats()["answered"])
        done = evalkit("run", "config.yaml", cwd=killed)
        assert done.code == 0, done.stderr
        assert len(list((killed / "reports" / "kill").iterdir())) == 1, "one run, gone on with"
        calls = endpoint.stats()["requests"]
        assert 2 * ROWS <= calls <= 2 * ROWS + in_flight
        whole = evalkit("run", "config.yaml", cwd=undisturbed)
    assert without_what_may_differ(done.run) == without_what_may_differ(whole.run)


def _run_and_kill(folder: Path, *, after_s: float) -> None:
    with subprocess.Popen(
        command("run", "config.yaml"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)


def _journaled(folder: Path) -> set[tuple[str, str]]:
    """Return (model, question) of every answer on disk."""
    found = set[tuple[str, str]]()
    for path in folder.glob("reports/kill/*/calls.sqlite"):
        db = sqlite3.connect(path)
        for model, messages in db.execute("SELECT model, messages FROM calls WHERE outcome = 'ok'"):
            found.add((model, messages))
        db.close()
    return found


def _assert_none_asked_again(answered: set[tuple[str, str]], before: dict[str, int], after: dict[str, int]) -> None:
    asked_now = {prompt for prompt, count in after.items() if count > before.get(prompt, 0)}
    both = {prompt for prompt in asked_now if sum(f'"{prompt}"' in messages for _, messages in answered) == 2}
    assert not both, "a prompt whose answer was on disk for both models was asked again"
