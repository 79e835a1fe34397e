"""Judged runs that are killed, stopped or published: no reply is asked for twice, and the board is the same."""

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import command, environment, evalkit, without_what_may_differ, write_config, write_rows
from tests.end_to_end.test_judges import ANCHORS, verdict_on
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

COUNT = 60
ROWS = [{"id": f"r{n}", "input": f"Question {n}", "target": f"t{n}"} for n in range(COUNT)]
ANSWERS = {row["input"]: row["target"] if n % 3 else "dunno" for n, row in enumerate(ROWS)}


def reply(asked: dict[str, Any]) -> str | None:
    return verdict_on(asked) if asked["model"] == "judge-1" else None


def write(folder: Path, url: str, **sections: Any) -> None:
    folder.mkdir(exist_ok=True)
    write_rows(folder, ROWS)
    write_rows(folder, ANCHORS, "anchors.jsonl")
    anchors = {"path": "anchors.jsonl", "min_agreement": 0.5}
    write_config(
        folder,
        **{
            "name": "judged",
            "weave": {"backend": "off"},
            "providers": {"fake": {"use": "openai", "base_url": url}},
            "models": [
                {"id": "candidate", "provider": "fake"},
                {"id": "judge-1", "label": "J", "provider": "fake", "role": "judge"},
            ],
            "datasets": {"qa": {"path": "rows.jsonl"}},
            "scorers": {
                "right": {"use": "judge", "model": "J", "votes": 2, "min_votes": 1, "anchors": anchors},
                "exact": {"use": "exact"},
            },
            "throttle": {"max_concurrency": 4},
            "report": {"html": False, "markdown": False, "parquet": False},
            **sections,
        },
    )


def replied(folder: Path) -> set[tuple[str, str, str]]:
    """Return the sample, slot and messages of every reply on disk."""
    found = set[tuple[str, str, str]]()
    for path in folder.glob("reports/judged/*/calls.sqlite"):
        db = sqlite3.connect(path)
        found |= set(db.execute("SELECT sample_id, slot, messages FROM calls WHERE outcome = 'ok'"))
        db.close()
    return found


def stop_when(folder: Path, endpoint: FakeEndpoint, requests: int, number: signal.Signals) -> int:
    with subprocess.Popen(
        command("run", "config.yaml"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while endpoint.stats()["requests"] < requests and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        return process.wait(60)


def without_tries(run: dict[str, Any]) -> dict[str, Any]:
    """Return what two equal runs have in common."""
    kept = without_what_may_differ(run)
    own = {"from_journal", "latency_s"}
    kept["judges"] = [{k: v for k, v in judge.items() if k not in own} for judge in run["judges"]]
    return kept


def test_kills_and_ctrl_c_lose_no_reply_of_a_judge_and_double_none(tmp_path: Path) -> None:
    calls = COUNT + 2 * COUNT + 2 * len(ANCHORS)
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    slow = dict.fromkeys((40, 90, 150), "slow")
    with FakeEndpoint(answers=ANSWERS, script=reply, latency_s=0.01, fault_at=slow, slow_s=3.0) as endpoint:
        for folder in (stopped, whole):
            write(folder, endpoint.url)
        in_flight = 0
        for requests, number in ((40, signal.SIGKILL), (90, signal.SIGKILL), (150, signal.SIGINT)):
            code = stop_when(stopped, endpoint, requests, number)
            in_flight += 0 if number is signal.SIGINT else 4
            assert code == (130 if number is signal.SIGINT else -9)
        before = replied(stopped)
        done = evalkit("run", "config.yaml", cwd=stopped)
        assert done.code == 0, done.stderr
        assert len(list((stopped / "reports" / "judged").iterdir())) == 1
        assert before <= replied(stopped)
        assert calls <= endpoint.stats()["requests"] <= calls + in_flight
        undisturbed = evalkit("run", "config.yaml", cwd=whole)
    assert undisturbed.code == 0, undisturbed.stderr
    assert without_tries(done.run) == without_tries(undisturbed.run)
    assert done.run["judges"][0]["calls"] == calls - COUNT


def test_a_judged_run_is_published_and_read_back(tmp_path: Path) -> None:
    with FakeEndpoint(answers=ANSWERS, script=reply) as endpoint:
        write(tmp_path, endpoint.url, weave={"backend": "local"}, report={"html": True, "csv": True})
        done = evalkit("run", "config.yaml", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.run["weave"]["verified"] is True, done.run["weave"]
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert "70% of 10" in page
    assert "Agreement with its anchors" in (done.folder / "summary.md").read_text(encoding="utf-8")
    shown = evalkit("show", str(done.folder), "r1", cwd=tmp_path)
    assert "judge: correct (2 of 2 votes): t1 for t1" in shown.stdout + shown.stderr


def test_shards_ask_about_anchors_once_and_merge_to_the_whole(tmp_path: Path) -> None:
    with FakeEndpoint(answers=ANSWERS, script=reply) as endpoint:
        write(tmp_path, endpoint.url)
        shards = [evalkit("run", "config.yaml", "--shard", f"{n}/2", cwd=tmp_path) for n in (1, 2)]
        assert [shard.code for shard in shards] == [0, 0], shards[1].stderr
        assert endpoint.stats()["requests"] == COUNT + 2 * COUNT + 2 * len(ANCHORS)
        asked = endpoint.stats()["requests"]
        merged = evalkit("merge", "config.yaml", *(str(shard.folder) for shard in shards), cwd=tmp_path)
        assert merged.code == 0, merged.stderr
        assert endpoint.stats()["requests"] == asked
    assert json.dumps([shard.run["judges"][0]["anchors"] is None for shard in shards]) == "[false, true]"
    assert merged.run["judges"][0]["anchors"]["agreement"] == 0.7
    assert merged.run["cells"][0]["metrics"]["right"]["mean"] == merged.run["cells"][0]["metrics"]["exact"]["mean"]
