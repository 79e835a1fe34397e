"""The nouns of a run: frozen, slotted dataclasses that flow from room to room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "NOT_ANSWERED",
    "CallKey",
    "Failure",
    "FailureKind",
    "Image",
    "Json",
    "Message",
    "Prediction",
    "PredictionOutcome",
    "Request",
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
    """What a provider's error means for the rest of the run.

    `throttle` is a refusal for the calls in flight, `rate` one for the calls or tokens of a span of time.
    """

    ACCESS = "access"
    UNKNOWN_MODEL = "unknown_model"
    QUOTA = "quota"
    BUDGET = "budget"
    THROTTLE = "throttle"
    RATE = "rate"
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
class Image:
    """One image of a sample: bytes that are kept elsewhere, or an address that the model reads itself.

    `reference` is what messages hold: image:<SHA-256 of the bytes>.<kind>, or the address; `name` is for people. Size
    in bytes and pixels is not known of an address.
    """

    reference: str
    name: str = ""
    size: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset.

    `index` is the row's place in its source (from 0), `fields` every column of the row, for templates; `images` are
    sent with the question, in their order. `digest` covers id, input, target, choices, messages and the content of the
    images: two samples are the same content when it is equal.
    """

    id: str
    input: Json
    target: Json = None
    choices: tuple[str, ...] | None = None
    messages: tuple[Message, ...] | None = None
    images: tuple[Image, ...] = ()
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

    `service_s` is that attempt alone, `first_byte_s` its part until the reply's headers, `first_token_s` until the
    first piece of a streamed answer, be it text, reasoning or a tool call; waiting for a permit and backing off are
    kept apart.
    """

    started_at: float = 0.0
    ended_at: float = 0.0
    service_s: float | None = None
    queue_s: float = 0.0
    backoff_s: float = 0.0
    first_token_s: float | None = None
    first_byte_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call gave no usable text; `retry_after_s` is what the server asked us to wait.

    `is_sent` is False when the server cannot have seen the request, because no connection came about (not kept).
    """

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    is_sent: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered. A failure is a value here, never an exception.

    `from_cache` marks an answer that an earlier run paid for; `hold_s` is how long the server, by its rate-limit
    headers, takes no further call (it is not kept).
    """

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
    from_cache: bool = False
    hold_s: float | None = None


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
