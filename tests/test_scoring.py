"""What every scorer has in common: outcomes handed down, reasoning off, extraction, negation, faults as values."""

import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest

from evalkit.config.schema import ReasoningSpec, ScorerSpec
from evalkit.errors import ConfigError
from evalkit.records import NOT_ANSWERED, Prediction, PredictionOutcome, Sample, Score, ScoreOutcome
from evalkit.registry import Registry
from evalkit.scoring import aclose_scorers, bind_scorer, score_prediction
from tests.scorers.scoring_by import bind, scored

REASONING = ReasoningSpec()
HERE = "tests.test_scoring"


@dataclass(frozen=True)
class Faulty:
    """Raise, exit or answer nonsense, as the target says."""

    kind: ClassVar[str] = "graded"
    version: ClassVar[int] = 3

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        return {"raise": lambda: 1 / 0, "exit": lambda: sys.exit(2), "float": lambda: 0.5, "long": self._long}[
            sample.target
        ]()

    def _long(self) -> Score:
        return Score(0.25, "x" * 10_000)

    async def close(self) -> None:
        raise OSError("stuck")


@dataclass(frozen=True)
class Versionless:
    """Names no version, so its source names it."""

    kind: ClassVar[str] = "binary"

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        return Score(1.0)


@dataclass(frozen=True)
class Kindless:
    """Says no kind."""

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        return Score(1.0)


@dataclass(frozen=True)
class Mute:
    """Cannot score."""


@pytest.mark.parametrize("outcome", sorted(NOT_ANSWERED))
async def test_an_unanswered_prediction_hands_its_outcome_down(outcome):
    scores = await score_prediction([bind(use="exact")], Sample("a", "q", target="x"), Prediction(outcome), REASONING)
    assert scores == {"s": Score(None, outcome=ScoreOutcome(outcome.value))}


@pytest.mark.parametrize(
    ("text", "reasoning", "value", "outcome"),
    [
        pytest.param("x", REASONING, 1, "scored", id="plain"),
        pytest.param("<think>y</think> x", REASONING, 1, "scored", id="reasoning-off"),
        pytest.param("<think>x", REASONING, None, "no_answer", id="cut-off-in-reasoning"),
        pytest.param("<think>x</think>", REASONING, None, "no_answer", id="nothing-after-reasoning"),
        pytest.param("<think>y</think> x", ReasoningSpec(strip="never"), 0, "scored", id="never"),
        pytest.param("<plan>y</plan> x", ReasoningSpec(tags=["plan"]), 1, "scored", id="own-tags"),
        pytest.param(" \n", REASONING, None, "no_answer", id="blank"),
        pytest.param("", ReasoningSpec(strip="never"), None, "no_answer", id="empty"),
    ],
)
@pytest.mark.parametrize("prediction", [PredictionOutcome.OK, PredictionOutcome.TRUNCATED])
async def test_text_is_scored_without_its_reasoning(text, reasoning, value, outcome, prediction):
    sample = Sample("a", "q", target="x")
    score = (await score_prediction([bind(use="exact")], sample, Prediction(prediction, text), reasoning))["s"]
    assert (score.value, score.outcome) == (value, outcome)


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        pytest.param({}, "18", Score(1.0), id="as-it-came"),
        pytest.param({"extract": [{"after": "A:"}]}, "A: 18", Score(1.0, answer="18"), id="extracted"),
        pytest.param(
            {"extract": ["boxed"]},
            "18",
            Score(None, "extraction found nothing", ScoreOutcome.NO_ANSWER),
            id="nothing-extracted",
        ),
        pytest.param({"negate": True}, "18", Score(0.0), id="negated"),
        pytest.param(
            {"negate": True, "extract": ["boxed"]},
            "18",
            Score(None, "extraction found nothing", ScoreOutcome.NO_ANSWER),
            id="nothing-is-not-negated",
        ),
        pytest.param({"lenient_extract": ["number"]}, "is 18", Score(0.0, lenient=1.0), id="lenient-higher"),
        pytest.param({"lenient_extract": ["number"]}, "18", Score(1.0), id="lenient-equal"),
        pytest.param({"lenient_extract": ["number"]}, "is 17", Score(0.0), id="lenient-no-better"),
        pytest.param(
            {"extract": ["boxed"], "lenient_extract": ["number"]},
            "is 18",
            Score(None, "extraction found nothing", ScoreOutcome.NO_ANSWER, lenient=1.0),
            id="lenient-where-strict-finds-nothing",
        ),
        pytest.param({"lenient_extract": ["boxed"]}, "is 18", Score(0.0), id="lenient-finds-nothing"),
    ],
)
async def test_common_options(spec, text, expected):
    assert await scored(bind(use="exact", **spec), "18", text) == expected


async def test_a_fault_is_that_scorers_value_and_touches_no_other():
    faulty = bind_scorer("faulty", ScorerSpec(use=f"{HERE}:Faulty"), Registry("evalkit.scorers"))
    for target, told in [("raise", "ZeroDivisionError"), ("exit", "SystemExit"), ("float", "AttributeError")]:
        scores = await score_prediction(
            [faulty, bind(use="exact")],
            Sample("a", "q", target=target),
            Prediction(PredictionOutcome.OK, target),
            REASONING,
        )
        assert scores["faulty"].outcome == "scorer_error"
        assert scores["faulty"].value is None
        assert told in scores["faulty"].reason
        assert scores["s"].value == 1


