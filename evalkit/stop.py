"""Why a run ends before its last call, told to everyone who waits."""

import asyncio
from collections.abc import Callable
from enum import Enum

from evalkit.errors import ExitCode

__all__ = ["Stop", "StopReason"]


class StopReason(Enum):
    """What ended the run early."""

    INTERRUPTED = "interrupted"
    ACCESS = "access"
    QUOTA = "quota"
    BUDGET = "budget"

    @property
    def exit_code(self) -> ExitCode:
        """What the run's process ends with."""
        return _EXIT_CODES.get(self, ExitCode.INCOMPLETE)


_EXIT_CODES = {StopReason.INTERRUPTED: ExitCode.INTERRUPTED, StopReason.ACCESS: ExitCode.ACCESS}


class Stop:
    """A flag raised at most once; after it no call starts, and what is in flight ends normally."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self.message = ""
        self._raised = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return self.reason is not None

    def request(self, reason: StopReason, message: str) -> None:
        """Raise the flag and tell the listeners, before anything else can start; the first reason stands."""
        if self.reason is None:
            self.reason, self.message = reason, message
            self._raised.set()
            for listener in self._listeners:
                listener()

    def tell(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when the flag is raised."""
        self._listeners.append(listener)

    async def sleep(self, delay_s: float) -> None:
        """Sleep for `delay_s` seconds, or until the flag is raised."""
        try:
            async with asyncio.timeout(delay_s):
                await self._raised.wait()
        except TimeoutError:
            return
