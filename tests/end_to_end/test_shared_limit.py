"""Two runs at once against one endpoint: together they stay within one limit, and neither waits for the other's end."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import command, environment, write_config
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SLOW_S, LATENCY_S = 2.0, 0.2
LONGEST_S = 100


def write_run(folder: Path, url: str, *, rows: int, **throttle: Any) -> Path:
    """Write a config of its own into a folder of its own."""
    folder.mkdir()
    questions = [{"id": f"r{n}", "input": f"{folder.name} asks {n}", "target": "x"} for n in range(rows)]
    write_config(
        folder,
        name="shared",
        weave={"backend": "off"},
        providers={"fake": {"use": "openai", "base_url": url}},
        models=[{"id": "fake-model", "provider": "fake"}],
        datasets={"rows": {"rows": questions}},
        scorers={"exact": {"use": "exact"}},
        report={"html": False, "markdown": False, "parquet": False},
        throttle=throttle,
    )
    return folder


@contextlib.contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `evalkit run` in `folder`; kill it if the test ends before it does."""
    with (folder / "stderr").open("wb") as stderr, (folder / "stdout").open("wb") as stdout:
        process = subprocess.Popen(
            command("run", "config.yaml"), cwd=folder, env=environment(), stdout=stdout, stderr=stderr
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def finish(folder: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return run.json of a run that ended well."""
    assert process.wait(LONGEST_S) == 0, (folder / "stderr").read_text()
    [path] = folder.glob("reports/*/*/run.json")
    return json.loads(path.read_text())


def started_at(folder: Path) -> list[float]:
    """Return when each request of a run was sent."""
    [path] = folder.glob("reports/*/*/calls.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as journal:
        return [start for (start,) in journal.execute("SELECT started_at FROM attempts")]


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds()`; what never happens fails the test instead of hanging it."""
    end = time.monotonic() + LONGEST_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def both_run(endpoint: FakeEndpoint, runs: dict[Path, subprocess.Popen[bytes]]) -> None:
    """Let the endpoint be slow until both have asked, however long a process takes to start."""

    def has_asked(folder: Path, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (folder / "stderr").read_text()
        return any(prompt.startswith(f"{folder.name} asks") for prompt in endpoint.stats()["prompts"])

    until(lambda: all(has_asked(*run) for run in runs.items()), "both ask")
    endpoint.configure({"latency_s": LATENCY_S})


def refusals(seen: dict[str, Any]) -> int:
    return seen["statuses"].get("429", 0)


def test_two_runs_at_once_stay_within_one_limit(tmp_path: Path) -> None:
    with FakeEndpoint(latency_s=SLOW_S) as endpoint:
        one, two = (write_run(tmp_path / n, endpoint.url, rows=200, max_concurrency=8, adaptive=False) for n in "ab")
        with running(one) as first, running(two) as second:
            both_run(endpoint, {one: first, two: second})
            runs = [finish(one, first), finish(two, second)]
        seen = endpoint.stats()
    assert seen["peak"] == 8
    assert [run["cells"][0]["outcomes"]["ok"] for run in runs] == [200, 200]
    starts = [started_at(folder) for folder in (one, two)]
    since, to = max(min(each) for each in starts), min(max(each) for each in starts)
    together = [sum(since <= start <= to for start in each) for each in starts]
    assert min(together) >= 0.2 * sum(together), "both go on while the other runs"


def test_two_runs_learn_the_endpoints_limit_together(tmp_path: Path) -> None:
    with FakeEndpoint(latency_s=SLOW_S, max_concurrency=5, retry_after="1") as endpoint:
        one, two = (write_run(tmp_path / n, endpoint.url, rows=200, max_concurrency=8) for n in "ab")
        with running(one) as first, running(two) as second:
            both_run(endpoint, {one: first, two: second})
            until(lambda: len(endpoint.stats()["answered"]) > 200, "half is done")
            half = endpoint.stats()
            runs = [finish(one, first), finish(two, second)]
        seen = endpoint.stats()
    assert [run["cells"][0]["outcomes"]["ok"] for run in runs] == [200, 200]
    assert refusals(seen) <= 0.15 * seen["requests"]
    assert refusals(seen) - refusals(half) <= 0.1 * (seen["requests"] - half["requests"]), "they have settled"


def test_what_a_killed_run_held_is_soon_the_others(tmp_path: Path) -> None:
    with FakeEndpoint(latency_s=SLOW_S) as endpoint:
        one, two = (write_run(tmp_path / n, endpoint.url, rows=400, max_concurrency=8, adaptive=False) for n in "ab")
        with running(one) as first, running(two) as second:
            both_run(endpoint, {one: first, two: second})
            second.send_signal(signal.SIGKILL)
            second.wait()
            until(lambda: endpoint.stats()["in_flight"] == 8, "all eight places are the first run's")
            assert finish(one, first)["cells"][0]["outcomes"]["ok"] == 400
