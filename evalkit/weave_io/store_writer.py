"""The one thread of a process that writes to the store: it commits what arrives in small groups."""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from evalkit.errors import StoreError
from evalkit.weave_io.store_errors import RequestError

__all__ = ["StoreWriter", "Task"]

T = TypeVar("T")
Task = Callable[[sqlite3.Connection], T]
"""A change, applied inside the transaction that the writer holds."""

_GATHER_S = 0.05
_GROUP = 200
_BUSY_ATTEMPTS = 3
_HEARTBEAT_S = 30.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Item:
    task: Task[Any]
    waiter: Future[Any] | None = None


class StoreWriter:
    """Applies tasks in the order they came, at most 50 ms or 200 of them to a commit.

    A change that cannot be written is never forgotten: the writer then refuses everything, with the first cause.
    """

    def __init__(self, connection: sqlite3.Connection, *, stamp: Task[None]) -> None:
        """Start the thread; `stamp` is applied once in every commit and every 30 idle seconds."""
        self._connection = connection
        self._stamp = stamp
        self._changed = threading.Condition()
        self._pending: deque[_Item] = deque()
        self._submitted = 0
        self._settled = 0
        self._urgent = False
        self._closing = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="evalkit-store-writer", daemon=True)
        self._thread.start()

    def put(self, task: Task[None], *, urgent: bool = False) -> None:
        """Take a change that nobody waits for; `urgent` ones are committed at once."""
        self._submit(_Item(task), urgent=urgent)

    def call(self, task: Task[T]) -> T:
        """Apply a change, wait for its commit and return its result."""
        waiter: Future[T] = Future()
        self._submit(_Item(task, waiter), urgent=True)
        return waiter.result()

    def flush(self, timeout_s: float) -> None:
        """Return once everything taken so far is committed.

        Raises:
            StoreError: a change could not be written, or the time ran out.
        """
        with self._changed:
            target = self._submitted
            if self._settled < target:
                self._urgent = True
                self._changed.notify_all()
                if not self._changed.wait_for(lambda: self._settled >= target, timeout_s):
                    late = target - self._settled
                    raise StoreError(
                        f"{late} changes are not on disk after {timeout_s:g} s; is the disk stuck or full?"
                    )
            self._refuse_after_failure()

    def close(self, timeout_s: float) -> None:
        """Commit what is pending and end the thread; its connection is closed by it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise StoreError(f"the store's writer is still busy after {timeout_s:g} s; is the disk stuck or full?")
        self._refuse_after_failure()

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise StoreError(
                f"the store lost a change and takes no more: {self._failure}; mend that and open it again"
            ) from self._failure

    def _submit(self, item: _Item, *, urgent: bool) -> None:
        with self._changed:
            self._refuse_after_failure()
            if self._closing:
                raise StoreError("the store is closed; open it again before writing to it")
            self._pending.append(item)
            self._submitted += 1
            self._urgent = self._urgent or urgent
            if urgent or len(self._pending) in (1, _GROUP):
                self._changed.notify_all()

    def _run(self) -> None:
        try:
            while (group := self._take()) is not None:
                self._commit(group)
                with self._changed:
                    self._settled += len(group)
                    self._changed.notify_all()
        finally:
            self._connection.close()

    def _take(self) -> list[_Item] | None:
        with self._changed:
            if not self._pending and not self._closing:
                self._changed.wait(_HEARTBEAT_S)
            deadline = time.monotonic() + _GATHER_S
            while self._pending and len(self._pending) < _GROUP and not (self._urgent or self._closing):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._closing and not self._pending:
                return None
            group = [self._pending.popleft() for _ in range(min(_GROUP, len(self._pending)))]
            if not self._pending:
                self._urgent = False
            return group

    def _commit(self, group: list[_Item]) -> None:
        """Write the group in one transaction; when one change in it is broken, write each alone."""
        error: Exception | None = None
        for _ in range(_BUSY_ATTEMPTS):
            try:
                outcomes = self._transact(group)
            except Exception as caught:  # noqa: BLE001  the thread must outlive any failing change, and tell of it
                error = caught
                if not _is_busy(caught):
                    break
            else:
                _tell(group, outcomes)
                return
        if len(group) > 1 and not _is_busy(error):
            for item in group:
                self._commit([item])
            return
        self._give_up(group, error)

    def _transact(self, group: list[_Item]) -> list[tuple[Any, RequestError | None]]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [_apply(connection, item) for item in group]
            self._stamp(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes

    def _give_up(self, group: list[_Item], error: Exception | None) -> None:
        # A full disk or a dead lock is no fault of one change: whoever waits may swallow it, so everyone is told.
        lasting = isinstance(error, sqlite3.OperationalError)
        for item in group:
            if item.waiter is not None:
                item.waiter.set_exception(StoreError(f"the store could not write a change: {error}"))
            if self._failure is None and (lasting or item.waiter is None):
                self._failure = error
                _log.error("the store could not write a change: %s", error)


def _apply(connection: sqlite3.Connection, item: _Item) -> tuple[Any, RequestError | None]:
    if item.waiter is None:
        item.task(connection)
        return None, None
    connection.execute("SAVEPOINT change")
    try:
        return item.task(connection), None
    except RequestError as error:
        connection.execute("ROLLBACK TO change")
        return None, error
    finally:
        if connection.in_transaction:
            connection.execute("RELEASE change")


def _tell(group: list[_Item], outcomes: list[tuple[Any, RequestError | None]]) -> None:
    for item, (result, error) in zip(group, outcomes, strict=True):
        if item.waiter is None:
            continue
        if error is not None:
            item.waiter.set_exception(error)
        else:
            item.waiter.set_result(result)


def _is_busy(error: Exception | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))
