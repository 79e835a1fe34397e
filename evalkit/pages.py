"""Has the files for people and notebooks made by a process of its own: its libraries weigh more than the engine."""

import asyncio
import sys

from evalkit.store import RunFolder

__all__ = ["make_files"]


async def make_files(folder: RunFolder) -> str | None:
    """Make the report and the tables of a stored run; return a sentence when that failed, None when it did not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evalkit",
        "report",
        str(folder.path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    _, said = await process.communicate()
    if process.returncode == 0:
        return None
    words = said.decode("utf-8", "replace").strip()
    return (
        f"the results are saved, but the report could not be made: {words}; `evalkit report {folder.path}` tries again"
    )
