"""One open store: a pool of readers beside the one writer; what this process wrote, it reads."""

import atexit
import contextlib
import os
import queue
import sqlite3
import uuid
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from evalkit.errors import StoreError
from evalkit.weave_io.store_liveness import Writer, reap_dead_writers
from evalkit.weave_io.store_schema import connect, prepare
from evalkit.weave_io.store_writer import StoreWriter, Task

__all__ = ["StoreDatabase"]

T = TypeVar("T")

_FLUSH_S = 60.0


class StoreDatabase:
    """The SQLite file of a store, open in this process.

    Opening ends the calls that dead processes left open. Several processes may have the file open at once.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, creating it and its folder when missing."""
        self.path = path
        prepare(path)
        self.writer = Writer.present(uuid.uuid4().hex)
        self._process = os.getpid()
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._closed = False
        self._loop = StoreWriter(connect(path), stamp=self.writer.stamp)
        self.write(self._enter)
        # Daemon threads still run while atexit works, so a program that forgets to close loses nothing.
        self._at_exit = _close_at_exit(self)

    def put(self, task: Task[None], *, urgent: bool = False) -> None:
        """Take a change to be committed within 50 ms, or at once when `urgent`."""
        self._same_process()
        self._loop.put(task, urgent=urgent)

    def write(self, task: Task[T]) -> T:
        """Apply a change and return its result once it is committed."""
        self._same_process()
        return self._loop.call(task)

    def flush(self, timeout_s: float = _FLUSH_S) -> None:
        """Return once every change taken so far is committed.

        Raises:
            StoreError: a change could not be written, or the time ran out.
        """
        self._same_process()
        self._loop.flush(timeout_s)

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Lend a connection that sees everything this process has written."""
        self.flush()
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = connect(self.path, read_only=True)
        try:
            yield connection
        finally:
            if self._closed:
                connection.close()
            else:
                self._readers.put(connection)

    def close(self, timeout_s: float = _FLUSH_S) -> None:
        """Commit what is pending, end this process's unfinished calls and close the file; closing twice is harmless."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        try:
            with contextlib.suppress(StoreError):  # the writer's own close tells of the first failure
                self._loop.put(self.writer.leave, urgent=True)
            self._loop.close(timeout_s)
        finally:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._readers.get_nowait().close()

    def _enter(self, connection: sqlite3.Connection) -> None:
        self.writer.register(connection)
        reap_dead_writers(connection, self.writer)

    def _same_process(self) -> None:
        if os.getpid() != self._process:
            raise StoreError(f"{self.path} was opened before this process was forked; open it again in the child")


def _close_at_exit(database: StoreDatabase) -> Callable[[], None]:
    reference = weakref.ref(database)

    def close() -> None:
        if (alive := reference()) is not None:
            with contextlib.suppress(StoreError):
                alive.close(timeout_s=10.0)

    return atexit.register(close)
