"""Several processes on one store: writers beside a server, a writer that is killed, and what is left behind."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from evalkit.weave_io.trace_store import TraceStore
from tests.contracts.weave_server import ROOT, clean_environment, running_server
from tests.weave_io.store_events import PROJECT, end, start

pytestmark = pytest.mark.slow

OBJECTS = 25

WRITER = """
import sys
from pathlib import Path
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import PROJECT, end, start
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with TraceStore(path) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        store.intake.end(end(f"{name}-{number}"))
        store.intake.start(start(f"{name}-{number}"))
        store.objects.create({"project_id": PROJECT, "object_id": "shared", "val": {"by": name, "number": number}})
"""

DOOMED = """
import sys
from pathlib import Path
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import end, op, start
store = TraceStore(Path(sys.argv[1]))
store.intake.start(start("root", op_name=op("Evaluation.evaluate")))
for number in range(1_000_000):
    store.intake.start(start(f"call-{number}", parent_id="root"))
    store.intake.end(end(f"call-{number}"))
    if number % 50 == 49:
        store.flush()
        print(number, flush=True)
"""


def begin(source: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=clean_environment({}),
    )  # fmt: skip


def test_three_writers_and_the_server_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    with running_server(path) as server, httpx.Client(base_url=server.address, timeout=60) as http:
        writers = [begin(WRITER, str(path), name, str(OBJECTS)) for name in ("a", "b", "c")]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for number in range(OBJECTS):
            val = {"by": "server", "number": number}
            obj = {"project_id": PROJECT, "object_id": "shared", "val": val}
            http.post("/obj/create", json={"obj": obj}).raise_for_status()
            call = {**start(f"server-{number}"), **end(f"server-{number}")}
            http.post("/v2/team/project/calls/complete", json={"batch": [call]}).raise_for_status()
        for writer in writers:
            writer.communicate(timeout=60)
            assert writer.returncode == 0
        objs = http.post("/objs/query", json={"project_id": PROJECT, "filter": {"object_ids": ["shared"]}}).json()[
            "objs"
        ]
        count = http.post("/calls/query_stats", json={"project_id": PROJECT}).json()["count"]
    assert sorted(obj["version_index"] for obj in objs) == list(range(4 * OBJECTS))
    assert sum(obj["is_latest"] for obj in objs) == 1
    assert count == 4 * OBJECTS


def test_a_killed_writer_loses_only_what_it_had_not_flushed(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    writer = begin(DOOMED, str(path))
    assert writer.stdout is not None
    seen = [int(writer.stdout.readline()) for _ in range(10)]
    os.kill(writer.pid, signal.SIGKILL)
    seen += [int(line) for line in writer.communicate(timeout=30)[0].splitlines()]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with TraceStore(path) as store:
        calls = {call["id"]: call for call in store.calls.stream({"project_id": PROJECT})}
    flushed = {f"call-{number}" for number in range(seen[-1] + 1)}
    assert flushed <= calls.keys()
    assert {calls[name]["output"] for name in flushed} == {"4"}
    assert all(call["ended_at"] for call in calls.values())
    assert calls["root"]["exception"].startswith("aborted")


def test_a_writer_that_lives_is_not_reaped(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    with running_server(path) as server:
        httpx.post(f"{server.address}/call/start", json={"start": start("a")}).raise_for_status()
        with TraceStore(path) as store:
            call = store.calls.read(PROJECT, "a")
            assert call is not None
            assert call["summary"]["weave"]["status"] == "running"
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(20)
    with TraceStore(path) as store:
        call = store.calls.read(PROJECT, "a")
        assert call is not None
        assert json.dumps(call["exception"]).startswith('"aborted')
