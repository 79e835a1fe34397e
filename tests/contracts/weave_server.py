"""`evalkit server` as a process of its own, and plain scripts against it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_KEEP = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR")


@dataclass
class RunningServer:
    """A started server; `log` holds its stderr."""

    process: subprocess.Popen[str]
    address: str
    log: Path

    def exports(self) -> dict[str, str]:
        """Return the variables that the server told people to export."""
        return dict(re.findall(r"^export (\w+)=(.*)$", self.log.read_text(), re.MULTILINE))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@contextlib.contextmanager
def running_server(store: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[RunningServer]:
    """Start the command on any free port and yield it once it has said its address."""
    log = store.with_suffix(".log")
    store.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "evalkit", "server", "--store", str(store), *arguments],
            stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT, env=clean_environment(env or {}),
        )  # fmt: skip
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, log.read_text()
        yield RunningServer(process, address, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        process.stdout.close()


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without any account in it."""
    kept = {name: os.environ[name] for name in _KEEP if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def run_script(source: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with a fresh interpreter and a home of its own, and return what it said."""
    path = folder / "script.py"
    path.write_text(source)
    return subprocess.run(
        [sys.executable, str(path)],
        check=False, capture_output=True, text=True, cwd=folder, timeout=90,
        env=clean_environment({**env, "HOME": str(folder)}),
    )  # fmt: skip
