"""An interrupt is never lost between two pieces of work, and never kills what is being saved."""

import asyncio
import os
import signal

import pytest

from evalkit.interrupts import Interrupts, catch_interrupts

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])


@SIGNALS
async def test_a_signal_reaches_who_is_at_work(number: signal.Signals) -> None:
    heard = asyncio.Event()
    with catch_interrupts() as interrupts, interrupts.heed(heard.set):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(heard.wait(), 5)


@SIGNALS
async def test_a_signal_between_two_pieces_of_work_reaches_the_second(number: signal.Signals) -> None:
    heard: list[str] = []
    with catch_interrupts() as interrupts:
        with interrupts.heed(lambda: heard.append("first")):
            pass
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.05)
        assert heard == []
        with interrupts.heed(lambda: heard.append("second")):
            assert heard == ["second"]


def test_each_interrupt_is_handed_on_once() -> None:
    heard: list[int] = []
    interrupts = Interrupts()
    interrupts.interrupt()
    interrupts.interrupt()
    with interrupts.heed(lambda: heard.append(1)):
        interrupts.interrupt()
    with interrupts.heed(lambda: heard.append(2)):
        pass
    assert heard == [1, 1, 1]


async def test_after_the_block_signals_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with catch_interrupts():
        pass
    assert signal.getsignal(signal.SIGTERM) == before
