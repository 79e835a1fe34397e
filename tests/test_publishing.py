"""The publishing process: live, killed, orphaned, before a server that is dead, hangs or is not meant to be asked."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.journal import Journal
from evalkit.publishing import Publisher
from evalkit.records import Json
from evalkit.store import RunFolder
from tests.contracts.weave_server import RunningServer, running_server
from tests.weave_io.publishing_in_process import PROJECT, board_values
from tests.weave_io.run_folders import RunSpec, make_run_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute"),
]

REMOTE = "team/project"
FAKE_KEY = "f00dfeedf00dfeedf00dfeedf00dfeedf00dfeed"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "weave.sqlite"


async def publish(folder: RunFolder, *, complete: bool = True, **options: Json) -> dict[str, Json]:
    publisher = await Publisher.start(folder, **options)
    return await publisher.finish(complete)


async def reach(publisher: Publisher, rows: int) -> None:
    while publisher.rows < rows and publisher.is_alive:  # noqa: ASYNC110  the publisher tells nobody but its own finish
        await asyncio.sleep(0.01)


def publish_now(folder: RunFolder, **options: Json) -> dict[str, Json]:
    return asyncio.run(publish(folder, **options))


def evaluate_calls(store: Path, project: str = PROJECT) -> list[Json]:
    from evalkit.weave_io.client import open_local_client

    with open_local_client(store, project) as client:
        op = f"weave:///{client.project_id}/op/Evaluation.evaluate:*"
        return list(client.server.calls_query_stream({"project_id": client.project_id, "filter": {"op_names": [op]}}))


def count_calls(store: Path, op: str, project: str = PROJECT) -> int:
    from evalkit.weave_io.client import open_local_client

    with open_local_client(store, project) as client:
        filter_ = {"op_names": [f"weave:///{client.project_id}/op/{op}:*"]}
        return client.server.calls_query_stats({"project_id": client.project_id, "filter": filter_}).count


@contextlib.contextmanager
def listener() -> Iterator[tuple[str, list[int]]]:
    """Accept connections and never answer; yield the address and a list that grows with each of them."""
    seen: list[int] = []
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, (_, port) = server.accept()
                    kept.append(connection)
                    seen.append(port)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for connection in kept:
        connection.close()


async def test_a_run_is_followed_while_it_grows(tmp_path: Path, store: Path) -> None:
    spec = RunSpec()
    folder = RunFolder(tmp_path / "reports" / spec.name / spec.run_id)
    folder.path.mkdir(parents=True)
    folder.save(spec.run(complete=False))
    publisher = await Publisher.start(folder, store=store)
    with Journal(folder.journal) as journal:
        journal.put_samples("qa", spec.rows)
        for cell in spec.cells:
            await spec.journal(journal, *cell)
            await reach(publisher, 6)
    folder.save(spec.run())
    block = await publisher.finish(complete=True)
    assert block["error"] is None
    assert (len(block["calls"]), block["verified"]) == (2, True)


async def test_an_incomplete_run_leaves_its_finished_cells(tmp_path: Path, store: Path) -> None:
    folder = await asyncio.to_thread(make_run_folder, tmp_path, complete=False)
    publisher = await Publisher.start(folder, store=store)
    await reach(publisher, 12)
    block = await publisher.finish(complete=False)
    assert (block["error"], block["leaderboard"], list(block["calls"])) == (None, None, ["qa/Model A"])
    left = await asyncio.to_thread(evaluate_calls, store)
    assert [call.id for call in left] == list(block["calls"].values())


@pytest.mark.parametrize("rows", [1, 40], ids=["at-the-start", "in-the-middle"])
def test_killed_in_the_middle_then_published_again(tmp_path: Path, store: Path, rows: int) -> None:
    folder = make_run_folder(tmp_path, RunSpec(samples=60))

    async def kill() -> dict[str, Json]:
        publisher = await Publisher.start(folder, store=store)
        await reach(publisher, rows)
        os.kill(publisher.pid, signal.SIGKILL)
        return await publisher.finish(complete=True)

    block = asyncio.run(kill())
    assert "evalkit publish" in block["error"]
    again = publish_now(folder, store=store)
    assert again["error"] is None
    values = board_values(store, again)
    assert {len(found) for found in values.values()} == {1}
    for cell in folder.load().cells:
        assert values[again["models"][cell.model], "exact", "mean"] == [cell.metrics["exact"].mean]
    assert len(evaluate_calls(store)) == 2
    assert count_calls(store, "Evaluation.predict_and_score") == 120


def test_a_child_without_a_parent_cleans_up_and_ends(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path, complete=False)
    script = f"""
import asyncio, os
from pathlib import Path
from evalkit.publishing import Publisher
from evalkit.store import RunFolder

async def main():
    publisher = await Publisher.start(RunFolder(Path({str(folder.path)!r})), store=Path({str(store)!r}))
    while publisher.rows < 12:
        await asyncio.sleep(0.01)
    print(publisher.pid, flush=True)
    os._exit(0)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    _wait_for_end(pid)
    assert [call.attributes["evalkit"]["cell"] for call in evaluate_calls(store)] == ["qa/Model A"]


