"""A comparison as plain values: what `evalkit compare --json` prints."""

import dataclasses
from collections.abc import Sequence

from evalkit.comparison import Comparison, EvaluationComparison, Flip, MetricComparison, Side
from evalkit.records import Json
from evalkit.report.flips import FlippedSample
from evalkit.stats.paired import PairedDifference

__all__ = ["describe_comparison"]


def describe_comparison(comparison: Comparison, flips: Sequence[FlippedSample] = ()) -> dict[str, Json]:
    """Return everything that was found; `flips` are those read with their answers."""
    return {
        "first": _side(comparison.first),
        "second": _side(comparison.second),
        "treatment": [dataclasses.asdict(change) for change in comparison.treatment],
        "evaluations": [_evaluation(each) for each in comparison.evaluations],
        "refused": dict(comparison.refused),
        "notes": list(comparison.notes),
        "flips": [each.describe() for each in flips],
    }


def _side(side: Side) -> dict[str, Json]:
    run = side.run
    return {"name": side.name, "run": run.run_id, "path": str(side.folder.path), "model": side.model}


def _evaluation(each: EvaluationComparison) -> dict[str, Json]:
    return {
        "evaluation": each.evaluation,
        "samples": {**dataclasses.asdict(each.samples), "union": each.samples.union},
        "metrics": [_metric(metric) for metric in each.metrics],
        "outcomes": [
            {"first": before, "second": after, "predictions": number}
            for (before, after), number in each.outcomes.items()
        ],
        "facts": [{**dataclasses.asdict(fact), "change": fact.change} for fact in each.facts],
    }


def _metric(metric: MetricComparison) -> dict[str, Json]:
    first, second, both = metric.unscored
    return {
        "name": metric.name,
        "kind": metric.kind,
        "higher_is_better": metric.higher_is_better,
        "primary": metric.is_primary,
        "verdict": metric.verdict,
        "trials": list(metric.trials),
        "first": metric.first,
        "second": metric.second,
        **_paired(metric.paired),
        "p_adjusted": metric.p_adjusted,
        "family": metric.family,
        "detectable": metric.detectable,
        "lowest": metric.lowest,
        "highest": metric.highest,
        "not_scored": {"first": first, "second": second, "both": both},
        "better": [_flip(flip) for flip in metric.better],
        "worse": [_flip(flip) for flip in metric.worse],
        "slices": [
            {"key": each.key, "value": each.value, **_paired(each.paired), "p_adjusted": each.p_adjusted}
            for each in metric.slices
        ],
    }


def _paired(paired: PairedDifference) -> dict[str, Json]:
    return {
        "difference": paired.difference,
        "lower": None if paired.lower is None else max(-1.0, paired.lower),
        "upper": None if paired.upper is None else min(1.0, paired.upper),
        "confidence": paired.confidence,
        "method": paired.method,
        "p": paired.p,
        "p_method": paired.p_method,
        "n": paired.n,
        "clusters": paired.clusters,
    }


def _flip(flip: Flip) -> dict[str, Json]:
    return {"sample": flip.sample_id, "first": flip.first, "second": flip.second}
