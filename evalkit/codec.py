"""Records to and from plain JSON, one function a direction; what the journal and run.json are made of."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from evalkit.records import (
    Failure,
    FailureKind,
    Image,
    Json,
    Message,
    Prediction,
    PredictionOutcome,
    Sample,
    Score,
    ScoreOutcome,
    Timing,
    Usage,
)

__all__ = [
    "decode_messages",
    "decode_prediction",
    "decode_sample",
    "decode_scores",
    "encode_json",
    "encode_messages",
    "encode_prediction",
    "encode_sample",
    "encode_scores",
]

_DETAILS = ("finish_reason", "served_model", "fingerprint", "reasoning", "tool_calls", "logprobs")
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=dict)


def encode_json(value: object) -> str:
    """Return `value` as compact JSON; lone surrogates become escapes, so that the text is valid UTF-8.

    Raises:
        ValueError: a float is NaN or infinite.
    """
    text = _encoder.encode(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=dict)
    return text


def encode_messages(messages: Sequence[Message]) -> str:
    """Return messages as JSON [[role, content], ...]."""
    return encode_json([[message.role, message.content] for message in messages])


def decode_messages(text: str) -> tuple[Message, ...]:
    """Read what `encode_messages` wrote."""
    return tuple(Message(role, content) for role, content in json.loads(text))


def encode_prediction(prediction: Prediction) -> str:
    """Return all of a prediction as a JSON object without its empty fields."""
    timing = prediction.timing
    plain: dict[str, Json] = {"outcome": prediction.outcome, "text": prediction.text, "attempts": prediction.attempts}
    plain["timing"] = [
        round(timing.started_at, 6),
        round(timing.ended_at, 6),
        timing.service_s,
        timing.queue_s,
        timing.backoff_s,
        timing.first_token_s,
        timing.first_byte_s,
    ]
    if prediction.from_cache:
        plain["from_cache"] = True
    if (usage := prediction.usage) is not None:
        plain["usage"] = [
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
        ]
    if (failure := prediction.failure) is not None:
        plain["failure"] = [failure.kind, failure.message, failure.status]
    for name in _DETAILS:
        if (value := getattr(prediction, name)) is not None:
            plain[name] = value
    return encode_json(plain)


def decode_prediction(text: str, *, from_journal: bool = False) -> Prediction:
    """Read what `encode_prediction` wrote."""
    plain = json.loads(text)
    failure = plain.get("failure")
    usage = plain.get("usage")
    return Prediction(
        outcome=PredictionOutcome(plain["outcome"]),
        text=plain["text"],
        failure=None if failure is None else Failure(FailureKind(failure[0]), failure[1], failure[2]),
        usage=None if usage is None else Usage(*usage),
        timing=Timing(*plain["timing"]),
        attempts=plain["attempts"],
        from_journal=from_journal,
        from_cache=plain.get("from_cache", False),
        **{name: plain.get(name) for name in _DETAILS},
    )


def encode_scores(scores: Mapping[str, Score]) -> str:
    """Return scores as JSON: scorer name to [value, outcome, answer, reason, lenient]."""
    return encode_json({name: [s.value, s.outcome, s.answer, s.reason, s.lenient] for name, s in scores.items()})


def decode_scores(text: str) -> dict[str, Score]:
    """Read what `encode_scores` wrote."""
    return {
        name: Score(value, reason, ScoreOutcome(outcome), answer, lenient)
        for name, (value, outcome, answer, reason, lenient) in json.loads(text).items()
    }


def encode_sample(sample: Sample) -> str:
    """Return a sample as JSON; a column equal to the id, input or target is kept once, under its alias."""
    own = {"id": sample.id, "input": sample.input, "target": sample.target}
    aliases: dict[str, str] = {}
    fields: dict[str, Json] = {}
    for column, value in sample.fields.items():
        same = next((name for name, kept in own.items() if kept is value or _identical(kept, value)), None)
        if same is None:
            fields[column] = value
        else:
            aliases[column] = same
    plain: dict[str, Json] = {**own, "index": sample.index, "digest": sample.digest}
    plain["columns"] = list(sample.fields)
    optional = {"choices": sample.choices, "group": sample.group, "slices": dict(sample.slices) or None}
    plain.update({name: value for name, value in optional.items() if value is not None})
    if sample.messages is not None:
        plain["messages"] = [dataclasses.asdict(message) for message in sample.messages]
    if sample.images:
        plain["images"] = [dataclasses.asdict(image) for image in sample.images]
    return encode_json({**plain, "aliases": aliases, "fields": fields})


def decode_sample(text: str) -> Sample:
    """Read what `encode_sample` wrote."""
    plain = json.loads(text)
    aliases, fields = plain["aliases"], plain["fields"]
    messages = plain.get("messages")
    return Sample(
        id=plain["id"],
        input=plain["input"],
        target=plain["target"],
        choices=None if plain.get("choices") is None else tuple(plain["choices"]),
        messages=None if messages is None else tuple(Message(**message) for message in messages),
        images=tuple(Image(**image) for image in plain.get("images", ())),
        group=plain.get("group"),
        slices=plain.get("slices") or {},
        fields={name: plain[aliases[name]] if name in aliases else fields[name] for name in plain["columns"]},
        index=plain["index"],
        digest=plain["digest"],
    )


def _identical(left: Json, right: Json) -> bool:
    return type(left) is type(right) and isinstance(left, str) and left == right
