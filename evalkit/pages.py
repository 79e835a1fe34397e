"""Has the files for people and notebooks made by a process of its own: its libraries weigh more than the engine."""

import asyncio
import sys

from evalkit.config.schema import ReportSpec
from evalkit.store import RunFolder

__all__ = ["make_files"]


async def make_files(folder: RunFolder, wanted: ReportSpec) -> str | None:
    """Make the wanted files of a stored run; return a sentence when that failed, None when it did not."""
    if not (wanted.html or wanted.markdown or wanted.parquet):
        return None
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
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode == 0:
        return None
    words = said.decode("utf-8", "replace").strip()
    return (
        f"the results are saved, but the report could not be made: {words}; `evalkit report {folder.path}` tries again"
    )
