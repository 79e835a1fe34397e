"""Synthetic run folders, written through the real journal, store and aggregation."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from evalkit.aggregate import TallySpec, aggregate_cell
from evalkit.digest import digest_json, digest_text
from evalkit.journal import Journal
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Json,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    SampleResult,
    Score,
    Timing,
    Usage,
)
from evalkit.results import CellResult, RunResult
from evalkit.store import RunFolder, encode_cell

__all__ = ["MODELS", "Judgement", "ModelUnderTest", "RunSpec", "answered", "failed", "make_run_folder", "seen_right"]

STARTED_AT = 1_700_000_000.0


@dataclass(frozen=True)
class ModelUnderTest:
    label: str
    model_id: str = "org/model-a"
    system: str | None = None
    params: Mapping[str, Json] = field(default_factory=dict)


MODELS = (ModelUnderTest("Model A"), ModelUnderTest("Model B", "org/model-b"))

Judgement = tuple[Prediction, Mapping[str, Score]]
Judge = Callable[[str, int, int], Judgement]
"""Model label, sample position and trial to what was answered and how it was scored."""


def answered(text: str = "4", *, service_s: float = 1.5, attempts: int = 1) -> Prediction:
    return Prediction(
        PredictionOutcome.OK,
        text,
        usage=Usage(10, 5, 15),
        timing=Timing(STARTED_AT, STARTED_AT + service_s, service_s),
        finish_reason="stop",
        served_model="served/model",
        attempts=attempts,
    )


def failed(message: str = "reset by peer") -> Prediction:
    return Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.TRANSIENT, message), attempts=6)


def seen_right(model: str, position: int, trial: int) -> Judgement:
    """Model A is right on every even sample, every other model on every third."""
    right = position % (2 if model == "Model A" else 3) == 0
    return answered(f"answer {position}"), {"exact": Score(float(right))}


@dataclass(frozen=True)
class RunSpec:
    """What a synthetic run is made of; the defaults make two models on one evaluation of six samples."""

    judge: Judge = seen_right
    models: Sequence[ModelUnderTest] = MODELS
    samples: int = 6
    trials: int = 1
    scorers: Mapping[str, Mapping[str, Json]] = field(default_factory=lambda: {"exact": {"version": 1}})
    evaluations: Sequence[str] = ("qa",)
    name: str = "arithmetic"
    run_id: str = "20261122T101500-aa01"
    weave: Mapping[str, Json] = field(default_factory=dict)
    parent_run: str | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)

    def with_(self, **changes: Json) -> "RunSpec":
        return dataclasses.replace(self, **changes)

    @cached_property
    def rows(self) -> tuple[Sample, ...]:
        return tuple(
            Sample(id=f"s{i:05d}", input=f"What is {i} + {i}?", target=str(2 * i), digest=digest_text(str(i)), index=i)
            for i in range(self.samples)
        )

    @property
    def cells(self) -> list[tuple[str, ModelUnderTest]]:
        return [(evaluation, model) for evaluation in self.evaluations for model in self.models]

    def prompt(self, evaluation: str) -> str:
        return digest_text(self.prompts.get(evaluation, "{{ input }}"))

    def results(self, evaluation: str, model: ModelUnderTest) -> list[tuple[int, SampleResult]]:
        return [
            (position, self._result(evaluation, model, position, trial))
            for trial in range(self.trials)
            for position in range(self.samples)
        ]

    def _result(self, evaluation: str, model: ModelUnderTest, position: int, trial: int) -> SampleResult:
        sample = self.rows[position]
        prediction, scores = self.judge(model.label, position, trial)
        request = digest_json([model.model_id, model.system, self.prompt(evaluation), sample.id])
        return SampleResult(
            cell=f"{evaluation}/{model.label}",
            sample_id=sample.id,
            trial=trial,
            prediction=prediction,
            scores=scores,
            key=CallKey(request, sample.id, trial),
        )

    def request(self, model: ModelUnderTest, result: SampleResult, sample: Sample) -> Request:
        system = () if model.system is None else (Message("system", model.system),)
        return Request(model.model_id, (*system, Message("user", sample.input)), model.params, sample, result.key)

    def aggregate(self, evaluation: str, model: ModelUnderTest) -> CellResult:
        spec = TallySpec(
            model=model.label,
            model_id=model.model_id,
            provider="scripted",
            evaluation=evaluation,
            kinds=dict.fromkeys(self.scorers, "binary"),
            trials=self.trials,
            measure={"reducer": "mean", "judge": None},
        )
        return aggregate_cell(spec, self.rows, [result for _, result in self.results(evaluation, model)])

    def run(self, *, complete: bool = True) -> RunResult:
        cells = [
            {
                "key": f"{evaluation}/{model.label}",
                "evaluation": evaluation,
                "model": model.label,
                "model_id": model.model_id,
                "provider": "scripted",
                "url": "scripted:",
                "system": model.system,
                "params": dict(model.params),
                "prompt": self.prompt(evaluation),
                "dataset": "qa",
                "trials": self.trials,
                "reduce": "mean",
                "on_error": {},
                "scorers": list(self.scorers),
            }
            for evaluation, model in self.cells
        ]
        scorers = {
            name: {
                "use": "exact",
                "options": identity.get("options", {}),
                "kind": "binary",
                "identity": {"use": "exact", **identity},
                "higher_is_better": True,
            }
            for name, identity in self.scorers.items()
        }
        primary = f"{self.evaluations[0]}.{next(iter(self.scorers))}"
        return RunResult(
            run_id=self.run_id,
            name=self.name,
            status="complete" if complete else "incomplete",
            started_at="2026-11-22T10:15:00.000+00:00",
            ended_at="2026-11-22T10:16:00.000+00:00" if complete else None,
            plan_digest=digest_json([cells, scorers]),
            parent_run=self.parent_run,
            primary=primary,
            versions={"evalkit": "0.1.0"},
            git={"commit": "0" * 40, "dirty": False},
            datasets={"qa": {"rows": self.samples, "digest": digest_json([s.digest for s in self.rows])}},
            cells=tuple(self.aggregate(*cell) for cell in self.cells) if complete else (),
            plan={
                "cells": cells,
                "scorers": scorers,
                "leaderboard": {"name": self.name, "description": "Synthetic", "primary": primary},
                "weave": {"backend": "local", "project": "local/tests", "traces": "all", "verify": True, **self.weave},
            },
        )

    async def journal(self, journal: Journal, evaluation: str, model: ModelUnderTest, *, end: bool = True) -> None:
        """Journal a cell as the engine would; its aggregate only with `end`."""
        results = self.results(evaluation, model)
        requests = [self.request(model, result, self.rows[position]) for position, result in results]
        calls = zip(requests, results, strict=True)
        await asyncio.gather(*(journal.put_call(request, result.prediction) for request, (_, result) in calls))
        for position, result in results:
            journal.put_result(result, position)
        journal.flush()
        if end:
            journal.put_cell(f"{evaluation}/{model.label}", encode_cell(self.aggregate(evaluation, model)))


def make_run_folder(root: Path, spec: RunSpec | None = None, *, complete: bool = True) -> RunFolder:
    """Write a run below `root` and return its folder; an incomplete one lacks its last cell's aggregate."""
    spec = spec or RunSpec()
    folder = RunFolder(root / "reports" / spec.name / spec.run_id)
    folder.path.mkdir(parents=True)
    asyncio.run(_write(folder, spec, complete=complete))
    folder.save(spec.run(complete=complete))
    return folder


async def _write(folder: RunFolder, spec: RunSpec, *, complete: bool) -> None:
    with Journal(folder.journal) as journal:
        journal.put_samples("qa", spec.rows)
        for place, (evaluation, model) in enumerate(spec.cells, 1):
            await spec.journal(journal, evaluation, model, end=complete or place < len(spec.cells))