def _wait_for_end(pid: int) -> None:
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        threading.Event().wait(0.05)
    raise AssertionError("the child outlived its parent")


@pytest.mark.parametrize("kind", ["hanging", "dead"])
def test_a_server_that_does_not_answer_costs_the_deadline_only(tmp_path: Path, kind: str) -> None:
    folder = make_run_folder(tmp_path)
    before = folder.load()
    with listener() as (address, _):
        url = address if kind == "hanging" else "http://127.0.0.1:9"
        env = {**os.environ, "WANDB_API_KEY": FAKE_KEY, "WF_TRACE_SERVER_URL": url, "WANDB_BASE_URL": url}
        block = publish_now(folder, backend="wandb", project="team/project", deadline_s=3.0, environment=env)
    assert f"evalkit publish {folder.path}" in block["error"]
    assert FAKE_KEY not in json.dumps(block)
    assert (block["verified"], block["calls"]) == (False, {})
    assert folder.load() == before


def test_the_local_store_asks_no_server_whatever_is_exported(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path)
    with listener() as (address, seen):
        names = (
            "WANDB_BASE_URL",
            "WF_TRACE_SERVER_URL",
            "WANDB_PUBLIC_BASE_URL",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
        )
        env = {
            **os.environ,
            **dict.fromkeys(names, address),
            "WANDB_API_KEY": FAKE_KEY,
            "OPENAI_API_KEY": f"sk-{FAKE_KEY}",
        }
        block = publish_now(folder, store=store, environment=env)
        assert seen == []
    assert block["error"] is None
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or FAKE_KEY.encode() not in path.read_bytes(), path


def test_a_file_beside_the_user_is_not_taken_for_a_library(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weave.py").write_text("raise SystemExit('the wrong weave')")
    monkeypatch.chdir(tmp_path)
    assert publish_now(make_run_folder(Path()), store=Path(store.name))["error"] is None
    assert store.is_file()


def test_over_http_as_to_w_and_b(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path)
    with running_server(store) as server:
        target = remote(server.address)
        block = publish_now(folder, **target)
        assert block["error"] is None
        assert (block["backend"], block["verified"], block["reused"]) == ("wandb", True, 0)
        again = publish_now(folder, **target)
        assert again == {**block, "reused": 2}
        assert server.stop() == 0
    assert {len(found) for found in board_values(store, block).values()} == {1}
    for path in tmp_path.rglob("weave.sqlite*"):
        assert FAKE_KEY.encode() not in path.read_bytes()


def remote(address: str) -> dict[str, Json]:
    env = {**os.environ, "WANDB_API_KEY": FAKE_KEY, "WF_TRACE_SERVER_URL": address, "WANDB_BASE_URL": address}
    return {"backend": "wandb", "project": REMOTE, "environment": env}


def test_an_incomplete_run_over_http_leaves_its_finished_cells(tmp_path: Path, store: Path) -> None:
    """Calls that never end would keep the SDK's own flush for five minutes."""
    folder = make_run_folder(tmp_path, complete=False)

    async def interrupt(address: str) -> dict[str, Json]:
        publisher = await Publisher.start(folder, **remote(address))
        await reach(publisher, 12)
        return await publisher.finish(complete=False)

    with running_server(store) as server:
        block = asyncio.run(interrupt(server.address))
        assert (block["error"], list(block["calls"])) == (None, ["qa/Model A"])
        assert server.stop() == 0
    assert [call.id for call in evaluate_calls(store, REMOTE)] == list(block["calls"].values())


def test_a_server_that_dies_in_the_middle_costs_the_deadline_only(tmp_path: Path, store: Path) -> None:
    folder = make_run_folder(tmp_path, RunSpec(samples=60))

    async def cut(server: RunningServer) -> dict[str, Json]:
        publisher = await Publisher.start(folder, **remote(server.address), deadline_s=4.0)
        await reach(publisher, 20)
        server.stop(signal.SIGKILL)
        return await publisher.finish(complete=True)

    with running_server(store) as server:
        block = asyncio.run(cut(server))
    assert "evalkit publish" in block["error"]
    with running_server(store) as server:
        again = publish_now(folder, **remote(server.address))
        assert again["error"] is None
        assert server.stop() == 0
    assert {len(found) for found in board_values(store, again).values()} == {1}
    assert count_calls(store, "Evaluation.evaluate", REMOTE) == 2


async def test_giving_up_on_a_publication_leaves_no_process(tmp_path: Path, store: Path) -> None:
    folder = await asyncio.to_thread(make_run_folder, tmp_path, complete=False)
    publisher = await Publisher.start(folder, store=store)
    finishing = asyncio.create_task(publisher.finish(complete=True))
    await reach(publisher, 1)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    with pytest.raises(ProcessLookupError):
        os.kill(publisher.pid, 0)
