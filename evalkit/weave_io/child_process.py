"""A child process that speaks to Weave: how it is started, and its words without any key."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.weave_io.child_environment import child_environment

__all__ = ["hide_keys", "start_child"]

_LINE_LIMIT = 1 << 26
_KEY_LENGTH = 8
_KEY = re.compile(r"\b[0-9a-f]{40}\b|\b(?:wandb_v1_|sk-)[\w-]{16,}")
"""What W&B's and OpenAI's keys look like, should one stand in a server's words."""


async def start_child(
    module: str,
    arguments: Sequence[str],
    *,
    backend: str,
    environment: Mapping[str, str],
    cwd: Path | None = None,
) -> asyncio.subprocess.Process:
    """Start one of our modules with pipes for all it reads and says.

    It has a session of its own, so that Ctrl-C misses it, and only the variables that its backend needs.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module),  # -P: nothing in the working folder can stand in for a library
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_LINE_LIMIT,
        cwd=cwd,
        env={**child_environment(backend, environment), **_import_path(environment)},
    )


def hide_keys(text: str, environment: Mapping[str, str]) -> str:
    """Return `text` without the keys of an environment, and without whatever looks like one."""
    for name, value in environment.items():
        if "KEY" in name.upper() and len(value) >= _KEY_LENGTH:
            text = text.replace(value, "[key]")
    return _KEY.sub("[key]", text)


def _import_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that lets the child find evalkit where it is not installed, but run from a checkout."""
    root = Path(__file__).resolve().parents[2]
    given = environment.get("PYTHONPATH", "")
    paths = [str(Path(path).resolve()) for path in given.split(os.pathsep) if path]
    if root.name not in {"site-packages", "dist-packages"} and str(root) not in paths:
        paths.append(str(root))
    return {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
