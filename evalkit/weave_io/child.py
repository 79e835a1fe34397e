"""The process that publishes: follows a run folder, says on stdout how far it is, listens on stdin for the run's end.

    python -m evalkit.weave_io.child RUN_FOLDER [--store PATH] [--backend B] [--project P]

stdin, one JSON object a line: {"complete": true} when run.json is whole, so that the board may be published,
{"complete": false} when the run ended early. The end of stdin without either means that the parent died: what is
unfinished is deleted.
stdout, one JSON object a line: {"event": "progress", "rows": n}, then {"event": "done", "block": {...}} or
{"event": "failed", "error": "...", "block": {...}}. Progress lines come only when something got somewhere.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.weave_io.child_client import clean_environment, open_client, sentence, take_stdout

if TYPE_CHECKING:
    from weave.trace.weave_client import WeaveClient

    from evalkit.weave_io.publish import RunPublisher

__all__ = ["main"]

NICENESS = 10
ORPHAN_S = 30
"""Seconds that a child without a parent has for cleaning up."""

CLEANUP_S = 15
LINE_EVERY_S = 0.2


class Voice:
    """Writes lines to the parent; rows are counted and told a few times a second."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rows = 0
        self._told = 0

    def progress(self, rows: int) -> None:
        """Count `rows` more rows, which `keep_telling` tells; a step without rows is told at once."""
        self._rows += rows
        if not rows:
            self._tell()

    async def keep_telling(self) -> None:
        """Tell of new rows a few times a second."""
        while True:
            await asyncio.sleep(LINE_EVERY_S)
            if self._rows != self._told:
                self._tell()

    def _tell(self) -> None:
        self._told = self._rows
        self.say({"event": "progress", "rows": self._rows})

    def say(self, line: dict[str, Json]) -> None:
        """Write one line; a parent that no longer reads is not an error."""
        with contextlib.suppress(OSError):
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()


class RunEnd:
    """What the parent said about the run, as events of the loop."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self.incomplete = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            said = json.loads(line)
            self._set(self.complete if said.get("complete") else self.incomplete)
        threading.Timer(ORPHAN_S, os._exit, (1,)).start()
        self._set(self.incomplete)

    def _set(self, event: asyncio.Event) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(event.set)


def main(arguments: list[str] | None = None) -> int:
    """Publish a run folder and return the exit code; 0 also when the run ended early and was cleaned up."""
    options = _options(arguments)
    os.nice(NICENESS)
    voice = Voice(take_stdout())
    try:
        run = _targeted(RunFolder(options.run).load(), options.backend, options.project)
        target = run.plan["weave"]
        clean_environment(target["backend"])
        with open_client(target["backend"], target["project"], options.store) as client:
            # Never closed: closing would cancel ops, and the SDK then waits minutes for their ends.
            loop = asyncio.new_event_loop()
            last_line = loop.run_until_complete(_publish(client, RunFolder(options.run), run, voice))
    except Exception as error:  # noqa: BLE001  whatever went wrong is told to the parent, which decides
        last_line = {"event": "failed", "error": sentence(error), "block": None}
    voice.say(last_line)
    return 0 if last_line["event"] == "done" else 1


async def _publish(client: "WeaveClient", folder: RunFolder, run: RunResult, voice: Voice) -> dict[str, Json]:
    from evalkit.weave_io.publish import RunPublisher

    voice.progress(0)
    publisher = RunPublisher(client, folder, run, voice.progress)
    end = RunEnd()
    telling = asyncio.create_task(voice.keep_telling())
    work = asyncio.create_task(publisher.publish(end.complete))
    early = asyncio.create_task(end.incomplete.wait())
    await asyncio.wait({work, early, telling}, return_when=asyncio.FIRST_COMPLETED)
    try:
        return {"event": "done", "block": work.result() if work.done() else await publisher.abandon()}
    except Exception as error:  # noqa: BLE001  as in main
        return {"event": "failed", "error": sentence(error), "block": await _clean_up(publisher)}


async def _clean_up(publisher: "RunPublisher") -> dict[str, Json] | None:
    """Withdraw what is unfinished; a store that fails here too is left to the next publication."""
    try:
        async with asyncio.timeout(CLEANUP_S):
            return await publisher.abandon()
    except Exception:  # noqa: BLE001  the first error is the one to tell
        return None


def _targeted(run: RunResult, backend: str | None, project: str | None) -> RunResult:
    """Return the run with another place to publish to, where one is given."""
    given = {name: value for name, value in (("backend", backend), ("project", project)) if value is not None}
    return dataclasses.replace(run, plan={**run.plan, "weave": {**run.plan["weave"], **given}})


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evalkit.weave_io.child", description="Publish one run folder.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--backend", choices=("local", "wandb", "both"), default=None)
    parser.add_argument("--project", default=None)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the SDK's exit hooks would wait minutes for calls that never ended
