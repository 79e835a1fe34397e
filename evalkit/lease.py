"""One in-flight limit for all processes of a user on this machine that call one endpoint for one project."""

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from evalkit.lease_book import BookBusyError, LeaseBook, Page, Row, is_damaged
from evalkit.process_identity import ProcessIdentity, is_gone
from evalkit.shares import Look, Member, divide

__all__ = ["Lease", "Shared", "share_limit"]

_logger = logging.getLogger(__name__)
_GLANCE_S = 0.05
_GLANCES, _HUNGRY_GLANCES = 5, 2
"""Glances at the own throttle between two looks into the book, while nothing and while something is owed."""

_BUSY_WAIT_S = 0.005
_BUSY_TRIES = 200
_LONGEST_BUSY_S = 5.0
_NOISY = 0.1
"""With this share of refusals whatever the limit, one more of them tells nothing of it."""


class Shared(Protocol):
    """What a lease needs of a throttle."""

    max_concurrency: int
    in_flight: int
    refusals: int

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        ...

    @property
    def wanted(self) -> int:
        """Calls that may be in flight without a ceiling."""
        ...

    @property
    def waiting(self) -> int:
        """Callers that wait for a permit."""
        ...

    @property
    def noise(self) -> float:
        """The share of calls that is refused whatever the limit."""
        ...

    def set_ceiling(self, most: int) -> None:
        """Let no call start while `most` or more are in flight."""
        ...


