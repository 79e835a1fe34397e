"""The nouns of a run: frozen, slotted dataclasses that flow from room to room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "NOT_ANSWERED",
    "CallKey",
    "CellResult",
    "Failure",
    "FailureKind",
    "Json",
    "Message",
    "MetricResult",
    "Prediction",
    "PredictionOutcome",
    "Request",
    "RunResult",
    "Sample",
    "SampleResult",
    "Score",
    "ScoreOutcome",
    "Timing",
    "Usage",
]

Json = Any
"""A JSON value: None, bool, int, float, str, list of Json, or dict of str to Json."""


class PredictionOutcome(StrEnum):
    """How one call ended, as the model's user sees it."""

    OK = "ok"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "filtered"
    REJECTED = "rejected"
    TOO_LONG = "too_long"
    INFRA_ERROR = "infra_error"
    NOT_RUN = "not_run"


NOT_ANSWERED = frozenset(PredictionOutcome) - {PredictionOutcome.OK, PredictionOutcome.TRUNCATED}
"""Outcomes that carry no text to score."""


class ScoreOutcome(StrEnum):
    """How one scoring ended; a prediction that was not answered hands its own outcome down."""

    SCORED = "scored"
    NO_ANSWER = "no_answer"
    SCORER_ERROR = "scorer_error"
    JUDGE_FAILED = "judge_failed"
    REFUSED = "refused"
    FILTERED = "filtered"
    REJECTED = "rejected"
    TOO_LONG = "too_long"
    INFRA_ERROR = "infra_error"
    NOT_RUN = "not_run"


class FailureKind(StrEnum):
    """What a provider's error means for the rest of the run."""

    ACCESS = "access"
    QUOTA = "quota"
    THROTTLE = "throttle"
    TRANSIENT = "transient"
    OVERLOADED = "overloaded"
    REJECTED = "rejected"
    TOO_LONG = "too_long"
    FILTERED = "filtered"
    REFUSED = "refused"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat: a role and a text, or a list of content parts."""

    role: str
    content: Json


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset.

    `index` is the row's place in its source (from 0), `fields` every column of the row, for templates;
    `digest` covers id, input, target, choices and messages: two samples are the same content when it is equal.
    """

    id: str
    input: Json
    target: Json = None
    choices: tuple[str, ...] | None = None
    messages: tuple[Message, ...] | None = None
    group: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, Json] = field(default_factory=dict[str, Json])
    index: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class CallKey:
    """What makes two calls the same call: request content, sample, trial and slot."""

    request: str
    sample_id: str
    trial: int = 0
    slot: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one model; `key.slot` is "" for a candidate or "judge:<scorer>:<vote>"."""

    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Json]
    sample: Sample
    key: CallKey


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as the server counted them; None where it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of one call went, in seconds; started_at and ended_at are Unix times of the answering attempt.

    `service_s` is that attempt alone; waiting for a permit and backing off are kept apart.
    """

    started_at: float = 0.0
    ended_at: float = 0.0
    service_s: float | None = None
    queue_s: float = 0.0
    backoff_s: float = 0.0
    first_token_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call gave no usable text; `retry_after_s` is what the server asked us to wait."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered. A failure is a value here, never an exception."""

    outcome: PredictionOutcome
    text: str = ""
    failure: Failure | None = None
    usage: Usage | None = None
    timing: Timing = field(default_factory=Timing)
    finish_reason: str | None = None
    served_model: str | None = None
    fingerprint: str | None = None
    reasoning: str | None = None
    tool_calls: Json = None
    logprobs: Json = None
    attempts: int = 1
    from_journal: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """The judgement of one prediction: a value in [0, 1], or None with the outcome that says why.

    `answer` is the extracted text; `lenient` the value under the second extraction chain, where one is configured.

    Raises:
        ValueError: `scored` without a value in [0, 1], or another outcome with a value.
    """

    value: float | None
    reason: str = ""
    outcome: ScoreOutcome = ScoreOutcome.SCORED
    answer: str | None = None
    lenient: float | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.outcome is ScoreOutcome.SCORED):
            raise ValueError(f"a score with outcome {self.outcome} cannot have value {self.value}")
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a score must lie in [0, 1], not {self.value}")


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One sample, one trial, in one cell: the prediction and its score by every scorer's name."""

    cell: str
    sample_id: str
    trial: int
    prediction: Prediction
    scores: Mapping[str, Score]
    key: CallKey


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A number over many scores, as in run.json; None where nothing was scored.

    `n` counts the samples in the mean, `worst` and `best` set each excluded one to 0 and to 1.
    `rerun_noise` is how far a re-run of the same model may move the mean; None when one trial cannot tell.
    """

    kind: str
    mean: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    n: int
    clusters: int
    worst: float | None
    best: float | None
    outcomes: Mapping[str, int]
    slices: Mapping[str, Json] = field(default_factory=dict[str, Json])
    rerun_noise: float | None = None


@dataclass(frozen=True, slots=True)
class CellResult:
    """One model on one evaluation, as in run.json."""

    model: str
    model_id: str
    provider: str
    served_models: tuple[str, ...]
    fingerprints: tuple[str, ...]
    evaluation: str
    samples: int
    trials: int
    outcomes: Mapping[str, int]
    metrics: Mapping[str, MetricResult]
    usage: Mapping[str, int]
    cost_usd: float | None
    price_source: str | None
    output_tokens: Mapping[str, float | None]
    latency_s: Mapping[str, float | None]
    measure: Mapping[str, Json]
    treatment: Mapping[str, Json]

    @property
    def key(self) -> str:
        """The cell's name in the journal and in run.json: evaluation/model."""
        return f"{self.evaluation}/{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One run, field for field as run.json; `pairs` and `tie` are the leaderboard's paired differences and its tie."""

    run_id: str
    name: str
    status: str
    started_at: str
    ended_at: str | None
    plan_digest: str
    versions: Mapping[str, str]
    datasets: Mapping[str, Mapping[str, Json]]
    cells: tuple[CellResult, ...]
    schema_version: int = 1
    profile: str | None = None
    parent_run: str | None = None
    primary: str | None = None
    git: Mapping[str, Json] | None = None
    environment: Mapping[str, Json] = field(default_factory=dict[str, Json])
    seed: int = 0
    config: Mapping[str, Json] = field(default_factory=dict[str, Json])
    plan: Mapping[str, Json] = field(default_factory=dict[str, Json])
    leaderboard: tuple[Mapping[str, Json], ...] = ()
    pairs: tuple[Mapping[str, Json], ...] = ()
    tie: Mapping[str, Json] | None = None
    calls: Mapping[str, Json] = field(default_factory=dict[str, Json])
    throttle: Mapping[str, Json] = field(default_factory=dict[str, Json])
    gate: Mapping[str, Json] | None = None
    verdict: str | None = None
    weave: Mapping[str, Json] | None = None
