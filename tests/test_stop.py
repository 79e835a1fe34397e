"""A stop is told at once, once, and wakes whoever sleeps."""

import asyncio

from evalkit.stop import Stop, StopReason
from tests.virtual_time import run_virtual, virtual_now


def test_the_first_reason_stands_and_listeners_hear_it_at_once() -> None:
    stop, heard = Stop(), list[str]()
    stop.tell(lambda: heard.append("told"))
    assert not stop
    stop.request(StopReason.QUOTA, "no credit")
    stop.request(StopReason.INTERRUPTED, "later")
    assert stop
    assert (stop.reason, stop.message, heard) == (StopReason.QUOTA, "no credit", ["told"])


def test_a_sleeper_wakes_at_the_stop() -> None:
    async def main() -> None:
        stop = Stop()
        asyncio.get_running_loop().call_later(3, stop.request, StopReason.QUOTA, "")
        await stop.sleep(2)
        assert virtual_now() == 2
        await stop.sleep(60)
        assert virtual_now() == 3

    run_virtual(main())
