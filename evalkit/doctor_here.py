"""A check-up of this machine: the local model's weights, the embedded Weave store, the way to W&B."""

import asyncio
import importlib.util
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from evalkit.doctor_findings import Finding, Status
from evalkit.errors import ExitCode
from evalkit.local_weights import find_weights
from evalkit.protocols import Provider

__all__ = ["about_store", "about_wandb", "about_weights"]

_DEADLINE_S = 10.0
_TRACES = "https://trace.wandb.ai"
_PLACE = "weave"


def about_weights(name: str, provider: Provider) -> Iterator[Finding]:
    """Yield what a provider of a local model needs: llama.cpp, and the model's file."""
    say = partial(Finding, name)
    if importlib.util.find_spec("xllamacpp") is None:
        advice = "pip install 'evalkit[local]'"
        yield say("llama.cpp", Status.FAIL, f"it is not installed: {advice}", ExitCode.INCOMPLETE)
    else:
        yield say("llama.cpp", Status.OK, "it is installed")
    if getattr(provider, "gguf", None) is not None:
        yield say("weights", Status.OK, "the provider's gguf is there")
    elif (found := find_weights()) is not None:
        yield say("weights", Status.OK, f"{found} is whole")
    else:
        yield say("weights", Status.WARN, "they are fetched at the first run: `evalkit local pull` does so now")


async def about_store(path: Path) -> Finding:
    """Return whether the embedded store can be written; nothing is."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await asyncio.to_thread(_open_for_writing, path)
    except (OSError, sqlite3.Error) as error:
        advice = "set EVALKIT_HOME to a folder that can be written"
        return Finding(_PLACE, "store", Status.FAIL, f"{path}: {error}: {advice}", ExitCode.INCOMPLETE)
    return Finding(_PLACE, "store", Status.OK, f"{path} can be written")


def _open_for_writing(path: Path) -> None:
    if path.exists():
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=2)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        return
    folder = next(above for above in path.absolute().parents if above.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written")


async def about_wandb(env: Mapping[str, str]) -> Finding:
    """Return whether the server of W&B that takes traces can be reached; nothing is sent there."""
    url = urlsplit(env.get("WF_TRACE_SERVER_URL") or _TRACES)
    proxy = _proxy(url)
    to, port = _address(proxy or url)
    way = f"{url.hostname} by the proxy {to}" if proxy else f"{url.hostname}"
    try:
        async with asyncio.timeout(_DEADLINE_S):
            _, writer = await asyncio.open_connection(to, port, ssl=True if (proxy or url).scheme == "https" else None)
            writer.close()
    except TimeoutError:
        why = f"no connection within {_DEADLINE_S:g} s"
    except OSError as error:
        why = error.strerror or type(error).__name__
    else:
        return Finding(_PLACE, "server", Status.OK, f"{way} can be reached")
    advice = "check the network, or set weave.backend to local and publish later"
    return Finding(_PLACE, "server", Status.FAIL, f"{way} cannot be reached ({why}): {advice}", ExitCode.INCOMPLETE)


def _address(url: SplitResult) -> tuple[str, int]:
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def _proxy(url: SplitResult) -> SplitResult | None:
    proxy = getproxies().get(url.scheme)
    return None if not proxy or proxy_bypass(url.hostname or "") else urlsplit(proxy)
