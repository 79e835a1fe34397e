"""CPU of reading 1,000 nights x 20 series x 500 samples from history, of the trend over all of them, and their size."""

import contextlib
import importlib
import io
import math
import random
import sys
import time
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evalkit.cli import main as evalkit
from evalkit.history import History
from evalkit.history_metrics import past_run
from evalkit.history_writing import pack_run, write_run
from evalkit.records import Json
from evalkit.results import CellResult, MetricResult, RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems

NIGHTS, SAMPLES = 1000, 500
EVALUATIONS = ("qa", "math", "code", "law")
MODELS = ("a", "b", "c", "d", "e")
IDENTITY: dict[str, Json] = {"use": "exact", "options": {}, "extract": [], "version": 1}
ANSWERED = {"ok": SAMPLES, "truncated": 0, "refused": 0, "infra_error": 0, "not_run": 0}
TREATMENT = {"model": "m at http://127.0.0.1", "system": "s", "prompt": "p", "params": "{}"}
MEASURE: dict[str, Json] = {
    **IDENTITY,
    "digest": "m",
    "reducer": "mean",
    "on_error": "",
    "judge": None,
    "reasoning": None,
}
BEGAN = datetime(2024, 1, 1, 3, tzinfo=UTC)


def main() -> None:
    """Fill a history below the folder named first and print what it costs to read it."""
    home = Path(sys.argv[1])
    path = home / ".evalkit" / "history.sqlite"
    with History(path) as history:
        began = time.process_time()
        with history.transaction() as db:
            for night, (run, items) in enumerate(_nights()):
                date = (BEGAN + timedelta(days=night)).date().isoformat()
                past = past_run(RunFolder(home / run.run_id), run, kind="nightly", night=date)
                write_run(db, pack_run(past, run, items))
        made = time.process_time() - began
    for module in ("numpy", "scipy.special", "evalkit.cli.trend", "rich.table"):
        importlib.import_module(module)
    with History(path) as history:
        began = time.process_time()
        points = [point for series in history.series("bench", kind="nightly") for point in series.points]
        listed = time.process_time() - began
        rows = history.score_rows(points)
        read = time.process_time() - began
    assert len(rows) == NIGHTS * len(EVALUATIONS) * len(MODELS)
    every, one = _trend(home, "*.exact"), _trend(home, "qa.exact")
    mebibytes = sum(each.stat().st_size for each in path.parent.iterdir()) / 2**20
    print(f"{made:.1f} {listed:.2f} {read:.2f} {every:.2f} {one:.2f} {mebibytes:.1f}")


def _trend(home: Path, metric: str) -> float:
    """Return the CPU of `evalkit trend METRIC --all`, all of its imports apart."""
    began = time.process_time()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            evalkit(["trend", metric, "--all", "--reports", str(home / "reports")])
    except SystemExit as done:
        if done.code:
            raise
    return time.process_time() - began


def _nights() -> Iterator[tuple[RunResult, list[MetricItems]]]:
    chance = random.Random(1)
    right = {cell: [chance.random() for _ in range(SAMPLES)] for cell in _cells()}
    for night in range(NIGHTS):
        items = [_items(*cell, [float(chance.random() < share) for share in right[cell]]) for cell in _cells()]
        yield _run(night, items), items


def _cells() -> list[tuple[str, str]]:
    return [(evaluation, model) for evaluation in EVALUATIONS for model in MODELS]


def _items(evaluation: str, model: str, values: list[float]) -> MetricItems:
    scores = array("d", values)
    return MetricItems(
        evaluation=evaluation,
        model=model,
        scorer="exact",
        kind="binary",
        higher_is_better=True,
        confidence=0.95,
        ids=_IDS[evaluation],
        digests=_DIGESTS[evaluation],
        values=scores,
        worst=scores,
        best=scores,
        trials=1,
        repeats=1,
        predictions=bytes(SAMPLES),
        scorings=bytes(SAMPLES),
        rows=scores,
        measure=MEASURE,
        treatment=TREATMENT,
    )


_IDS = {evaluation: tuple(f"{evaluation}-{n:05d}" for n in range(SAMPLES)) for evaluation in EVALUATIONS}
_DIGESTS = {evaluation: tuple(f"{n:032x}" for n in range(SAMPLES)) for evaluation in EVALUATIONS}


def _run(night: int, items: list[MetricItems]) -> RunResult:
    began = BEGAN + timedelta(days=night)
    cells = tuple(map(_cell, items))
    planned: list[dict[str, Json]] = [{"key": cell.key, "params": {"temperature": 0}, "trials": 1} for cell in cells]
    about: dict[str, Json] = {"use": "exact", "kind": "binary", "identity": IDENTITY, "higher_is_better": True}
    return RunResult(
        run_id=f"{began:%Y%m%dT%H%M%S}-{night:04x}",
        name="bench",
        status="complete",
        started_at=began.isoformat(timespec="milliseconds"),
        ended_at=(began + timedelta(minutes=9)).isoformat(timespec="milliseconds"),
        plan_digest="p" * 32,
        versions={},
        datasets={},
        cells=cells,
        primary="qa.exact",
        plan={"cells": planned, "scorers": {"exact": about}, "shard": None},
    )


def _cell(items: MetricItems) -> CellResult:
    mean = items.mean or 0.0
    half = 1.96 * math.sqrt(mean * (1 - mean) / SAMPLES)
    metric = MetricResult(
        *("binary", mean, mean - half, mean + half, 0.95, "wilson", SAMPLES, SAMPLES, mean, mean), items.outcomes()
    )
    return CellResult(
        model=items.model,
        model_id=items.model,
        provider="none",
        served_models=(items.model,),
        fingerprints=("fp",),
        evaluation=items.evaluation,
        samples=SAMPLES,
        trials=1,
        outcomes=ANSWERED,
        metrics={"exact": metric},
        usage={},
        cost_usd=0.1,
        price_source=None,
        output_tokens={"p50": 5.0, "p95": 9.0},
        latency_s={"p50": 0.4 + mean / 100, "p95": 0.9, "mean": 0.5, "n": SAMPLES},
        measure={"digest": "m", "dataset": f"{items.evaluation}-digest"},
        treatment=TREATMENT,
    )


if __name__ == "__main__":
    main()
