"""A baseline out of Weave, seen from the command that needs it: read by a child process, waited for while it moves."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from evalkit.baseline import Baseline
from evalkit.errors import ConfigError
from evalkit.records import Json
from evalkit.weave_io.child_process import hide_keys, start_child

__all__ = ["DEADLINE_S", "fetch_baseline"]

DEADLINE_S = 60.0
"""How long Weave may give no sign before the baseline counts as out of reach."""

_SHOWN = 500


def fetch_baseline(
    reference: str,
    *,
    backend: str,
    project: str,
    store: Path,
    name: str | None,
    before: str | None,
    environment: Mapping[str, str],
    deadline_s: float = DEADLINE_S,
) -> Baseline:
    """Return the published run that a reference means, as a baseline; no other loop may be running.

    Raises:
        ConfigError: there is none, it lacks what a comparison needs, or Weave is out of reach.
    """
    if backend != "wandb" and not store.is_file():
        raise ConfigError(f"baseline {reference}: there is no embedded store at {store}; publish a run there first")
    options = {"backend": backend, "project": project, "store": store, "name": name, "before": before}
    given = [f"--{key}={value}" for key, value in options.items() if value is not None]
    said = asyncio.run(_ask([reference, *given], backend, environment, deadline_s))
    if said.get("event") != "done":
        error = str(said.get("error") or "the process that reads it died without a word")
        raise ConfigError(f"baseline {reference}: {hide_keys(error, environment)}")
    try:
        return Baseline.model_validate(said["baseline"])
    except ValidationError as error:
        raise ConfigError(
            f"baseline {reference}: what Weave holds is no baseline ({error.errors()[0]['msg']})"
        ) from None


async def _ask(
    arguments: list[str], backend: str, environment: Mapping[str, str], deadline_s: float
) -> Mapping[str, Json]:
    """Return the last line that the child says; what it writes to stderr stands in for one where there is none."""
    process = await start_child("evalkit.weave_io.baseline_child", arguments, backend=backend, environment=environment)
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.ensure_future(process.stderr.read())
    try:
        last: Mapping[str, Json] = {"event": "progress"}
        while last.get("event") == "progress":
            line = await asyncio.wait_for(process.stdout.readline(), deadline_s)
            if not line:
                text = (await complaints).decode("utf-8", "replace").strip()
                return {"event": "failed", "error": text[-_SHOWN:]}
            last = json.loads(line)
    except TimeoutError:
        return {"event": "failed", "error": f"Weave gave no sign for {deadline_s:g} s"}
    else:
        return last
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        complaints.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await complaints
