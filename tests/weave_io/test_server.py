import base64
import gzip
import json
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from evalkit.errors import ConfigError
from evalkit.weave_io.server import open_server
from tests.contracts.weave_faces import serving
from tests.contracts.weave_server import ROOT, clean_environment, running_server
from tests.weave_io.store_events import PROJECT, at, end, start

TOKEN = "token-3f1a"


@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(tmp_path / "weave.sqlite") as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server for questions that leave nothing behind."""
    store = tmp_path_factory.mktemp("shared") / "weave.sqlite"
    with serving(store) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("guarded") / "weave.sqlite", token=TOKEN) as address:
        yield address


def ids(http: httpx.Client) -> list[str]:
    answer = http.post("/calls/stream_query", json={"project_id": PROJECT})
    return [json.loads(line)["id"] for line in answer.text.splitlines()]


def test_calls_come_in_by_every_route(http: httpx.Client) -> None:
    entity, project = PROJECT.split("/")
    complete = {**start("a"), **end("a")}
    http.post(f"/v2/{entity}/{project}/calls/complete", json={"batch": [complete]}).raise_for_status()
    http.post(f"/v2/{entity}/{project}/call/end", json={"end": end("b")}).raise_for_status()
    http.post(f"/v2/{entity}/{project}/call/start", json={"start": start("b", second=1)}).raise_for_status()
    batch = [{"mode": "start", "req": {"start": start("c", second=2)}}, {"mode": "end", "req": {"end": end("c")}}]
    answer = http.post("/call/upsert_batch", json={"batch": batch}).json()
    assert answer["res"][0] == {"id": "c", "trace_id": "trace"}
    given = http.post("/call/start", json={"start": {**start("", second=3), "id": None, "trace_id": None}}).json()
    assert ids(http) == ["a", "b", "c", given["id"]]
    assert http.post("/calls/query_stats", json={"project_id": PROJECT}).json()["count"] == 4
    assert http.post("/call/read", json={"project_id": PROJECT, "id": "b"}).json()["call"]["started_at"] == at(1)


def test_a_long_answer_is_streamed_whole(http: httpx.Client) -> None:
    calls = [{**start(str(number), second=number), **end(str(number), second=number)} for number in range(1001)]
    http.post("/v2/team/project/calls/complete", json={"batch": calls}).raise_for_status()
    assert ids(http) == [str(number) for number in range(1001)]


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/call/start", b"{", 422),
        ("/call/start", b"[]", 422),
        ("/call/start", b"{}", 422),
        ("/call/end", json.dumps({"end": {"id": "x"}}).encode(), 422),
        ("/calls/stream_query", json.dumps({"project_id": PROJECT, "query": {"$expr": {"$x": 1}}}).encode(), 400),
        ("/table/query", json.dumps({"project_id": PROJECT, "digest": "none"}).encode(), 404),
        ("/file/content", json.dumps({"project_id": PROJECT, "digest": "none"}).encode(), 404),
        ("/refs/read_batch", json.dumps({"refs": ["nonsense"]}).encode(), 400),
        ("/threads/stream_query", b"{}", 404),
        ("/nothing", b"{}", 404),
    ],
    ids=["no-json", "list", "empty", "half-an-end", "query", "table", "file", "ref", "not-built", "unknown"],
)
def test_what_cannot_be_served_gets_a_status_and_a_reason(
    shared: httpx.Client, path: str, content: bytes, status: int
) -> None:
    answer = shared.post(path, content=content)
    assert (answer.status_code, bool(answer.json()["reason"])) == (status, True)


def test_an_unknown_route_is_logged(shared: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "evalkit.weave_io.server"):
        shared.put("/v9/new/route")
    assert "no route PUT /v9/new/route" in caplog.text


def test_a_compressed_body_is_understood(http: httpx.Client) -> None:
    body = gzip.compress(json.dumps({"start": start("a")}).encode())
    http.post("/call/start", content=body, headers={"Content-Encoding": "gzip"}).raise_for_status()
    assert ids(http) == ["a"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
    ],
    ids=["rebound", "lookalike", "no-host", "page", "sandboxed-page", "localhost", "six", "own-page"],
)
def test_pages_in_a_browser_cannot_reach_the_store(shared: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert shared.get("/server_info", headers=headers).status_code == status


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"api:{key}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (basic(TOKEN), 200),
        (f"Bearer {TOKEN}", 200),
        (basic("other"), 401),
        (basic(""), 401),
        ("Basic !!!", 401),
        ("", 401),
    ],
    ids=["basic", "bearer", "other", "empty", "broken", "none"],
)
def test_with_a_token_no_other_key_will_do(guarded: str, authorization: str, status: int) -> None:
    assert httpx.get(f"{guarded}/server_info", headers={"Authorization": authorization}).status_code == status


def test_the_questions_of_init_are_answered(shared: httpx.Client) -> None:
    def ask(query: str, **variables: str) -> dict:
        return shared.post("/graphql", json={"query": query, "variables": variables}).json()

    found = ask("query Project { project(name: $name, entityName: $entityName) { name } }", name="p", entityName="e")
    made = ask("mutation UpsertModel { upsertModel(input: {}) { model { name } } }", name="q", entity="e")
    viewer = ask("query DefaultEntity { viewer { username defaultEntity { name } } }")
    assert found["data"]["project"]["name"] == "p"
    assert made["data"]["upsertModel"]["model"]["name"] == "q"
    assert viewer["data"]["viewer"]["defaultEntity"]["name"]
    assert ask("query Secrets { apiKeys { name } }")["errors"]


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="--port"):
            async with open_server(tmp_path / "weave.sqlite", port=taken.getsockname()[1]):
                pass


@pytest.mark.slow
def test_a_hundred_megabytes_go_in_and_come_out(http: httpx.Client) -> None:
    content = bytes(range(256)) * (100 * 1024 * 4)
    files = {"file": ("large.bin", content)}
    digest = http.post("/file/create", data={"project_id": PROJECT}, files=files).json()["digest"]
    assert http.post("/file/content", json={"project_id": PROJECT, "digest": digest}).content == content


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_a_signal_stops_it_cleanly_and_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    store = tmp_path / "weave.sqlite"
    with running_server(store) as server:
        httpx.post(f"{server.address}/call/start", json={"start": start("a")}).raise_for_status()
        assert server.stop(number) == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
    assert not store.with_name("weave.sqlite-wal").exists()
    with running_server(store) as again, httpx.Client(base_url=again.address) as client:
        assert ids(client) == ["a"]


@pytest.mark.slow
def test_the_command_names_the_tokens_variable_and_never_its_value(tmp_path: Path) -> None:
    store = tmp_path / "weave.sqlite"
    with running_server(store, "--token-env", "STORE_TOKEN", env={"STORE_TOKEN": TOKEN}) as server:
        assert server.exports()["WANDB_API_KEY"] == '"$STORE_TOKEN"'
        assert server.exports()["WF_TRACE_SERVER_URL"] == server.exports()["WANDB_BASE_URL"] == server.address
        httpx.post(f"{server.address}/call/start", json={"start": start("a")}, headers={"Authorization": basic(TOKEN)})
        server.stop()
    assert TOKEN not in server.log.read_text()
    assert TOKEN.encode() not in store.read_bytes()


@pytest.mark.slow
def test_a_token_variable_that_is_not_set_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evalkit", "server", "--token-env", "STORE_TOKEN"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=clean_environment({}))
    assert (done.returncode, done.stdout) == (2, "")
    assert "STORE_TOKEN is not set" in done.stderr
