"""Judges for tests: a model that replies what a function says, bound into a scorer as a run binds it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from evalkit.bound_model import BoundModel
from evalkit.config.schema import ModelSpec, ReasoningSpec, ScorerSpec
from evalkit.judge_tally import JudgeTally
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request, Sample, Score
from evalkit.registry import Registry
from evalkit.scoring import BoundScorer, bind_scorer, score_prediction

Reply = Callable[[Request], Prediction | str]


@dataclass
class FakeJudge:
    """A model that replies what `reply` says and keeps what it was asked."""

    reply: Reply
    asked: list[Request] = field(default_factory=list)

    async def predict(self, request: Request, on_text: Any = None) -> Prediction:
        del on_text
        self.asked.append(request)
        said = self.reply(request)
        return Prediction(PredictionOutcome.OK, said) if isinstance(said, str) else said


def failing(outcome: PredictionOutcome, message: str = "no luck") -> Prediction:
    """Return a reply that is none."""
    return Prediction(outcome, failure=Failure(FailureKind.TRANSIENT, message))


def bound(reply: Reply, *, model: dict[str, Any] | None = None, **options: Any) -> tuple[BoundScorer, FakeJudge]:
    """Return a judge scorer called `q` with its model, and that model."""
    spec = ScorerSpec.model_validate({"use": "judge", "model": "J", **options})
    scorer = bind_scorer("q", spec, Registry("evalkit.scorers"))
    judge = FakeJudge(reply)
    told = ModelSpec.model_validate({"id": "judge-1", "label": "J", "role": "judge", **(model or {})})
    return replace(
        scorer, scorer=replace(scorer.scorer, model=BoundModel(told, "http://j", judge, "q", JudgeTally()))
    ), judge


async def judged(scorer: BoundScorer, text: str = "It is t.", *, trial: int = 0, **sample: Any) -> Score:
    """Return the score of one answer."""
    asked = Sample(**{"id": "s", "input": "What?", "target": "t", **sample})
    answer = Prediction(PredictionOutcome.OK, text)
    return (await score_prediction((scorer,), asked, answer, ReasoningSpec(), trial))["q"]
