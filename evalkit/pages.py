"""Has the files for people and notebooks made by a process of its own: its libraries weigh more than the engine."""

import asyncio
import contextlib
import sys

from evalkit.config.schema import ReportSpec
from evalkit.store import RunFolder

__all__ = ["PageMaker"]


class PageMaker:
    """A process that loads its libraries while the engine waits for answers, and makes the files when it is told."""

    def __init__(self, folder: RunFolder, process: asyncio.subprocess.Process | None) -> None:
        """Use `start`."""
        self._folder = folder
        self._process = process

    @classmethod
    async def start(cls, folder: RunFolder, wanted: ReportSpec) -> "PageMaker":
        """Start the process, unless no file is wanted. Ctrl-C misses it; it ends when this process does."""
        if not (wanted.html or wanted.markdown or wanted.parquet or wanted.csv or wanted.junit):
            return cls(folder, None)
        command = (sys.executable, "-m", "evalkit", "report", str(folder.path), "--when-told")
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(folder, process)

    async def make(self) -> str | None:
        """Make the files of the stored run; return a sentence when that failed, None when it did not."""
        if self._process is None:
            return None
        try:
            _, said = await self._process.communicate(b"make\n")
        finally:
            self.stop()
        if self._process.returncode == 0:
            return None
        words = said.decode("utf-8", "replace").strip()
        again = f"`evalkit report {self._folder.path}` tries again"
        return f"the results are saved, but the report could not be made: {words}; {again}"

    def stop(self) -> None:
        """End the process if it has not ended."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
