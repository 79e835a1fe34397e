"""The embedded store over HTTP, on loopback only, for any unmodified script that uses the SDK."""

import asyncio
import base64
import binascii
import contextlib
import hmac
import json
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import BodyPartReader, web

from evalkit.errors import ConfigError, StoreError
from evalkit.weave_io.operations import INTAKE, OPERATIONS, STREAMS
from evalkit.weave_io.routes import ROUTES, Route, answer_graphql
from evalkit.weave_io.store_codec import encode_json
from evalkit.weave_io.store_errors import RequestError, unprocessable
from evalkit.weave_io.trace_store import TraceStore

__all__ = ["client_environment", "open_server", "serve"]

HOST = "127.0.0.1"
MAX_BODY_BYTES = 512 * 1024 * 1024
"""The SDK sends up to 31 MB at a time; large media and other clients more."""

_THREADS = 8
_LINES = 200
_SHUTDOWN_S = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def open_server(path: Path, *, port: int = 0, token: str | None = None) -> AsyncGenerator[str]:
    """Serve the store at `path` inside the block and yield the address; port 0 takes any free one.

    With a `token`, requests need it as their key; without one, any key will do.

    Raises:
        ConfigError: the port is taken.
        StoreError: the store cannot be opened.
    """
    store = await asyncio.to_thread(TraceStore, path)
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="evalkit-store")
    runner = web.AppRunner(_Face(store, pool, token).app(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    try:
        await runner.setup()
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"port {port} on {HOST} cannot be used ({error.strerror}); name another with --port"
            ) from error
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        pool.shutdown()
        await asyncio.to_thread(store.close)


async def serve(path: Path, *, port: int, token: str | None, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets the address once requests are answered."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_server(path, port=port, token=token) as address:
        announce(address)
        await stop.wait()


def client_environment(address: str, key: str) -> dict[str, str]:
    """Return the environment that lets a plain `weave.init` use the server at `address`."""
    return {
        "WF_TRACE_SERVER_URL": address,
        "WANDB_BASE_URL": address,
        "WANDB_API_KEY": key,
        "WANDB_ERROR_REPORTING": "false",
        "WEAVE_USE_SERVER_CACHE": "false",
        "WEAVE_PRINT_CALL_LINK": "false",
    }


class _Face:
    """The application: guards, routes, and threads in which the store does its work."""

    def __init__(self, store: TraceStore, pool: ThreadPoolExecutor, token: str | None) -> None:
        self._store = store
        self._pool = pool
        self._token = token

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._handler(route))
        app.router.add_post("/graphql", self._graphql)
        app.router.add_get("/health", self._health)
        app.router.add_route("*", "/{path:.*}", _unknown)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        # A page in a browser must not reach the store: neither by a name that resolves to this
        # machine (Host) nor by posting across sites (Origin).
        if not _is_loopback(f"//{request.headers.get('Host', '')}"):
            return _json(403, {"reason": "this server answers only to 127.0.0.1 and localhost"})
        if "Origin" in request.headers and not _is_loopback(request.headers["Origin"]):
            return _json(403, {"reason": "this server does not answer pages of other sites"})
        if self._token is not None and not _knows(request.headers.get("Authorization", ""), self._token):
            return _json(401, {"reason": "the key is not this server's token; set WANDB_API_KEY to it"})
        try:
            return await handler(request)
        except RequestError as error:
            return _json(error.status, error.body)
        except StoreError as error:
            _log.error("%s %s: %s", request.method, request.path, error)
            return _json(500, {"reason": str(error)})

    async def _health(self, _request: web.Request) -> web.Response:
        return _json(200, {"status": "ok"})

    async def _graphql(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._in_thread(lambda: _json(200, answer_graphql(self._store, _parsed(body))))

    def _handler(self, route: Route) -> _Handler:
        operation, name = OPERATIONS[route.operation], route.operation

        async def handle(request: web.Request) -> web.StreamResponse:
            known = {**request.query, **request.match_info}
            if name == "file_create":
                known |= await _form(request)
            body = b"" if name == "file_create" or request.method == "GET" else await request.read()

            def run() -> web.Response | Iterator[Any]:
                answer = operation(self._store, {**_parsed(body), **known})
                if name in INTAKE:
                    self._store.flush()  # an answered request is on disk
                if name in STREAMS:
                    return answer
                if name == "file_content_read":
                    return web.Response(body=answer["content"], content_type="application/octet-stream")
                return _json(200, answer)

            answer = await self._in_thread(run)
            return answer if isinstance(answer, web.Response) else await self._stream(request, answer)

        return handle

    async def _stream(self, request: web.Request, items: Iterator[Any]) -> web.StreamResponse:
        def chunk() -> bytes:
            return b"".join(encode_json(item).encode() + b"\n" for item in islice(items, _LINES))

        lines = await self._in_thread(chunk)  # a wrong query fails here, before the status is sent
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        while lines:
            await response.write(lines)
            lines = await self._in_thread(chunk)
        await response.write_eof()
        return response

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


async def _unknown(request: web.Request) -> web.Response:
    if request.content_length:
        await request.read()
    _log.warning("no route %s %s", request.method, request.path)
    return _json(404, {"reason": f"the embedded store has no {request.method} {request.path}"})


async def _form(request: web.Request) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise unprocessable("a file is sent as a flat multipart form")
        if part.name == "file":
            fields["file"] = (part.filename or "", bytes(await part.read()))
        else:
            fields[part.name] = await part.text()
    return fields


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        value: Any = json.loads(body) if body else {}
    except ValueError as error:
        raise unprocessable(f"the body is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise unprocessable("the body is not a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]  any JSON


def _json(status: int, body: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=encode_json(body).encode(), content_type="application/json")


def _is_loopback(address: str) -> bool:
    with contextlib.suppress(ValueError):
        return urlsplit(address).hostname in _LOOPBACK
    return False


def _knows(authorization: str, token: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    return hmac.compare_digest(given.encode(), token.encode())
