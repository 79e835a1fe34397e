"""Ctrl-C and SIGTERM, turned into calls for as long as a block runs."""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["Interrupts", "catch_interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Hands each interrupt to whoever is at work; one that comes between two is handed to the next."""

    def __init__(self) -> None:
        self._waiting = 0
        self._heeder: Callable[[], object] | None = None

    def interrupt(self) -> None:
        """Take note of one signal."""
        if self._heeder is None:
            self._waiting += 1
        else:
            self._heeder()

    @contextmanager
    def heed(self, heeder: Callable[[], object]) -> Generator[None]:
        """Call `heeder` for every interrupt until the block ends, at once for those that came before it."""
        self._heeder = heeder
        waiting, self._waiting = self._waiting, 0
        for _ in range(waiting):
            heeder()
        try:
            yield
        finally:
            self._heeder = None


@contextmanager
def catch_interrupts() -> Generator[Interrupts]:
    """Catch both signals until the block ends; outside the main thread signals are not ours."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupts.interrupt)
    try:
        yield interrupts
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
