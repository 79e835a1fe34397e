"""One child process that runs a user's scoring function: started when first asked, killed when it takes too long."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.records import Json

__all__ = ["ScorerProcess", "ScoringFunctionError"]

_WORKER = Path(__file__).with_name("scorer_worker.py")
_MAX_LINE = 1 << 22
_START_SECONDS = 60.0


class ScoringFunctionError(RuntimeError):
    """The function, or the process it runs in, gave no score; the message says why."""


@dataclass(frozen=True, slots=True)
class _Running:
    process: Process
    loop: asyncio.AbstractEventLoop


class ScorerProcess:
    """Runs `module:function`, importable from `folder`, one question at a time, in a process of its own.

    A process that dies or is killed is started again for the next question; a module that cannot be imported is not
    tried again.
    """

    def __init__(self, folder: Path, module: str, function: str) -> None:
        self._command = (sys.executable, "-P", "-B", str(_WORKER), str(folder), module, function)
        self._running: _Running | None = None
        self._broken: str | None = None
        self._turn: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def ask(self, sample: Mapping[str, Json], text: str, timeout_s: float) -> Mapping[str, Json]:
        """Return the function's answer: {"value", "reason"}.

        Raises:
            ScoringFunctionError: it raised, took longer than `timeout_s`, or its process ended.
        """
        question = json.dumps([sample, text], default=str).encode() + b"\n"
        async with self._lock():
            process = await self._start()
            try:
                answer = await self._exchange(process, question, timeout_s)
            except BaseException:
                await self._kill()  # a late answer must never be read as that of the next question
                raise
        if "error" in answer:
            raise ScoringFunctionError(str(answer["error"]))
        return answer

    async def close(self) -> None:
        """End the process; a later question starts a new one."""
        async with self._lock():
            await self._kill()

    def _lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._turn is None or self._turn[0] is not loop:
            self._turn = (loop, asyncio.Lock())
        return self._turn[1]

    async def _exchange(self, process: Process, question: bytes, timeout_s: float) -> Mapping[str, Json]:
        assert process.stdin is not None
        try:
            async with asyncio.timeout(timeout_s):
                process.stdin.write(question)
                await process.stdin.drain()
                return await self._read(process)
        except TimeoutError:
            raise ScoringFunctionError(f"the function took longer than {timeout_s:g} s and was stopped") from None
        except ConnectionError:
            raise ScoringFunctionError(await self._ended(process)) from None

    async def _read(self, process: Process) -> Mapping[str, Json]:
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
        except ValueError:
            raise ScoringFunctionError(f"the function's reason is longer than {_MAX_LINE} bytes") from None
        if not line.endswith(b"\n"):
            raise ScoringFunctionError(await self._ended(process))
        answer: Mapping[str, Json] = json.loads(line)
        return answer

    async def _ended(self, process: Process) -> str:
        code = await process.wait()
        told = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"the function's process ended ({told}); it is started again for the next sample"

    async def _start(self) -> Process:
        if self._broken is not None:
            raise ScoringFunctionError(self._broken)
        loop = asyncio.get_running_loop()
        if self._running is not None and self._running.loop is loop and self._running.process.returncode is None:
            return self._running.process
        await self._kill()
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_MAX_LINE, start_new_session=True
        )
        self._running = _Running(process, loop)
        try:
            async with asyncio.timeout(_START_SECONDS):
                first = await self._read(process)
        except TimeoutError:
            await self._kill()
            raise ScoringFunctionError(f"the module was not imported within {_START_SECONDS:g} s") from None
        except BaseException:
            await self._kill()
            raise
        if "broken" in first:
            self._broken = f"the module cannot be imported: {first['broken']}"
            await self._kill()
            raise ScoringFunctionError(self._broken)
        return process

    async def _kill(self) -> None:
        """Kill the process and what it started; one of an event loop that is gone is only signalled."""
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        if running.loop is asyncio.get_running_loop():
            await running.process.wait()
            if running.process.stdin is not None:
                running.process.stdin.close()
