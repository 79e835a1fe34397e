"""OpenAI-compatible servers that others wrote, installed from their registries and served on loopback for one test."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

__all__ = ["free_port", "npm_install", "pip_install", "serve"]

_START_S = 60.0


def npm_install(folder: Path, *packages: str) -> Path:
    """Install npm packages (name@version) without running their scripts and return the folder of their commands."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    flags = ("--ignore-scripts", "--no-save", "--no-audit", "--no-fund")
    _install([npm, "install", *flags, "--prefix", str(folder), *packages])
    return folder / "node_modules" / ".bin"


def pip_install(folder: Path, *packages: str) -> Path:
    """Install packages into an environment of their own and return the folder of their commands."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    _install([str(folder / "bin" / "pip"), "install", "--quiet", *packages])
    return folder / "bin"


def _install(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode != 0:
        pytest.skip(f"cannot be installed here: {done.stderr.strip()[-300:]}")


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def serve(command: Sequence[str], port: int, *, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server, wait until it listens on `port`, yield its base_url, and stop it by its own pid."""
    log = cwd / "server.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"the server does not listen: {log.read_text(errors='replace')}")
