"""Scores to hold rules against, made by hand: a metric of one model over n samples."""

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.config.gates import GateSpec
from evalkit.gate import judge_gate
from evalkit.gate_result import Check, GateResult
from evalkit.results import CellResult
from evalkit.stored_items import MetricItems

MEASURE = {"digest": "m1", "use": "exact", "reducer": "mean", "judge": None}
OUTCOMES = ("ok", "truncated", "refused", "filtered", "rejected", "too_long", "infra_error", "not_run")


def items(values: Sequence[float | None], model: str = "a", **changes: Any) -> MetricItems:
    """Return a metric `qa.exact`; None is a missing score."""
    numbers = [math.nan if value is None else float(value) for value in values]
    worst = [0.0 if math.isnan(value) else value for value in numbers]
    best = [1.0 if math.isnan(value) else value for value in numbers]
    kept = array("d", numbers)
    fields: dict[str, Any] = {
        "evaluation": "qa",
        "model": model,
        "scorer": "exact",
        "kind": "binary",
        "higher_is_better": True,
        "confidence": 0.95,
        "ids": tuple(f"s{n}" for n in range(len(values))),
        "digests": tuple(f"d{n}" for n in range(len(values))),
        "values": kept,
        "worst": kept if worst == numbers else array("d", worst),
        "best": kept if worst == numbers else array("d", best),
        "trials": 1,
        "repeats": 1,
        "predictions": b"",
        "scorings": b"",
        "measure": MEASURE,
    }
    return MetricItems(**{**fields, **changes})


def cell(
    model: str = "a", *, samples: int = 100, outcomes: Mapping[str, int] | None = None, **changes: Any
) -> CellResult:
    """Return a cell of `qa` whose predictions are ok unless told otherwise."""
    told = dict(outcomes or {})
    fields: dict[str, Any] = {
        "model": model,
        "model_id": model,
        "provider": "script",
        "served_models": (),
        "fingerprints": (),
        "evaluation": "qa",
        "samples": samples,
        "trials": 1,
        "outcomes": {**dict.fromkeys(OUTCOMES, 0), "ok": samples - sum(told.values()), **told},
        "metrics": {},
        "usage": {"requests": samples, "total_tokens": 10 * samples, "without_usage": 0},
        "cost_usd": 0.5,
        "price_source": "config",
        "output_tokens": {},
        "latency_s": {"p50": 1.0, "p95": 2.0, "p95_lower": 1.5, "p95_upper": 3.0, "n": samples},
        "measure": {},
        "treatment": {},
    }
    return CellResult(**{**fields, **changes})


def gate(
    *rules: Mapping[str, Any],
    new: Sequence[MetricItems],
    old: Sequence[MetricItems] | None = None,
    cells: Sequence[CellResult] = (),
    costs: Mapping[str, Sequence[float]] | None = None,
    **settings: Any,
) -> GateResult:
    """Hold scores to rules."""
    spec = GateSpec.model_validate({"rules": list(rules), **settings})
    return judge_gate(spec, cells, new, old, costs=costs or {})


def check(*rules: Mapping[str, Any], **given: Any) -> Check:
    """Return the one check of a gate."""
    (found,) = gate(*rules, **given).checks
    return found


def share(right: int, n: int) -> list[float]:
    """Return n scores of which the first `right` are 1."""
    return [1.0] * right + [0.0] * (n - right)
