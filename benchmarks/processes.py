"""Runs a command as a whole process and reports what the operating system counted."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """One finished process: wall and CPU seconds, peak memory in MiB, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    stdout: str


def run_process(command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Cost:
    """Run `command` to its end; CPU is user + system of the process and its waited-for children."""
    began = time.perf_counter()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, **pipes, text=True) as process:
        assert process.stdout is not None
        stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - began
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, stdout)


class Endpoint:
    """A fake endpoint in a process of its own."""

    def __init__(self, address: str) -> None:
        self.url = address

    def stats(self) -> dict[str, Any]:
        """Return what it has seen since the last reset."""
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/stats") as reply:
            return json.load(reply)

    def reset(self, **settings: Any) -> None:
        """Forget what it has seen and change settings."""
        for route, body in (("/config", settings), ("/reset", {})):
            data = json.dumps(body).encode()
            urllib.request.urlopen(self.url.removesuffix("/v1") + route, data=data).close()


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Serve until the block ends."""
    command = [sys.executable, str(ROOT / "tests" / "fake_endpoint.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Endpoint(process.stdout.readline().split()[-1])
        finally:
            process.terminate()
