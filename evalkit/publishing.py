"""The process that publishes, seen from the run: started beside it, told its end, waited for while it moves."""

import asyncio
import contextlib
import json
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from evalkit.records import Json
from evalkit.store import RunFolder
from evalkit.weave_io.child_process import hide_keys, start_child
from evalkit.weave_io.client import default_store_path

__all__ = ["DEADLINE_S", "Publisher"]

DEADLINE_S = 60.0
"""How long a publication may stand still once the run has ended; as long as it gets somewhere, it may take its time."""

_STDERR_LINES = 5


class Publisher:
    """One child process that follows a run folder into Weave. It can fail; it cannot hurt the run."""

    def __init__(
        self,
        folder: RunFolder,
        process: asyncio.subprocess.Process,
        *,
        target: Mapping[str, str],
        deadline_s: float,
        environment: Mapping[str, str],
    ) -> None:
        """Use `start`."""
        self.rows = 0
        self._folder = folder
        self._process = process
        self._target = target
        self._deadline_s = deadline_s
        self._environment = environment
        self._progress = asyncio.Event()
        self._last: Mapping[str, Json] | None = None
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._readers = asyncio.gather(self._read_lines(), self._read_stderr())

    @classmethod
    async def start(
        cls,
        folder: RunFolder,
        *,
        backend: str | None = None,
        project: str | None = None,
        store: Path | None = None,
        deadline_s: float = DEADLINE_S,
        environment: Mapping[str, str] | None = None,
    ) -> "Publisher":
        """Start publishing a run folder, which may still be growing.

        `backend` and `project` replace those of the run's plan; `store` is the embedded store's file. The child has a
        session of its own, so that Ctrl-C misses it, and only the variables that its backend needs.
        """
        env = os.environ if environment is None else environment
        planned = folder.load().plan["weave"]
        target = {"backend": backend or planned["backend"], "project": project or planned["project"]}
        options = {**target, "store": str((store or _store_path(folder.path, env)).resolve())}
        process = await start_child(
            "evalkit.weave_io.child",
            [str(folder.path.resolve()), *(f"--{name}={value}" for name, value in options.items())],
            backend=target["backend"],
            environment=env,
            cwd=folder.path,
        )
        return cls(folder, process, target=target, deadline_s=deadline_s, environment=env)

    @property
    def pid(self) -> int:
        """The child's process id, and its group's."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child is still at work."""
        return self._process.returncode is None

    async def finish(self, complete: bool, on_progress: Callable[[int], None] | None = None) -> dict[str, Json]:  # noqa: FBT001  finish(complete=...) reads as what it says
        """Tell the child that the run has ended, wait for it, and return run.json's weave block; never raises for it.

        With `complete`, run.json must be whole; without, the child deletes what it wrote for unfinished cells. A child
        that stands still for the deadline is killed; the block then says how to publish later.
        """
        try:
            self._tell({"complete": complete})
            while not self._readers.done():
                if not await self._moves():
                    return self._block(f"no progress for {self._deadline_s:g} s")
                if on_progress is not None:
                    on_progress(self.rows)
            return self._block(None)
        finally:
            await self.stop()

    def _tell(self, line: Mapping[str, Json]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def _moves(self) -> bool:
        """Wait for a sign of progress or the child's end; False when the deadline passes without either."""
        self._progress.clear()
        moved = asyncio.ensure_future(self._progress.wait())
        done, _ = await asyncio.wait(
            {moved, self._readers}, timeout=self._deadline_s, return_when=asyncio.FIRST_COMPLETED
        )
        moved.cancel()
        return bool(done)

    async def _read_lines(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if said["event"] == "progress":
                self.rows = said["rows"]
            else:
                self._last = said
            self._progress.set()

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while text := await self._process.stderr.read(1 << 16):
            lines = text.decode("utf-8", "replace").splitlines()
            self._stderr.extend(line[-500:] for line in lines if line.strip())

    async def stop(self) -> None:
        """Leave no process behind."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._readers.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._readers

    def _block(self, problem: str | None) -> dict[str, Json]:
        last = self._last or {}
        error = problem or last.get("error")
        if error is None and not last:
            tail = " | ".join(self._stderr)
            error = f"the publishing process died ({tail})" if tail else "the publishing process died without a word"
        block = dict(last.get("block") or self._nothing_published())
        if error is not None:
            later = f"the results are saved; publish them with `evalkit publish {self._folder.path}`"
            block.update(verified=False, error=f"{hide_keys(str(error), self._environment)}; {later}")
        return block

    def _nothing_published(self) -> dict[str, Json]:
        return {**self._target, "evaluations": {}, "calls": {}, "leaderboard": None, "verified": False, "error": None}


def _store_path(run: Path, environment: Mapping[str, str]) -> Path:
    """Return the embedded store's file: where EVALKIT_HOME says, else beside the `reports/` that holds the run."""
    above = run.resolve().parents
    return default_store_path(environment, above[min(2, len(above) - 1)])
