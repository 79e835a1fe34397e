"""Score one text by one scorer of a config, as the engine does."""

from pathlib import Path

from evalkit.config.schema import ReasoningSpec, ScorerSpec
from evalkit.records import Prediction, PredictionOutcome, Sample, Score
from evalkit.registry import Registry
from evalkit.scoring import BoundScorer, bind_scorer, score_prediction

REGISTRY = Registry("evalkit.scorers")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def bind(base_dir: Path = Path(), **spec: object) -> BoundScorer:
    return bind_scorer("s", ScorerSpec.model_validate(spec), REGISTRY, base_dir=base_dir)


def sample(target: object = None, **fields: object) -> Sample:
    return Sample(**{"id": "q7", "input": "What?", "target": target, **fields})


async def scored(bound: BoundScorer, target: object, text: str, **fields: object) -> Score:
    prediction = Prediction(PredictionOutcome.OK, text)
    return (await score_prediction([bound], sample(target, **fields), prediction, ReasoningSpec()))["s"]
