"""Which processes write to the store, which of them are dead, and the end of the calls those left open."""

import os
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from evalkit.weave_io.store_codec import now_micros

__all__ = ["ABORTED", "Writer", "end_open_calls", "reap_dead_writers"]

ABORTED = "aborted: the process that recorded this call ended without finishing it"
"""The exception of a call that nobody is left to finish."""

_STRANGER_SILENCE_US = 600 * 1_000_000
_STATE, _START_TIME = 0, 19  # places in /proc/<pid>/stat, counted after the program's name
_SUMMARY = '{"status_counts":{"success":0,"error":1}}'


@dataclass(frozen=True, slots=True)
class Writer:
    """One open store in one process.

    `realm` names the machine, its boot and its process-id namespace: only inside one realm does a process id mean
    anything. `started` tells two processes with the same id apart; empty where the system does not say.
    """

    name: str
    pid: int
    started: str
    realm: str

    @classmethod
    def present(cls, name: str) -> "Writer":
        """Return the writer that this process is."""
        return cls(name, os.getpid(), _start_time(os.getpid()), _realm())

    def register(self, connection: sqlite3.Connection) -> None:
        """Enter this writer into the store."""
        now = now_micros()
        row = (self.name, self.pid, self.started, self.realm, now, now)
        connection.execute("INSERT OR REPLACE INTO writers VALUES (?, ?, ?, ?, ?, ?)", row)

    def stamp(self, connection: sqlite3.Connection) -> None:
        """Note that this writer was alive at this commit."""
        connection.execute("UPDATE writers SET seen_at = ? WHERE writer = ?", (now_micros(), self.name))

    def leave(self, connection: sqlite3.Connection) -> None:
        """End this writer's open calls and strike it from the store."""
        end_open_calls(connection, self.name)
        connection.execute("DELETE FROM writers WHERE writer = ?", (self.name,))


def reap_dead_writers(connection: sqlite3.Connection, here: Writer) -> int:
    """End the calls whose writer is dead and strike those writers; return how many calls were ended."""
    ended = 0
    rows = connection.execute("SELECT writer, pid, started, realm, seen_at FROM writers").fetchall()
    for name, pid, started, realm, seen_at in rows:
        if name != here.name and _is_dead(Writer(name, pid, started, realm), seen_at, here):
            ended += end_open_calls(connection, name)
            connection.execute("DELETE FROM writers WHERE writer = ?", (name,))
    return ended


def end_open_calls(connection: sqlite3.Connection, writer: str) -> int:
    """End every call that `writer` started and did not finish, at the time it was last seen alive."""
    cursor = connection.execute(
        "UPDATE calls SET reaped = 1, exception = ?, summary = COALESCE(summary, ?), ended_at = MAX(started_at,"
        " COALESCE((SELECT seen_at FROM writers WHERE writers.writer = calls.writer), started_at))"
        " WHERE writer = ? AND ended_at IS NULL AND started_at IS NOT NULL",
        (ABORTED, _SUMMARY, writer),
    )
    return cursor.rowcount


def _is_dead(writer: Writer, seen_at: int, here: Writer) -> bool:
    if writer.realm != here.realm:
        # Another machine or container: its process ids say nothing here, only its silence does.
        return now_micros() - seen_at > _STRANGER_SILENCE_US
    if not _is_running(writer.pid):
        return True
    started = _start_time(writer.pid)
    return bool(started and writer.started and started != writer.started)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _state(pid) != "Z"


def _realm() -> str:
    boot = _read(Path("/proc/sys/kernel/random/boot_id"))
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {boot} {namespace}"


def _start_time(pid: int) -> str:
    return dict(enumerate(_stat(pid))).get(_START_TIME, "")


def _state(pid: int) -> str:
    return dict(enumerate(_stat(pid))).get(_STATE, "")


def _stat(pid: int) -> list[str]:
    # The second field is the program's name in parentheses and may hold anything, so count from its end.
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
