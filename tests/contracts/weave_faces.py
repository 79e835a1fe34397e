"""The SDK's own client over both faces of the embedded store: in process, and over loopback HTTP."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.weave_io.client import open_local_client
from evalkit.weave_io.sdk_environment import prepare_environment
from evalkit.weave_io.server import client_environment, open_server

ENTITY, NAME = "team", "project"
PROJECT = f"{ENTITY}/{NAME}"
FACES = ("in-process", "http")


@contextlib.contextmanager
def open_face(face: str, store: Path, monkeypatch: pytest.MonkeyPatch, *, token: str | None = None) -> Iterator[Any]:
    """Yield a client of one face, installed as the global one."""
    if face == "in-process":
        with open_local_client(store, PROJECT) as client:
            yield client
        return
    with serving(store, token=token) as address:
        for name, value in client_environment(address, token or "any").items():
            monkeypatch.setenv(name, value)
        with remote_client(address, token or "any") as client:
            yield client


@contextlib.contextmanager
def serving(store: Path, *, token: str | None = None) -> Iterator[str]:
    """Serve a store from a thread of this process and yield the address."""
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with open_server(store, token=token) as address:
            ready.append(address)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


@contextlib.contextmanager
def remote_client(address: str, key: str) -> Iterator[Any]:
    """Yield the client that `weave.init` would build, without its questions to other services."""
    prepare_environment()
    from weave.trace.context.weave_client_context import set_weave_client_global
    from weave.trace.weave_client import WeaveClient
    from weave.trace_server_bindings.remote_http_trace_server import RemoteHTTPTraceServer

    server = RemoteHTTPTraceServer(address, should_batch=True)
    server.set_auth(("api", key))
    for processor in (server.call_processor, server.feedback_processor):
        assert processor is not None
        processor.min_batch_interval = 0.02  # a second by default, waited for at every flush
    client = WeaveClient(ENTITY, NAME, server, ensure_project_exists=False)
    set_weave_client_global(client)
    try:
        yield client
        client.finish(use_progress_bar=False)
    finally:
        set_weave_client_global(None)
        for processor in (server.call_processor, server.feedback_processor):
            assert processor is not None
            processor.stop_accepting_new_work_and_flush_queue()
        server._stainless_client.close()
