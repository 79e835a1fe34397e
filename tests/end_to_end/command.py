"""The command line as a user runs it: a process of its own, in a folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """One finished command."""

    code: int
    stdout: str
    stderr: str
    cwd: Path

    @property
    def folder(self) -> Path:
        """The run folder, which is the last line of stdout."""
        return self.cwd / self.stdout.strip().splitlines()[-1]

    @property
    def run(self) -> dict[str, Any]:
        """run.json."""
        return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))


def command(*arguments: str) -> list[str]:
    """Return the command line for `evalkit ARGUMENTS`."""
    return [sys.executable, "-m", "evalkit", *arguments]


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with `changes`, and evalkit importable."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


def evalkit(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 110) -> Done:
    """Run `evalkit ARGUMENTS` in `cwd` to its end."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr, cwd)


def write_config(folder: Path, **sections: Any) -> Path:
    """Write a config (JSON is YAML) and return its path."""
    path = folder / "config.yaml"
    path.write_text(json.dumps(sections), encoding="utf-8")
    return path


def write_rows(folder: Path, rows: Sequence[Mapping[str, Any]], name: str = "rows.jsonl") -> Path:
    """Write rows as JSON lines and return their path."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def without_what_may_differ(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return run.json without what two equal runs may differ in: identity, times, latency, calls, throttle, weave."""
    kept = {k: v for k, v in run.items() if k not in {"run_id", "started_at", "ended_at", "calls", "throttle", "weave"}}
    kept["cells"] = [
        {k: v for k, v in cell.items() if k not in {"latency_s", "timing_s", "attempts"}} for cell in run["cells"]
    ]
    return kept
