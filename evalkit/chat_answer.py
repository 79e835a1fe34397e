"""A chat completion to a Prediction; whatever is malformed becomes a transient failure."""

import json
import math
from collections.abc import Callable
from typing import cast

from evalkit.chat_error import inner_error
from evalkit.records import Failure, FailureKind, Json, Prediction, PredictionOutcome, Usage
from evalkit.triage import clean_message, failed, triage

__all__ = ["OnError", "as_object", "content_text", "malformed", "read_answer", "read_completion", "read_json"]

OnError = Callable[[int, Json], Failure]
"""Makes a failure of an error's status and body."""

_decode = json.JSONDecoder(parse_constant=lambda _: None).decode

_MOST_TOKENS = 10**9


def read_json(raw: bytes | str) -> Json:
    """Return decoded JSON, NaN and infinities as None.

    Raises:
        ValueError: not UTF-8, or not JSON.
    """
    try:
        return _decode(raw if isinstance(raw, str) else raw.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def malformed(problem: str) -> Prediction:
    """Return the failure of a 200 whose body cannot be used."""
    return failed(Failure(FailureKind.TRANSIENT, f"reply with status 200 but {problem}", 200))


def read_answer(raw: bytes, on_error: OnError = triage) -> Prediction:
    """Return what the body of a 200 says; `on_error` reads an error in it."""
    if not raw.strip():
        return malformed("an empty body")
    try:
        body = read_json(raw)
    except ValueError as error:
        return malformed(f"a body that is not JSON: {clean_message(str(error))}")
    return read_completion(body, on_error)


def read_completion(body: Json, on_error: OnError = triage) -> Prediction:
    """Return what a decoded chat completion says: its first choice, or the error it carries instead."""
    completion = as_object(body)
    if (error := inner_error(body)) is not None:
        return failed(on_error(*error))
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        return malformed("no choices")
    choice = as_object(cast("list[Json]", choices)[0])
    if choice.get("finish_reason") == "error":
        return malformed("an answer that ended in an error")
    if not isinstance(choice.get("message"), dict):
        return malformed("a choice without a message")
    return _predict(completion, choice, as_object(choice["message"]))


def as_object(value: Json) -> dict[str, Json]:
    """Return a JSON object as it is, anything else as an empty one."""
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def content_text(content: Json) -> str | None:
    """Return the text of a message's content, null as ""; None when it is of no known shape."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return None
    parts = [as_object(part) for part in cast("list[Json]", content)]
    return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def _predict(body: dict[str, Json], choice: dict[str, Json], message: dict[str, Json]) -> Prediction:
    text = content_text(message.get("content"))
    if text is None:
        return malformed("a message whose content is neither text nor parts")
    refusal = message.get("refusal")
    finish_reason = choice.get("finish_reason")
    outcome, failure = PredictionOutcome.OK, None
    if finish_reason == "content_filter":
        outcome = PredictionOutcome.FILTERED
        failure = Failure(FailureKind.FILTERED, "the server's content filter stopped the answer", 200)
    elif refusal:
        outcome, failure = PredictionOutcome.REFUSED, Failure(FailureKind.REFUSED, clean_message(str(refusal)), 200)
    elif finish_reason == "length":
        outcome = PredictionOutcome.TRUNCATED
    return Prediction(
        outcome,
        text=text,
        failure=failure,
        usage=_usage(body.get("usage")),
        finish_reason=_string(finish_reason),
        served_model=_string(body.get("model")),
        fingerprint=_string(body.get("system_fingerprint")),
        reasoning=_string(message.get("reasoning_content")) or _string(message.get("reasoning")),
        tool_calls=_finite(message.get("tool_calls") or None),
        logprobs=_finite(choice.get("logprobs")),
    )


def _usage(raw: Json) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    usage = as_object(cast("Json", raw))
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    total = _count(usage.get("total_tokens"))
    if prompt is None and completion is None and total is None:
        return None
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    cached = _count(as_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    reasoning = _count(as_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    return Usage(prompt, completion, total, cached, reasoning)


def _count(value: Json) -> int | None:
    """Return a number of tokens that can be true, else None: it counts as not told."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None


def _string(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _finite(value: Json) -> Json:
    """Return `value` with None for the infinities that 1e999 reads as, which JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in cast("list[Json]", value)]
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in cast("dict[str, Json]", value).items()}
    return value