@asynccontextmanager
async def share_limit(
    throttle: Shared,
    *,
    name: str,
    folder: Path,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator["Lease"]:
    """Keep `throttle` within this process's share while the block runs; never raises for the lease's own troubles.

    Args:
        throttle: gets a ceiling, anew each quarter of a second.
        name: of the book that is shared, from `lease_of`.
        folder: where the books are.
        clock: seconds that count alike in all processes of this machine.
        sleep: waits that many seconds.
    """
    lease = Lease(throttle, LeaseBook.of(name, folder), clock=clock, sleep=sleep)
    await lease.look()
    looking = asyncio.create_task(lease.keep_looking(), name="lease")
    try:
        yield lease
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await lease.leave()


class Lease:
    """One process's share. `others` counts the other live processes at the last look.

    What a process holds is written before it is used, and given up in the book only after its ceiling fell: so the
    held of all never exceed the limit, and no process has more calls in flight than it holds.
    """

    def __init__(
        self,
        throttle: Shared,
        book: LeaseBook,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        process: ProcessIdentity | None = None,
        is_gone: Callable[[ProcessIdentity], bool] = is_gone,
    ) -> None:
        self.others = 0
        self.has_given_up = False
        """True when the book cannot be used: the throttle's own limit is all that holds then."""
        self._throttle, self._book, self._clock, self._sleep = throttle, book, clock, sleep
        self._process, self._is_gone = process or ProcessIdentity.present(), is_gone
        self._name = secrets.token_hex(8)
        self._opening = throttle.limit
        self._refusals = throttle.refusals
        self._ceiling = self._granted = self._share = 0
        self._has_joined = False
        self._bides_until = 0.0
        self._busy_since: float | None = None
        throttle.set_ceiling(0)

    async def look(self) -> None:
        """Read what the others hold, and take or give back accordingly."""
        try:
            await self._on_a_page(self._settle)
        except BookBusyError:
            self._bear_with_the_book()
        except Exception as error:  # noqa: BLE001  whatever is in the book, no run fails or hangs for it
            self._give_up(f"{self._book.path} cannot be used ({type(error).__name__}: {error})")
        else:
            self._has_joined, self._busy_since = True, None
            self._set_ceiling(self._granted)

    async def keep_looking(self) -> None:
        """Look again and again; sooner while something is owed, and as soon as one of several is refused."""
        while not self.has_given_up:
            glances = _HUNGRY_GLANCES if self._ceiling < self._share else _GLANCES
            if self.others:
                for _ in range(glances - 1):
                    await self._sleep(_GLANCE_S)
                    if self._throttle.refusals > self._refusals:
                        break
                glances = 1
            await self._sleep(_GLANCE_S * glances)
            await self.look()

    async def leave(self) -> None:
        """Give everything back."""
        if self._has_joined:
            with contextlib.suppress(BookBusyError, OSError, sqlite3.Error):
                await self._on_a_page(lambda page: page.remove([self._name]))

    async def _on_a_page(self, write: Callable[[Page], None]) -> None:
        """Write in the book, waiting a little while it is busy; one that is damaged is replaced."""
        tries, may_replace = _BUSY_TRIES, True
        while True:
            try:
                with self._book.page() as page:
                    write(page)
            except BookBusyError:
                tries -= 1
                if not tries:
                    raise
                await self._sleep(_BUSY_WAIT_S)
            except sqlite3.DatabaseError as error:
                if not may_replace or not is_damaged(error):
                    raise
                may_replace = False
                self._book.discard()
            else:
                return

    def _settle(self, page: Page) -> None:
        """Take this process's share, inside a transaction; what is granted may be used once that is committed."""
        throttle, now = self._throttle, self._clock()
        rows = {row.member.name: row for row in page.rows()}
        was = rows.pop(self._name, None)
        dead = [name for name, row in rows.items() if row.is_dead(now, self._is_gone)]
        page.remove(dead)
        others = [row.member for name, row in rows.items() if name not in dead]
        self.others = len(others)
        mine = self._member(was.member if was else None)
        refused = throttle.refusals > self._refusals and throttle.noise < _NOISY
        self._refusals = throttle.refusals
        if was is None and self._has_joined:
            # Struck from the book, by a long sleep or with the whole book: others may hold what was ours, unseen yet.
            self._set_ceiling(throttle.in_flight)
            self._bides_until = now + 2 * _GLANCES * _GLANCE_S
        known, may_take = page.knowledge(), now >= self._bides_until
        look = Look(ceiling=self._ceiling, may_take=may_take, refused=refused, now=now)
        division = divide(mine, others, known, look)
        self._granted, self._share = division.ceiling, division.share
        page.learn(division.knowledge)
        self._set_ceiling(min(self._ceiling, self._granted))
        page.write(Row(self._process, now, division.member))

    def _member(self, was: Member | None) -> Member:
        """Return this process as it is now. Before its first call it wants what it may start with."""
        throttle, in_flight = self._throttle, self._throttle.in_flight
        demand = min(throttle.wanted, in_flight + throttle.waiting) if self._has_joined else self._opening
        is_taught = self._has_joined and not self.others and throttle.refusals > 0 and throttle.noise < _NOISY
        return Member(
            self._name,
            held=max(was.held if was else 0, in_flight),
            wanted=max(demand, in_flight),
            in_flight=in_flight,
            most=throttle.max_concurrency,
            knows=throttle.wanted if is_taught and throttle.wanted < throttle.max_concurrency else 0,
            turn_at=was.turn_at if was else 0.0,
        )

    def _set_ceiling(self, ceiling: int) -> None:
        if ceiling != self._ceiling:
            self._ceiling = ceiling
            self._throttle.set_ceiling(ceiling)

    def _bear_with_the_book(self) -> None:
        """Keep what is held while another process holds the book; not for long, and not before the first look."""
        now = self._clock()
        self._busy_since = now if self._busy_since is None else self._busy_since
        if not self._has_joined or now - self._busy_since > _LONGEST_BUSY_S:
            self._give_up(f"{self._book.path} is held by another process")

    def _give_up(self, reason: str) -> None:
        self.has_given_up, self.others = True, 0
        self._set_ceiling(self._throttle.max_concurrency)
        _logger.warning("the in-flight limit is not shared with other processes: %s", reason)
