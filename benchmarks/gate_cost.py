"""CPU of a gate over a million stored samples and three models, held to a stored run of the same size."""

import importlib
import json
import random
import sqlite3
import sys
import time
from pathlib import Path

from evalkit.baseline_source import find_baseline
from evalkit.config.gates import GateSpec
from evalkit.garbage import rare_collections
from evalkit.gate_run import gate_stored_run
from evalkit.journal import Journal
from evalkit.results import CellResult, MetricResult, RunResult
from evalkit.store import RunFolder

MODELS = ("a", "b", "c")
RULES = [
    {"metric": "qa.exact", "max_drop": 0.02, "detect": 0.03},
    {"metric": "qa.exact", "min": 0.8},
    {"metric": "error_rate", "max": 0.02},
]
IDENTITY = {"use": "exact", "options": {}, "extract": [], "version": 1}


def main() -> None:
    """Make two runs below the folder named first, of as many samples as the second says; print the gate's CPU."""
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    old, new = (_stored(folder / "gated" / name, rows, seed) for seed, name in enumerate(("old", "new")))
    gate = GateSpec.model_validate({"rules": RULES})
    importlib.import_module("scipy.special")
    began = time.process_time()
    with rare_collections():
        held_to = find_baseline(str(old.path), reports=folder, name="gated", before=new, base_dir=Path())
        read = time.process_time()
        result = gate_stored_run(new, new.load(), gate, held_to)
    ended = time.process_time()
    print(f"{ended - began:.1f} {read - began:.1f} {result.verdict.value} {len(result.checks)}")


def _stored(path: Path, rows: int, seed: int) -> RunFolder:
    folder = RunFolder(path)
    path.mkdir(parents=True)
    with Journal(folder.journal):
        pass
    _fill(folder.journal, rows, seed)
    folder.save(_run(path.name, rows))
    return folder


def _fill(journal: Path, rows: int, seed: int) -> None:
    chance = random.Random(seed)
    with sqlite3.connect(journal) as db:
        content = ((f"s{n:07d}", n, json.dumps({"id": f"s{n:07d}", "digest": f"{n:032x}"})) for n in range(rows))
        db.executemany("INSERT INTO samples (dataset, sample_id, position, content) VALUES ('qa', ?, ?, ?)", content)
        for model in MODELS:
            scores = (_scores(chance.random() < 0.9) for _ in range(rows))
            found = ((f"qa/{model}", f"s{n:07d}", n, text) for n, text in enumerate(scores))
            db.executemany(
                "INSERT INTO results (cell, sample_id, position, trial, request, slot, outcome, scores) "
                "VALUES (?, ?, ?, 0, '', '', 'ok', ?)",
                found,
            )


def _scores(is_right: bool) -> str:  # noqa: FBT001  a score
    return json.dumps({"exact": [float(is_right), "scored", "an answer", None, None]})


def _run(run_id: str, rows: int) -> RunResult:
    cells = tuple(_cell(model, rows) for model in MODELS)
    about = {"use": "exact", "options": {}, "kind": "binary", "identity": IDENTITY, "higher_is_better": True}
    plan = {
        "cells": [
            {
                "key": cell.key,
                "evaluation": "qa",
                "model": cell.model,
                "dataset": "qa",
                "trials": 1,
                "reduce": "mean",
                "on_error": {},
                "scorers": ["exact"],
            }
            for cell in cells
        ],
        "scorers": {"exact": about},
        "shard": None,
    }
    return RunResult(
        run_id=run_id,
        name="gated",
        status="complete",
        started_at="2026-01-01T00:00:00+00:00",
        ended_at="2026-01-01T00:00:00+00:00",
        plan_digest="",
        versions={},
        datasets={"qa": {"rows": rows, "digest": f"the same {rows}"}},
        cells=cells,
        plan=plan,
    )


def _cell(model: str, rows: int) -> CellResult:
    metric = MetricResult("binary", 0.9, None, None, 0.95, "none", rows, rows, None, None, {})
    return CellResult(
        model=model,
        model_id=model,
        provider="none",
        served_models=(),
        fingerprints=(),
        evaluation="qa",
        samples=rows,
        trials=1,
        outcomes={"ok": rows},
        metrics={"exact": metric},
        usage={},
        cost_usd=None,
        price_source=None,
        output_tokens={},
        latency_s={},
        measure={"reducer": "mean", "judge": None},
        treatment={"digest": model},
    )


if __name__ == "__main__":
    main()
