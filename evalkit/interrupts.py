"""Ctrl-C and SIGTERM: the first asks the run to stop, the second gives up on what is in flight."""

import asyncio
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

from evalkit.stop import Stop, StopReason

__all__ = ["heed_interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def heed_interrupts(stop: Stop, work: asyncio.Task[None]) -> Generator[None]:
    """Turn the first signal into a stop and the second into the cancellation of `work`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if stop.reason is StopReason.INTERRUPTED:
            work.cancel()
        stop.request(StopReason.INTERRUPTED, "interrupted; what was answered is saved")

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
