"""An OpenAI-compatible endpoint for tests and benchmarks, with faults on purpose; loopback only.

    python -m tests.fake_endpoint --port 0 --set latency_s=0.2 --set max_concurrency=5
    with FakeEndpoint(accuracy={"*": 0.8}) as endpoint: ... endpoint.url, endpoint.stats()

Routes: POST /v1/chat/completions (plain or streamed), GET /v1/models, GET /stats, POST /reset, POST /config (JSON of
`Settings` fields). Whatever is random is a hash of the seed, the prompt and the attempt, whatever the order of arrival.
"""

import argparse
import asyncio
import dataclasses
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Self

if __package__ in {None, ""}:  # run by its path: the folder above tests is not on the module path
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fake_connection import Book, Connection
from tests.fake_replies import Reply, Settings

__all__ = ["FakeEndpoint", "Reply", "Settings"]


class FakeEndpoint:
    """The endpoint in a thread of its own: `with FakeEndpoint(latency_s=0.1) as endpoint`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.book = Book()
        self.connections: set[Connection] = set()
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._thread = threading.Thread(target=self.loop.run_forever, name="fake-endpoint", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The base_url for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> dict[str, Any]:
        """Return what was seen since the last reset."""
        return self.book.stats()

    def reset(self) -> None:
        """Forget what was seen; the settings stay."""
        in_flight = self.book.in_flight
        self.book = Book()
        self.book.in_flight = in_flight

    def configure(self, changes: dict[str, Any]) -> None:
        """Change settings by name."""
        known = {field.name for field in dataclasses.fields(Settings)}
        for name, value in changes.items():
            if name not in known:
                raise KeyError(name)
            setattr(self.settings, name, value)
        self.settings.__post_init__()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(0), self.loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def listen(self, port: int) -> None:
        """Bind to loopback; port 0 takes any free one."""
        self.loop = asyncio.get_running_loop()
        self._server = await self.loop.create_server(lambda: Connection(self), "127.0.0.1", port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self.connections):
            if connection.transport:
                connection.transport.abort()
        await asyncio.sleep(0)
        await self._server.wait_closed()


async def _serve(port: int, settings: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    endpoint = FakeEndpoint()
    endpoint.loop.close()
    endpoint.configure(settings)
    await endpoint.listen(port)
    sys.stdout.write(f"{endpoint.url}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def main(argv: list[str]) -> None:
    """Serve until SIGTERM; the first line on stdout is the url."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", help="JSONL of rows with input and target: the right answers")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a field of Settings")
    options = parser.parse_args(argv)
    settings = {name: json.loads(value) for name, _, value in (item.partition("=") for item in options.set)}
    if options.data:
        with Path(options.data).open(encoding="utf-8") as rows:
            pairs = (json.loads(row) for row in rows)
            settings["answers"] = {row["input"]: str(row["target"]) for row in pairs}
    asyncio.run(_serve(options.port, settings))


if __name__ == "__main__":
    main(sys.argv[1:])
