"""The process that traces a chat, seen from the chat: started beside it, told each turn, never waited for too long."""

import asyncio
import contextlib
import json
import os
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.weave_io.chat_trace import TracedTurn
from evalkit.weave_io.child_process import hide_keys, start_child

__all__ = ["DEADLINE_S", "Trace", "Tracer"]

DEADLINE_S = 30.0
"""How long a turn's trace may take once the turn is over."""

_STDERR_LINES = 5


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a turn can be seen in Weave, or the sentence that says why it cannot."""

    ref: str | None = None
    url: str | None = None
    error: str | None = None

    @property
    def place(self) -> str | None:
        """What a person follows: the page, else the reference."""
        return self.url or self.ref


class Tracer:
    """One child process that records turns. It can fail; it cannot hurt an answer."""

    def __init__(self, process: asyncio.subprocess.Process, environment: Mapping[str, str]) -> None:
        """Use `start`."""
        self._process = process
        self._environment = environment
        self._sent = 0
        self._traces: list[Trace] = []
        self._news = asyncio.Event()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._readers = asyncio.gather(self._read_lines(), self._read_stderr())

    @classmethod
    async def start(
        cls, *, backend: str, project: str, store: Path, thread: str, environment: Mapping[str, str]
    ) -> "Tracer":
        """Start the process; it loads Weave while the models are answering."""
        options = {"backend": backend, "project": project, "store": str(store), "thread": thread}
        process = await start_child(
            "evalkit.weave_io.chat_child",
            [f"--{name}={value}" for name, value in options.items()],
            backend=backend,
            environment=environment,
        )
        return cls(process, environment)

    def send(self, turn: TracedTurn) -> None:
        """Have a turn recorded; returns at once."""
        self._sent += 1
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(json.dumps(turn.encode()).encode() + b"\n")

    def traced(self) -> tuple[Trace, ...]:
        """Return the traces that are known by now, in the order of their turns."""
        return tuple(self._traces[: self._sent])

    async def wait(self, deadline_s: float = DEADLINE_S) -> tuple[Trace, ...]:
        """Return a trace for every turn that was sent; those that took too long, or died, are errors."""
        try:
            async with asyncio.timeout(deadline_s):
                while len(self._traces) < self._sent and not self._readers.done():
                    await self._hear()
        except TimeoutError:
            problem = f"Weave gave no sign for {deadline_s:g} s"
        else:
            tail = " | ".join(self._stderr)
            problem = f"the tracing process died ({tail})" if tail else "the tracing process died without a word"
        last = next((trace.error for trace in reversed(self._traces) if trace.error), None)
        missing = self._sent - len(self._traces)
        rest = [Trace(error=hide_keys(last or problem, self._environment))] * missing
        return (*self.traced(), *rest)

    async def close(self) -> None:
        """Leave no process behind: one that has done its work ends by itself, any other is killed."""
        is_done = len(self._traces) >= self._sent and all(trace.error is None for trace in self._traces)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if is_done and self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), timeout=5)
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._readers.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._readers

    async def _hear(self) -> None:
        """Return when the child has said something, or has ended."""
        self._news.clear()
        said = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({said, self._readers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()

    async def _read_lines(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            error = said.get("error")
            shown = None if error is None else hide_keys(str(error), self._environment)
            self._traces.append(Trace(said.get("ref"), said.get("url"), shown))
            self._news.set()

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while text := await self._process.stderr.read(1 << 16):
            lines = text.decode("utf-8", "replace").splitlines()
            self._stderr.extend(line[-500:] for line in lines if line.strip())
