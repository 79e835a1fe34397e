"""Who a process is, and whether it still runs: by its id and start time where the system tells, else by its silence."""

import functools
import os
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessIdentity", "is_gone", "machine"]

_STATE, _START_TIME = 0, 19  # places in /proc/<pid>/stat, counted after the program's name


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process of this machine.

    `started` tells two processes with one id apart; `namespace` is where the id means anything. Both are empty where
    the system does not say.
    """

    pid: int
    started: str
    namespace: str

    @classmethod
    def present(cls) -> "ProcessIdentity":
        """Return the process that asks."""
        return cls(os.getpid(), _stat(os.getpid(), _START_TIME), _namespace())


def is_gone(process: ProcessIdentity) -> bool:
    """Say whether a process has certainly ended; False where this system cannot tell."""
    if process.namespace != _namespace() or os.name != "posix":
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    started = _stat(process.pid, _START_TIME)
    is_another = bool(started and process.started and started != process.started)
    return is_another or _stat(process.pid, _STATE) in {"Z", "X"}


@functools.cache
def machine() -> str:
    """Return what names this machine since it started: containers on one kernel say the same."""
    return _read(Path("/proc/sys/kernel/random/boot_id")) or socket.gethostname()


@functools.cache
def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _stat(pid: int, place: int) -> str:
    # The second field is the program's name in parentheses and may hold anything, so count from its end.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return fields[place] if place < len(fields) else ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
