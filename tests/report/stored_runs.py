"""Stored runs for the report's tests: made by the real runner with the scripted provider."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.cli.run import load_plan
from evalkit.results import RunResult
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder

LATENCY_S = {"p50": 0.44, "p95": 1.18}
NO_FILES = {"html": False, "markdown": False, "parquet": False}


def make_run(
    tmp_path: Path,
    *,
    models: Sequence[Mapping[str, Any]] = ({"id": "a"}, {"id": "b"}),
    rows: Sequence[Mapping[str, Any]] | int = 12,
    accuracy: float | Mapping[str, float] = 0.6,
    faults: Sequence[Mapping[str, Any]] = (),
    slices: Sequence[str] = (),
) -> RunFolder:
    """Run one evaluation named `qa` and return its folder; no file of a report is made yet."""
    if isinstance(rows, int):
        rows = [{"id": f"s{i}", "input": f"question {i}", "target": str(i)} for i in range(rows)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = {
        "name": "nightly",
        "weave": {"backend": "off"},
        "providers": {"script": {"use": "scripted", "accuracy": accuracy, "faults": list(faults)}},
        "models": [{"provider": "script", **model} for model in models],
        "datasets": {"qa": {"path": "rows.jsonl", "fields": {"slices": list(slices)}}},
        "scorers": {"exact": {"use": "exact"}},
        "report": NO_FILES,
    }
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    folder = RunFolder(tmp_path / "reports" / "nightly" / "20260101T000000-0000")
    folder.path.mkdir(parents=True)
    asyncio.run(run_plan(load_plan(path, None, ()), folder, weave=WeaveTarget("off", "local/nightly")))
    return folder


def fix_facts(run: RunResult) -> RunResult:
    """Return a run with the facts that differ from machine to machine set: times, versions, commit and digests."""
    cells = [replace(cell, latency_s={**dict.fromkeys(cell.latency_s), **LATENCY_S}) for cell in run.cells]
    cells[-1] = replace(cells[-1], latency_s=dict.fromkeys(cells[-1].latency_s) | {"p50": LATENCY_S["p50"]})
    return replace(
        run,
        started_at="2026-01-02T03:04:05.000+00:00",
        ended_at="2026-01-02T03:15:29.000+00:00",
        versions={"evalkit": "0.0.0"},
        git={"commit": "0123456789abcdef", "dirty": False},
        plan_digest="ab" * 32,
        datasets={name: {**facts, "digest": "cd" * 32} for name, facts in run.datasets.items()},
        cells=tuple(cells),
    )
