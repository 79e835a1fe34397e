"""Waiting for the SDK's queues: to their end while that gets somewhere, or only until they are quiet."""

import asyncio
from collections.abc import Callable

from weave.trace.weave_client import FlushStatus, WeaveClient

__all__ = ["flush", "settle"]


async def flush(client: WeaveClient, on_progress: Callable[[int], None]) -> None:
    """Wait until everything is stored; each new low of the backlog is progress, a batch queued again is not."""
    least: int | None = None

    def note(status: FlushStatus) -> None:
        nonlocal least
        left = status["job_counts"]["total_jobs"]
        if least is None or left < least:
            least = left
            on_progress(0)

    await asyncio.to_thread(client.finish, use_progress_bar=False, callback=note)


async def settle(client: WeaveClient, *, quiet_s: float = 0.5, most_s: float = 5.0) -> None:
    """Wait until the backlog stands still; calls that will never end would keep a full flush for minutes."""
    clock = asyncio.get_running_loop().time
    end, still_since, last = clock() + most_s, clock(), -1
    while clock() < end and clock() - still_since < quiet_s:
        left = client.num_outstanding_jobs
        if left != last:
            last, still_since = left, clock()
        await asyncio.sleep(quiet_s / 10)
