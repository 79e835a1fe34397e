"""Stored runs and sides for the tests of what is made of two runs."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.cli.run import load_plan
from evalkit.comparison import Side
from evalkit.results import CellResult, RunResult
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, read_items

NO_FILES = {"html": False, "markdown": False, "parquet": False}


def store_run(folder: Path, **sections: Any) -> RunFolder:
    """Run a config of these sections, over scripted models and a dataset `qa`, and return its folder."""
    config = write_sections(folder, **sections)
    stored = RunFolder(folder / "20260101T000000-0000")
    stored.path.mkdir()
    asyncio.run(run_plan(load_plan(config, None, ()), stored, weave=WeaveTarget("off", "")))
    return stored


def write_sections(folder: Path, **sections: Any) -> Path:
    """Write the config of `store_run`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sections.pop("rows", 12)
    if isinstance(rows, int):
        rows = [
            {"id": f"s{i}", "input": f"question {i}", "target": str(i), "half": f"h{i % 2}", "doc": f"d{i // 3}"}
            for i in range(rows)
        ]
    fields = sections.pop("fields", {})
    script = {"use": "scripted", "accuracy": sections.pop("accuracy", 0.6), "faults": sections.pop("faults", [])}
    written = {
        "name": "nightly",
        "weave": {"backend": "off"},
        "providers": {"script": script},
        "models": [{"id": "a", "provider": "script"}, {"id": "b", "provider": "script"}],
        "datasets": {"qa": {"rows": rows, "fields": fields}},
        "scorers": {"exact": {"use": "exact"}},
        "evaluations": [{"name": "qa", "dataset": "qa"}],
        "report": NO_FILES,
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(written), encoding="utf-8")
    return path


def stored_side(folder: RunFolder, model: str, name: str = "A") -> Side:
    """Return one model of a stored run."""
    run = folder.load()
    return Side(name, folder, run, model, read_items(folder, run))


def side(
    values: Mapping[str, float | None],
    *,
    name: str = "A",
    digests: Mapping[str, str] | None = None,
    higher_is_better: bool = True,
    trials: int = 1,
    kind: str = "binary",
    clusters: Sequence[str] | None = None,
    slices: Mapping[str, Mapping[str, Sequence[int]]] | None = None,
    measure: str = "m",
) -> Side:
    """Return a side of one evaluation and one scorer with these values, None where a sample was not scored."""
    ids = tuple(values)
    scores = [float("nan") if value is None else value for value in values.values()]
    known = digests or {}
    items = MetricItems(
        evaluation="qa",
        model="m",
        scorer="exact",
        kind=kind,
        higher_is_better=higher_is_better,
        confidence=0.95,
        ids=ids,
        digests=tuple(known.get(each, each) for each in ids),
        values=scores,
        worst=scores,
        best=scores,
        trials=trials,
        repeats=trials,
        predictions=bytes(len(ids) * trials),
        scorings=bytes(len(ids) * trials),
        clusters=clusters,
        slices=slices or {},
        measure={"digest": measure, "use": measure},
        treatment={"digest": "t"},
    )
    return Side(name, RunFolder(Path(name)), _run(name), "m", [items])


def _run(name: str) -> RunResult:
    cell = CellResult(
        model="m",
        model_id="id",
        provider="script",
        served_models=(),
        fingerprints=(),
        evaluation="qa",
        samples=1,
        trials=1,
        outcomes={"ok": 1},
        metrics={},
        usage={},
        cost_usd=None,
        price_source=None,
        output_tokens={},
        latency_s={},
        measure={},
        treatment={},
    )
    plan = {"key": "qa/m", "url": "", "system": None, "prompt": "p", "trials": 1, "params": {}}
    return RunResult(
        run_id=name,
        name="nightly",
        status="complete",
        started_at="",
        ended_at=None,
        plan_digest="",
        versions={},
        datasets={},
        cells=(cell,),
        primary="qa.exact",
        plan={"cells": [plan]},
    )
