"""The process that traces a chat: reads one turn a line on stdin, records it, says on stdout where it can be seen.

    python -m evalkit.weave_io.chat_child --backend B --project P --store PATH --thread ID

stdin, one JSON object a line: a turn as `TracedTurn.encode` writes it.
stdout, one JSON object a line, for each turn in its order: {"ref": "weave:///...", "url": "https://..." or null}, or
{"error": "..."}; the end of stdin ends the process.
"""

import argparse
import contextlib
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from evalkit.records import Json
from evalkit.weave_io.chat_trace import TracedTurn, record_turn
from evalkit.weave_io.child_client import clean_environment, open_client, sentence, take_stdout

if TYPE_CHECKING:
    from weave.trace.weave_client import WeaveClient

__all__ = ["main"]

_NICENESS = 10
_ORPHAN_S = 30
"""Seconds that are left for handing over what is recorded once nobody sends any more."""


def main(arguments: list[str] | None = None) -> int:
    """Trace turns until stdin ends; return the exit code."""
    options = _options(arguments)
    os.nice(_NICENESS)
    out = take_stdout()
    lines = _listen()
    clean_environment(options.backend)
    try:
        with open_client(options.backend, options.project, options.store) as client:
            while (line := lines.get()) is not None:
                _say(out, _trace(client, options.thread, line, is_remote=options.backend == "wandb"))
    except Exception as error:  # noqa: BLE001  whatever went wrong is told to the parent, which warns
        _say(out, {"error": sentence(error)})
        return 1
    return 0


def _listen() -> "queue.SimpleQueue[str | None]":
    """Read stdin beside the work, so that the parent's end is noticed while Weave keeps us waiting."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)
        timer = threading.Timer(_ORPHAN_S, os._exit, (1,))
        timer.daemon = True
        timer.start()

    threading.Thread(target=read, daemon=True).start()
    return lines


def _trace(client: "WeaveClient", thread: str, line: str, *, is_remote: bool) -> dict[str, Json]:
    import weave

    with weave.thread(thread):
        call = record_turn(client, TracedTurn.decode(json.loads(line)))
    client.finish(use_progress_bar=False)
    ref = f"weave:///{client.project_id}/call/{call.id}"
    return {"ref": ref, "url": call.ui_url if is_remote else None}


def _say(out: TextIO, line: dict[str, Json]) -> None:
    with contextlib.suppress(OSError):
        out.write(json.dumps(line) + "\n")
        out.flush()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evalkit.weave_io.chat_child", description="Trace one chat.")
    parser.add_argument("--backend", choices=("local", "wandb"), required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--thread", required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
