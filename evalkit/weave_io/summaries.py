"""Predictions, scores and aggregates as the plain values that Weave shows; every number is the engine's own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import cast

from evalkit.records import Json, Prediction, PredictionOutcome, Score, ScoreOutcome
from evalkit.results import CellResult, MetricResult

__all__ = [
    "RUN_SCORER",
    "row_facts",
    "row_output",
    "row_sample",
    "row_score",
    "run_summary",
    "scorer_summary",
    "valid_text",
]

RUN_SCORER = "run"
"""The published scorer that carries latency, cost, tokens and outcomes instead of a judgement."""


def row_output(prediction: Prediction | None) -> dict[str, Json]:
    """Return what one predict call shows; None stands for a row that the journal does not hold."""
    if prediction is None:
        prediction = Prediction(PredictionOutcome.NOT_RUN, attempts=0)
    failure = prediction.failure
    return {
        "text": valid_text(prediction.text),
        "failure": None if failure is None else valid_text(failure.message),
        "outcome": str(prediction.outcome),
        "latency_s": prediction.timing.service_s,
        "attempts": prediction.attempts,
    }


def row_score(score: Score | None) -> dict[str, Json]:
    """Return one score with constant types; `scored` says whether `value` counts, `outcome` why not."""
    if score is None:
        return {"value": 0.0, "scored": False, "outcome": str(ScoreOutcome.NOT_RUN)}
    return {"value": float(score.value or 0.0), "scored": score.value is not None, "outcome": str(score.outcome)}


def row_facts(prediction: Prediction | None) -> dict[str, Json]:
    """Return time, tokens and outcome of one call, with constant types; 0 where the server said nothing."""
    if prediction is None:
        prediction = Prediction(PredictionOutcome.NOT_RUN, attempts=0)
    usage = prediction.usage
    return {
        "latency_s": float(prediction.timing.service_s or 0.0),
        "queue_s": float(prediction.timing.queue_s),
        "backoff_s": float(prediction.timing.backoff_s),
        "prompt_tokens": 0 if usage is None else usage.prompt_tokens or 0,
        "completion_tokens": 0 if usage is None else usage.completion_tokens or 0,
        "attempts": prediction.attempts,
        "outcome": str(prediction.outcome),
    }


def row_sample(sample_id: str, trial: int, digest: str) -> dict[str, Json]:
    """Return which sample and trial a row is about, and the digest of the sample's content: what rows pair by."""
    return {"sample_id": sample_id, "trial": trial, "sample_digest": digest}


def scorer_summary(metric: MetricResult) -> dict[str, Json]:
    """Return a metric as its scorer's summary; `failed` counts every trial that got no score, whatever the reason."""
    scored = metric.outcomes.get(ScoreOutcome.SCORED, 0)
    return {
        "mean": metric.mean,
        "lower": metric.lower,
        "upper": metric.upper,
        "worst": metric.worst,
        "best": metric.best,
        "n": metric.n,
        "scored": scored,
        "failed": sum(metric.outcomes.values()) - scored,
        "outcomes": dict(metric.outcomes),
    }


def run_summary(cell: CellResult) -> dict[str, Json]:
    """Return what a cell cost and how it went."""
    plain = asdict(cell)
    names = ("latency_s", "timing_s", "attempts", "output_tokens", "cost_usd", "usage", "outcomes", "samples", "trials")
    return {name: plain[name] for name in names}


def valid_text(value: Json) -> Json:
    """Return a JSON value whose texts are valid UTF-8: a lone surrogate becomes a question mark."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {valid_text(key): valid_text(item) for key, item in cast("Mapping[str, Json]", value).items()}
    if isinstance(value, (list, tuple)):
        return [valid_text(item) for item in cast("Sequence[Json]", value)]
    return value
