"""One process at a time for a night's work: a lock in history that expires, and that a dead owner cannot keep."""

import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from evalkit.errors import LockedError, StoreError
from evalkit.history import History
from evalkit.process_identity import ProcessIdentity, is_gone, machine
from evalkit.records import Json

__all__ = ["TTL_S", "NightLock", "night_lock"]

TTL_S = 120.0
"""How long a lock outlives the last sign of an owner whose machine nobody else can look into."""

_RENEWALS_IN_A_TTL = 4
_COLUMNS: Final = "name, token, owner, machine, host, pid, started, namespace, since, expires_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, since when, and until when unless it is renewed (seconds since 1970)."""

    name: str
    token: str
    owner: str
    machine: str
    host: str
    process: ProcessIdentity
    since: str
    expires_at: float

    def has_let_go(self, now: float) -> bool:
        """Say whether another may take the lock: it expired, or its owner ran on this machine and has ended."""
        return self.expires_at <= now or (self.machine == machine() and is_gone(self.process))

    def __str__(self) -> str:
        who = f"{self.owner}, " if self.owner else ""
        return f"{who}process {self.process.pid} on {self.host}, since {self.since}"


class NightLock:
    """A lock that is held; its owner keeps renewing it in a thread of its own until `release`.

    `taken_from` is who held it before and never let it go: it was killed, or has not been heard of since.
    """

    def __init__(
        self,
        history: History,
        holder: Holder,
        *,
        taken_from: Holder | None = None,
        ttl_s: float,
        clock: Callable[[], float],
    ) -> None:
        """Use `night_lock`."""
        self.holder, self.taken_from = holder, taken_from
        self.is_lost = False
        self._history, self._ttl_s, self._clock = history, ttl_s, clock
        self._is_done = threading.Event()
        self._renewer = threading.Thread(target=self._renew_on, name="evalkit-night-lock", daemon=True)
        self._renewer.start()

    def check(self) -> None:
        """Renew the lock, so that what follows at once is done by its only holder.

        Raises:
            LockedError: it expired, as after a machine's sleep, and another process has taken it.
        """
        with suppress(StoreError):  # what is known from the last renewal holds
            self.is_lost = self.is_lost or not self._renew()
        if self.is_lost:
            raise LockedError(
                f"the lock of {self.holder.name} expired and another process took it over; this one does no more"
            )

    def release(self) -> None:
        """Let the next one in."""
        self._is_done.set()
        self._renewer.join()
        with suppress(StoreError), self._history.transaction() as db:
            db.execute("DELETE FROM locks WHERE name = ? AND token = ?", (self.holder.name, self.holder.token))

    def _renew_on(self) -> None:
        while not self._is_done.wait(self._ttl_s / _RENEWALS_IN_A_TTL):
            with suppress(StoreError):  # an engaged or full disk: there is time to try again before it expires
                self.is_lost = not self._renew()
            if self.is_lost:
                return

    def _renew(self) -> bool:
        with self._history.transaction() as db:
            renewed = db.execute(
                "UPDATE locks SET expires_at = ? WHERE name = ? AND token = ?",
                (self._clock() + self._ttl_s, self.holder.name, self.holder.token),
            )
            return renewed.rowcount == 1


@contextmanager
def night_lock(
    history: History,
    name: str,
    *,
    owner: str = "",
    ttl_s: float = TTL_S,
    clock: Callable[[], float] = time.time,
) -> Generator[NightLock]:
    """Hold the lock of a name; `owner` is said to whoever is refused.

    A lock whose owner ended on this machine is free at once; one whose owner is elsewhere, when it has expired.

    Raises:
        LockedError: another process holds it; the message says which and since when.
        StoreError: history cannot be written.
    """
    now = clock()
    mine = Holder(
        name=name,
        token=secrets.token_hex(8),
        owner=owner,
        machine=machine(),
        host=socket.gethostname(),
        process=ProcessIdentity.present(),
        since=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        expires_at=now + ttl_s,
    )
    with history.transaction() as db:
        held = _read(db, name)
        if held is not None and not held.has_let_go(now):
            raise LockedError(f"{name} is at work already: {held}; wait for it, or end that process")
        _write(db, mine)
    lock = NightLock(history, mine, taken_from=held, ttl_s=ttl_s, clock=clock)
    try:
        yield lock
    finally:
        lock.release()


def _read(db: sqlite3.Connection, name: str) -> Holder | None:
    row: Sequence[Json] | None = db.execute(f"SELECT {_COLUMNS} FROM locks WHERE name = ?", (name,)).fetchone()  # noqa: S608  our own column names
    if row is None:
        return None
    return Holder(
        name=row[0],
        token=row[1],
        owner=row[2],
        machine=row[3],
        host=row[4],
        process=ProcessIdentity(*row[5:8]),
        since=row[8],
        expires_at=row[9],
    )


def _write(db: sqlite3.Connection, holder: Holder) -> None:
    process = holder.process
    db.execute("DELETE FROM locks WHERE name = ?", (holder.name,))
    db.execute(
        f"INSERT INTO locks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  our own column names
        (
            *(holder.name, holder.token, holder.owner, holder.machine, holder.host),
            *(process.pid, process.started, process.namespace, holder.since, holder.expires_at),
        ),
    )
