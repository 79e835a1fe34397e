"""A prediction to its scores: reasoning off, extraction, the scorer, and what every scorer has in common."""

import dataclasses
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import cast

from evalkit.bound_model import UnboundModel
from evalkit.config.schema import ReasoningSpec, ScorerSpec
from evalkit.digest import canonical_json, digest_text
from evalkit.errors import ConfigError, StoreError
from evalkit.extract import Extractor
from evalkit.protocols import Scorer
from evalkit.reasoning import strip_reasoning
from evalkit.records import NOT_ANSWERED, Json, Prediction, Sample, Score, ScoreOutcome
from evalkit.registry import Registry
from evalkit.tool_calls import calls_text

__all__ = ["BoundScorer", "aclose_scorers", "bind_scorer", "score_prediction"]

_KINDS = ("binary", "graded")
_BINARY = (None, 0.0, 1.0)
_REASON_CHARS = 500
_UNANSWERED = {outcome: Score(None, outcome=ScoreOutcome(outcome.value)) for outcome in NOT_ANSWERED}
_CUT_OFF = Score(None, "the reasoning was never closed, so there is no answer", ScoreOutcome.NO_ANSWER)
_EMPTY = Score(None, "the answer is empty", ScoreOutcome.NO_ANSWER)
_NOTHING = Score(None, "extraction found nothing", ScoreOutcome.NO_ANSWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundScorer:
    """A scorer of the config, ready to score.

    `kind` is "binary" or "graded". `range` is what a scorer with values of its own rescales from. `identity` names
    everything that can change a score: use, options, extract, negate, and a version or the digest of the source, and
    once the plan is made `judge`. `judges` maps its fields that hold a model to the labels of those; a scorer whose
    class says `takes_trial` is told the trial.
    """

    name: str
    scorer: Scorer
    extractor: Extractor
    identity: Mapping[str, Json]
    kind: str = "binary"
    lenient: Extractor | None = None
    negate: bool = False
    range: tuple[float, float] | None = None
    higher_is_better: bool = True
    judges: Mapping[str, str] = field(default_factory=dict[str, str])
    takes_trial: bool = False


def bind_scorer(name: str, spec: ScorerSpec, registry: Registry, *, base_dir: Path = Path()) -> BoundScorer:
    """Return the scorer `name` of a config with its options, extraction and identity; nothing is run.

    A plugin with a field `base_dir` gets the config's folder, one with a field `range` the common option of that name.

    Raises:
        ConfigError: the plugin, an option or a step is wrong; the message starts with the scorer's name.
    """
    plugin = registry.plugin(spec.use)
    options = _options(name, spec, plugin, base_dir)
    scorer = registry.build(spec.use, options)
    if not isinstance(scorer, Scorer):
        raise ConfigError(f"scorers.{name}: {spec.use!r} has no method score, so it is not a scorer")
    kind = getattr(scorer, "kind", None)
    if kind not in _KINDS:
        raise ConfigError(f"scorers.{name}: {spec.use!r} must say its kind, binary or graded, not {kind!r}")
    judges = _labels_of(scorer)
    if judges and spec.lenient_extract is not None:
        raise ConfigError(f"scorers.{name}: a judge reads the answer as it is; leave lenient_extract out")
    steps = spec.extract if spec.extract is not None else cast("Sequence[Json]", getattr(plugin, "extract", ()))
    try:
        return BoundScorer(
            name=name,
            scorer=scorer,
            extractor=Extractor.compile(steps),
            identity=_identity(spec, scorer, steps),
            kind=kind,
            lenient=None if spec.lenient_extract is None else Extractor.compile(spec.lenient_extract),
            negate=spec.negate,
            range=None if spec.range is None else (spec.range[0], spec.range[1]),
            higher_is_better=spec.higher_is_better,
            judges=judges,
            takes_trial=bool(getattr(plugin, "takes_trial", False)),
        )
    except ConfigError as error:
        raise ConfigError(f"scorers.{name}: {error}") from None


async def score_prediction(
    scorers: Sequence[BoundScorer], sample: Sample, prediction: Prediction, reasoning: ReasoningSpec, trial: int = 0
) -> dict[str, Score]:
    """Return the score of one prediction by every scorer's name; never raises but where a judge's journal does.

    A prediction without an answer hands its outcome down. Reasoning is taken off first; where it was never closed, or
    nothing is left, there is no answer, unless the model called tools: then the calls are, as JSON (`tool_calls`).
    A scorer that raises is a scorer error of its own and touches no other.
    `Score.answer` is what was scored, None where that is the text as it came.
    """
    if prediction.outcome in NOT_ANSWERED:
        return dict.fromkeys((bound.name for bound in scorers), _UNANSWERED[prediction.outcome])
    text = prediction.text if reasoning.strip == "never" else strip_reasoning(prediction.text, reasoning.tags)
    if text is None:
        return dict.fromkeys((bound.name for bound in scorers), _CUT_OFF)
    if not text or text.isspace():
        text = calls_text(prediction.tool_calls)
        if not text:
            return dict.fromkeys((bound.name for bound in scorers), _EMPTY)
    answered = _Answered(sample, prediction, text, trial)
    return {bound.name: await _score(bound, answered) for bound in scorers}


async def aclose_scorers(scorers: Iterable[BoundScorer]) -> None:
    """Close every scorer that holds something open; one that fails to close does not keep the others."""
    failed: list[Exception] = []
    for bound in scorers:
        close = getattr(bound.scorer, "close", None)
        if close is not None:
            try:
                await close()
            except Exception as error:  # noqa: BLE001  a plugin may raise anything; raised again below
                failed.append(error)
    if failed:
        raise ExceptionGroup("some scorers could not be closed", failed)


@dataclass(frozen=True, slots=True)
class _Answered:
    """One answered trial of a sample; `text` is the answer without its reasoning."""

    sample: Sample
    prediction: Prediction
    text: str
    trial: int


async def _score(bound: BoundScorer, answered: _Answered) -> Score:
    score = await _attempt(bound, bound.extractor, answered)
    if bound.lenient is None or score.value == 1.0 or score.outcome is ScoreOutcome.SCORER_ERROR:
        return score
    second = await _attempt(bound, bound.lenient, answered)
    if second.value is None or second.value <= (score.value or 0.0):
        return score
    return replace(score, lenient=second.value)


async def _attempt(bound: BoundScorer, extractor: Extractor, answered: _Answered) -> Score:
    prediction = answered.prediction
    try:
        answer = extractor.extract(calls_text(prediction.tool_calls) if extractor.reads_calls else answered.text)
        if answer is None:
            return _NOTHING
        is_text = answer == prediction.text
        told = {"trial": answered.trial} if bound.takes_trial else {}
        judged = prediction if is_text else replace(prediction, text=answer)
        score = await bound.scorer.score(answered.sample, judged, **told)
        value = score.value
        if bound.kind == "binary" and value not in _BINARY:
            reason = f"it says that it is binary and gave {value}; only 0 and 1 are"
            return Score(None, reason, ScoreOutcome.SCORER_ERROR)
        if bound.negate and value is not None:
            value = 1.0 - value
        shown = score.answer if score.answer is not None or is_text else answer
        return Score(value, score.reason[:_REASON_CHARS], score.outcome, shown)
    except StoreError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  a scorer may raise anything; it is a value here
        return Score(None, f"{type(error).__name__}: {error}"[:_REASON_CHARS], ScoreOutcome.SCORER_ERROR)


def _labels_of(scorer: Scorer) -> Mapping[str, str]:
    """Return the fields of a scorer that hold a model of the config, with its label."""
    values = ((each.name, getattr(scorer, each.name)) for each in dataclasses.fields(scorer))  # pyright: ignore[reportArgumentType]  the registry checked it
    return {name: value.label for name, value in values if isinstance(value, UnboundModel)}


def _options(name: str, spec: ScorerSpec, plugin: type, base_dir: Path) -> dict[str, Json]:
    fields = {field.name for field in dataclasses.fields(plugin) if field.init}
    options = spec.options
    if spec.range is not None and "range" not in fields:
        raise ConfigError(f"scorers.{name}: {spec.use!r} gives values in [0, 1] only; leave range out")
    if spec.range is not None:
        options["range"] = spec.range
    if "base_dir" in fields:
        options.setdefault("base_dir", str(base_dir))
    return options


def _identity(spec: ScorerSpec, scorer: Scorer, steps: Sequence[Json]) -> Mapping[str, Json]:
    """Return what names a scorer's numbers; options have their defaults filled in: spelling one out is no change."""
    options = {
        field.name: getattr(scorer, field.name)
        for field in dataclasses.fields(scorer)  # pyright: ignore[reportArgumentType]  the registry checked it
        if field.init and field.metadata.get("measure", True)
    }
    named = {"use": spec.use, "extract": list(steps), "negate": spec.negate, **_revision(scorer)}
    try:
        plain = json.loads(canonical_json({**named, "options": options}))
    except (TypeError, ValueError):
        plain = {**named, "options": spec.options}
    return MappingProxyType(cast("dict[str, Json]", plain))


def _revision(scorer: Scorer) -> dict[str, Json]:
    digest = getattr(scorer, "source_digest", None)
    if digest is not None:
        return {"source": digest}
    version = getattr(scorer, "version", None)
    if version is not None:
        return {"version": version}
    path = inspect.getsourcefile(type(scorer))
    return {"source": digest_text(Path(path).read_text(encoding="utf-8")) if path else ""}