async def test_a_reason_is_kept_short():
    assert len((await scored(bind(use=f"{HERE}:Faulty"), "long", "x")).reason) <= 500


async def test_every_scorer_is_closed_even_when_one_cannot_be():
    with pytest.raises(ExceptionGroup, match="closed") as raised:
        await aclose_scorers([bind(use=f"{HERE}:Faulty"), bind(use="exact"), bind(use=f"{HERE}:Faulty")])
    assert len(raised.value.exceptions) == 2
    await aclose_scorers([bind(use="exact")])


def test_the_identity_names_what_can_change_a_score_and_nothing_else():
    plain = bind(use="exact").identity
    assert plain == {
        "use": "exact",
        "options": {"ignore_case": True, "ignore_punctuation": False, "ignore_space": False, "ignore_articles": False},
        "extract": [],
        "negate": False,
        "version": 1,
    }
    assert bind(use="exact", ignore_case=True, weight=2.0, lenient_extract=["number"]).identity == plain
    assert bind(use="exact", ignore_case=False).identity != plain
    assert bind(use="exact", extract=["lower"]).identity != plain
    assert bind(use="exact", negate=True).identity != plain
    assert bind(use="numeric").identity == bind(use="numeric", extract=["number"]).identity


def test_a_plugin_without_a_version_is_named_by_its_source():
    assert bind(use=f"{HERE}:Faulty").identity["version"] == 3
    assert len(bind(use=f"{HERE}:Versionless").identity["source"]) == 32


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"use": "exct"}, "exact"),
        ({"use": "exact", "ignore_cases": True}, "ignore_case"),
        ({"use": "exact", "ignore_case": "yes"}, "ignore_case"),
        ({"use": "exact", "extract": ["boxd"]}, "scorers.s: extract.*boxed"),
        ({"use": "exact", "lenient_extract": ["boxd"]}, "scorers.s: extract.*boxed"),
        ({"use": "exact", "range": [1, 5]}, "scorers.s.*range"),
        ({"use": f"{HERE}:Mute"}, "scorers.s.*no method score"),
        ({"use": f"{HERE}:Kindless"}, "scorers.s.*kind"),
    ],
    ids=str,
)
def test_a_wrong_scorer_is_found_before_a_run(spec, told):
    with pytest.raises(ConfigError, match=told):
        bind(**spec)


@dataclass(frozen=True)
class HalfBinary:
    """Say binary, give a half."""

    kind: ClassVar[str] = "binary"
    version: ClassVar[int] = 1

    async def score(self, sample: Sample, prediction: Prediction) -> Score:
        return Score(0.5)


async def test_a_binary_scorer_that_gives_a_half_is_an_error_of_its_own() -> None:
    bound = bind_scorer("half", ScorerSpec(use=f"{__name__}:HalfBinary"), Registry("evalkit.scorers"))
    prediction = Prediction(PredictionOutcome.OK, "text")
    scores = await score_prediction((bound,), Sample("1", "q", "t"), prediction, ReasoningSpec())
    assert scores["half"].outcome is ScoreOutcome.SCORER_ERROR
    assert "only 0 and 1" in scores["half"].reason


def called(*calls, text=""):
    function = [{"id": f"c{i}", "function": {"name": name, "arguments": arguments}} for i, (name, arguments) in calls]
    return Prediction(PredictionOutcome.OK, text, tool_calls=function or None)


AREA = (0, ("area", '{"base": 10, "height": 5}'))
LATER = (1, ("area", '{"base": 1, "height": 1}'))
WANTED = [{"name": "area", "arguments": {"height": 5, "base": 10}}]


@pytest.mark.parametrize(
    ("spec", "prediction", "value", "outcome"),
    [
        pytest.param({}, called(AREA), 1.0, "scored", id="only calls"),
        pytest.param({}, called(AREA, LATER), 0.0, "scored", id="one call too many"),
        pytest.param({}, called(AREA, text="<think>hm</think>"), 1.0, "scored", id="calls after reasoning"),
        pytest.param({}, called(AREA, text="Let me see."), None, "no_answer", id="the text stands where there is one"),
        pytest.param(
            {"extract": ["tool_calls"]}, called(AREA, text="Let me see."), 1.0, "scored", id="asked for calls"
        ),
        pytest.param({"extract": ["tool_calls"]}, called(text="[1]"), None, "no_answer", id="asked for, none made"),
        pytest.param({"extract": ["tool_calls"]}, called(), None, "no_answer", id="nothing at all"),
        pytest.param(
            {"extract": ["tool_calls"], "partial": True}, called(AREA, LATER), 0.5, "scored", id="a share of the leaves"
        ),
    ],
)
async def test_tool_calls_are_an_answer(spec, prediction, value, outcome):
    sample, bound = Sample("a", "q", target=WANTED), bind(use="json_match", **spec)
    score = (await score_prediction([bound], sample, prediction, REASONING))["s"]
    assert (score.value, score.outcome) == (value, outcome)
    assert (score.answer is not None) == (value is not None)


async def test_a_part_of_a_call_is_extracted_like_any_other_text():
    bound = bind(use="exact", extract=["tool_calls", {"json_path": "$[0].name"}])
    scores = await score_prediction([bound], Sample("a", "q", target="area"), called(AREA, text="Well."), REASONING)
    assert scores["s"] == Score(1.0, answer="area")


def test_tool_calls_stand_in_place_of_the_text():
    with pytest.raises(ConfigError, match="only be the first step"):
        bind(use="json_match", extract=["lower", "tool_calls"])
