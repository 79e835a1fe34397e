"""Every registered scorer against its protocol."""

import dataclasses
import importlib
import inspect
import re

import pytest

from evalkit.config.schema import ReasoningSpec, ScorerSpec
from evalkit.protocols import Scorer
from evalkit.records import NOT_ANSWERED, Prediction, PredictionOutcome, Sample, Score
from evalkit.registry import Registry
from evalkit.scoring import aclose_scorers, bind_scorer, score_prediction

REGISTRY = Registry("evalkit.scorers")
OPTIONS = {"pattern": {"pattern": "a"}, "python": {"function": "mine:f"}, "judge": {"model": "J"}}
"""What a scorer cannot be built without."""

SAMPLES = (
    Sample("text", "?", target="a"),
    Sample("letter", "?", target="B", choices=("a", "b")),
    Sample("index", "?", target=1, choices=("a", "b")),
    Sample("list", "?", target=["a", "b"]),
    Sample("json", "?", target={"a": 1}),
    Sample("none", "?"),
)
TEXTS = ("", "a", "B", "18", '{"a": 1}', "x" * 5000, "\x00\ud800 ∞", "<think>", "[" * 30_000)


@pytest.fixture
def bound(request, tmp_path):
    (tmp_path / "mine.py").write_text("def f(sample, text):\n    return text == sample['target']\n")
    spec = ScorerSpec.model_validate({"use": request.param, **OPTIONS.get(request.param, {})})
    return bind_scorer(request.param, spec, REGISTRY, base_dir=tmp_path)


each_scorer = pytest.mark.parametrize("bound", REGISTRY.names(), indirect=True)


def test_the_built_in_ones_are_there():
    wanted = {"choice", "exact", "f1", "includes", "json_match", "judge", "numeric", "pattern", "python"}
    assert wanted <= set(REGISTRY.names())


@pytest.mark.parametrize("name", REGISTRY.names())
def test_it_is_one_frozen_dataclass_with_a_first_line(name):
    plugin = REGISTRY.plugin(name)
    assert dataclasses.is_dataclass(plugin)
    assert plugin.__dataclass_params__.frozen
    assert re.fullmatch(r"[A-Z][^\n]{10,118}[.;)]", inspect.getdoc(plugin).splitlines()[0])
    assert importlib.import_module(plugin.__module__).__all__ == [plugin.__name__]
    assert inspect.getdoc(importlib.import_module(plugin.__module__))


@each_scorer
def test_it_says_what_it_is(bound):
    scorer = bound.scorer
    assert isinstance(scorer, Scorer)
    assert bound.kind in {"binary", "graded"}
    assert isinstance(scorer.needs_target, bool)
    assert isinstance(getattr(scorer, "version", None), int) or isinstance(scorer.source_digest, str)
    assert inspect.iscoroutinefunction(scorer.score)


@each_scorer
async def test_it_survives_anything_and_gives_a_value_or_a_reason(bound):
    for sample in SAMPLES:
        for text in TEXTS:
            prediction = Prediction(PredictionOutcome.OK, text)
            score = (await score_prediction([bound], sample, prediction, ReasoningSpec()))[bound.name]
            assert isinstance(score, Score)
            assert (score.value is None) == (score.outcome != "scored")
            if score.value is None:
                assert score.reason
            elif bound.kind == "binary":
                assert score.value in {0.0, 1.0}
    await aclose_scorers([bound])


@each_scorer
async def test_it_is_not_asked_about_a_failed_prediction(bound):
    for outcome in NOT_ANSWERED:
        scores = await score_prediction([bound], SAMPLES[0], Prediction(outcome), ReasoningSpec())
        assert scores[bound.name] == Score(None, outcome=scores[bound.name].outcome)
        assert scores[bound.name].outcome == str(outcome)


@each_scorer
async def test_the_same_answer_gets_the_same_score(bound):
    prediction = Prediction(PredictionOutcome.OK, "a")
    scores = [await score_prediction([bound], SAMPLES[0], prediction, ReasoningSpec()) for _ in range(2)]
    assert scores[0] == scores[1]
    await aclose_scorers([bound])
