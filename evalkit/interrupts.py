"""Ctrl-C and SIGTERM, turned into calls for as long as a block runs."""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["heed_interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def heed_interrupts(interrupt: Callable[[], object]) -> Generator[None]:
    """Call `interrupt` for every signal until the block ends; outside the main thread signals are not ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
