"""Ctrl-C, quota and outages leave a valid, partial run folder that the same command completes."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.command import command, environment, evalkit, without_what_may_differ, write_config
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROWS = 120


def config(folder: Path, url: str, **sections: object) -> None:
    rows = [{"id": f"r{n}", "input": f"question {n}", "target": "x"} for n in range(ROWS)]
    common = {
        "name": "stop",
        "weave": {"backend": "local"},
        "providers": {"fake": {"use": "openai", "base_url": url}},
        "models": [{"id": "m", "provider": "fake"}],
        "datasets": {"rows": {"rows": rows}},
        "scorers": {"exact": {"use": "exact"}},
        "throttle": {"max_concurrency": 4},
    }
    write_config(folder, **common | sections)


def test_ctrl_c_saves_what_was_answered_and_the_run_goes_on(tmp_path: Path) -> None:
    with FakeEndpoint(latency_s=0.15) as endpoint:
        config(tmp_path, endpoint.url)
        with subprocess.Popen(
            command("run", "config.yaml"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            while endpoint.stats()["requests"] < 20:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        folder = tmp_path / stdout.decode().strip().splitlines()[-1]
        run = json.loads((folder / "run.json").read_text())
        outcomes = run["cells"][0]["outcomes"]
        assert run["status"] == "interrupted"
        assert outcomes["ok"] == endpoint.stats()["statuses"]["200"]
        assert outcomes["ok"] + outcomes["not_run"] == ROWS
        for name in ("report.html", "summary.md", "samples.parquet"):
            assert (folder / name).is_file()
        done = evalkit("run", "config.yaml", cwd=tmp_path)
        assert done.code == 0, done.stderr
        assert done.folder == folder
        assert set(endpoint.stats()["prompts"].values()) == {1}
    assert done.run["status"] == "complete"
    assert done.run["cells"][0]["outcomes"]["ok"] == ROWS


def test_no_call_starts_after_a_quota_error(tmp_path: Path) -> None:
    rows = [{"id": f"r{n}", "input": f"question {n}", "target": "x"} for n in range(500)]
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    with FakeEndpoint(accuracy={"*": 0.7}) as endpoint:
        for folder in (undisturbed, disturbed):
            folder.mkdir()
            config(folder, endpoint.url, datasets={"rows": {"rows": rows}})
        whole = evalkit("run", "config.yaml", cwd=undisturbed)
        endpoint.configure({"quota_after": 100})
        endpoint.reset()
        done = evalkit("run", "config.yaml", cwd=disturbed)
        assert done.code == 3
        assert "quota" in done.stderr
        assert done.run["stopped"]["reason"] == "quota"
        assert endpoint.stats()["statuses"]["200"] == 100
        assert endpoint.stats()["statuses"]["429"] <= 4, "only what was in flight met the refusal"
        endpoint.configure({"quota_after": 0})
        before = endpoint.stats()["requests"]
        done = evalkit("run", "config.yaml", cwd=disturbed)
        assert done.code == 0, done.stderr
        assert endpoint.stats()["requests"] - before == 400
    assert without_what_may_differ(done.run) == without_what_may_differ(whole.run)


def test_an_outage_is_incomplete_never_a_score(tmp_path: Path) -> None:
    with FakeEndpoint(faults={"500": 1.0}) as endpoint:
        config(tmp_path, endpoint.url, retry={"max_attempts": 2, "base": 0.01})
        done = evalkit("run", "config.yaml", cwd=tmp_path)
        assert done.code == 3
        cell = done.run["cells"][0]
        assert cell["metrics"]["exact"]["mean"] is None
        assert cell["outcomes"]["infra_error"] == ROWS
        endpoint.configure({"faults": {}})
        done = evalkit("run", "config.yaml", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.run["cells"][0]["outcomes"]["ok"] == ROWS


def test_killed_while_publishing_nothing_is_asked_again(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        config(tmp_path, endpoint.url)
        with subprocess.Popen(
            command("run", "config.yaml"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            while not any('"complete"' in path.read_text() for path in tmp_path.glob("reports/stop/*/run.json")):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        asked = endpoint.stats()["requests"]
        assert asked == ROWS
        done = evalkit("run", "config.yaml", cwd=tmp_path)
        assert done.code == 0, done.stderr
        assert endpoint.stats()["requests"] == asked
    assert len(list((tmp_path / "reports" / "stop").iterdir())) == 1
    assert done.run["weave"]["verified"] is True
    assert (done.folder / "report.html").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_while_publishing_says_what_to_do(tmp_path: Path, number: signal.Signals) -> None:
    with FakeEndpoint() as endpoint:
        config(tmp_path, endpoint.url)
        with subprocess.Popen(
            command("run", "config.yaml"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            while not any('"complete"' in path.read_text() for path in tmp_path.glob("reports/stop/*/run.json")):
                time.sleep(0.01)
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert b"every answer is saved; run the same command again" in stderr
    assert (tmp_path / stdout.decode().strip() / "run.json").is_file()


def test_a_second_ctrl_c_gives_up_on_what_hangs(tmp_path: Path) -> None:
    with FakeEndpoint(faults={"hang": 0.5}) as endpoint:
        config(tmp_path, endpoint.url)
        with subprocess.Popen(
            command("run", "config.yaml"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            while endpoint.stats()["in_flight"] < 4:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        run = json.loads((tmp_path / stdout.decode().strip() / "run.json").read_text())
        outcomes = run["cells"][0]["outcomes"]
        assert outcomes["ok"] + outcomes["not_run"] == ROWS
        assert outcomes["ok"] == endpoint.stats()["statuses"].get("200", 0)
