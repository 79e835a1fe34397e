"""Starts the local model's server as a child process, waits until it is healthy, and ends it whatever happens."""

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from evalkit.errors import ProviderError
from evalkit.records import Json
from evalkit.triage import clean_message

__all__ = ["ending", "run_child"]

_START_S = 60.0
_STOP_S = 5.0
_LOG_BYTES = 2000
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW")


@asynccontextmanager
async def run_child(
    options: Mapping[str, Json], log_dir: Path | None
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """Yield the process and its address; on leaving, SIGTERM, and SIGKILL after five seconds.

    Args:
        options: what `evalkit.local_server` reads from its stdin.
        log_dir: where its stderr goes, as llamacpp.log.

    Raises:
        ProviderError: it did not come up, with its last words.
    """
    with _open_log(log_dir) as log:
        child = await _start(log)
        try:
            try:
                async with asyncio.timeout(_START_S):
                    await _tell(child, options)
                    url = await _hear_url(child, log)
                    await _await_health(url)
            except TimeoutError:
                raise ProviderError(
                    f"the local model's server was not ready within {_START_S:g} s; {_last_words(log)}"
                ) from None
            yield child, url
        finally:
            await _stop(child)


def ending(code: int) -> str:
    """Return a process's end in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def _start(log: IO[bytes]) -> asyncio.subprocess.Process:
    """Start the child in a session of its own, so that Ctrl-C reaches it through us alone."""
    environment = {name: value for name, value in os.environ.items() if not _SECRET_NAME.search(name.upper())}
    here = str(Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evalkit.local_server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


async def _tell(child: asyncio.subprocess.Process, options: Mapping[str, Json]) -> None:
    assert child.stdin is not None
    with contextlib.suppress(ConnectionError):
        child.stdin.write(json.dumps(dict(options)).encode() + b"\n")
        await child.stdin.drain()


async def _hear_url(child: asyncio.subprocess.Process, log: IO[bytes]) -> str:
    assert child.stdout is not None
    line = await child.stdout.readline()
    said: dict[str, Any] = json.loads(line) if line.strip() else {}
    if "url" in said:
        return said["url"]
    code = await child.wait()
    if "missing" in said:
        raise ProviderError(f"llama.cpp cannot be loaded ({said['missing']}): pip install 'evalkit[local]'")
    raise ProviderError(f"the local model's server ended with {ending(code)} before it was ready; {_last_words(log)}")


async def _await_health(url: str) -> None:
    host, port = url.rpartition("/")[2].split(":")
    while True:
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
            writer.close()
            if b" 200 " in status:
                return
        await asyncio.sleep(0.1)


async def _stop(child: asyncio.subprocess.Process) -> None:
    """End the child: politely, then not; at once when this task is cancelled meanwhile."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await child.wait()
    except TimeoutError:
        await _kill(child)
    except asyncio.CancelledError:
        await _kill(child)
        raise
    finally:
        if child.stdin is not None:
            child.stdin.close()


async def _kill(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()


def _open_log(folder: Path | None) -> IO[bytes]:
    if folder is None:
        return tempfile.TemporaryFile()
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "llamacpp.log").open("a+b")


def _last_words(log: IO[bytes]) -> str:
    end = log.seek(0, os.SEEK_END)
    log.seek(max(0, end - _LOG_BYTES))
    words = clean_message(log.read().decode("utf-8", "replace"))
    return f"its last words: {words}" if words else "it said nothing"
