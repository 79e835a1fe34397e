"""The process that reads a published run back as a baseline, for one that never loads Weave itself.

    python -m evalkit.weave_io.baseline_child REFERENCE --backend B --project P --store PATH [--name N] [--before TIME]

stdout, one JSON object a line: {"event": "progress"} while rows come, then {"event": "done", "baseline": {...}} or
{"event": "failed", "error": "..."}.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from evalkit.errors import EvalkitError
from evalkit.records import Json
from evalkit.weave_io.baseline_reference import parse_reference
from evalkit.weave_io.child_client import clean_environment, open_client, sentence, take_stdout

__all__ = ["main"]

_TELL_EVERY_S = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Read a baseline and say it on stdout; return the exit code."""
    options = _options(arguments)
    out = take_stdout()
    clean_environment(options.backend)
    try:
        line = _read(options, out)
    except EvalkitError as error:
        line = {"event": "failed", "error": str(error)}
    except Exception as error:  # noqa: BLE001  whatever went wrong is told to the parent, which refuses
        line = {"event": "failed", "error": f"Weave cannot be read ({sentence(error)})"}
    _say(out, line)
    return 0 if line["event"] == "done" else 1


def _read(options: argparse.Namespace, out: TextIO) -> dict[str, Json]:
    reference = parse_reference(options.reference)
    told = 0.0

    def tell() -> None:
        nonlocal told
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            _say(out, {"event": "progress"})

    with open_client(options.backend, options.project, options.store) as client:
        from evalkit.weave_io.published_baseline import read_published

        tell()
        found = read_published(client, reference, name=options.name, before=options.before, on_progress=tell)
    return {"event": "done", "baseline": found.model_dump(mode="json")}


def _say(out: TextIO, line: dict[str, Json]) -> None:
    with contextlib.suppress(OSError):
        out.write(json.dumps(line) + "\n")
        out.flush()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evalkit.weave_io.baseline_child", description="Read one baseline.")
    parser.add_argument("reference")
    parser.add_argument("--backend", choices=("local", "wandb", "both"), required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--name", default=None)
    parser.add_argument("--before", default=None)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the SDK's exit hooks have nothing to hand over, and would wait for it all the same
