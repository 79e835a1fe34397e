"""A chat completion, whole or in pieces, to a Prediction; whatever is malformed becomes a transient failure."""

import json
import math
from dataclasses import dataclass, field
from typing import cast

from evalkit.records import Failure, FailureKind, Json, Prediction, PredictionOutcome, Usage
from evalkit.triage import clean_message, failed, triage

__all__ = ["AnswerPieces", "malformed", "read_answer", "read_json"]

_decode = json.JSONDecoder(parse_constant=lambda _: None).decode


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


def read_answer(raw: bytes) -> Prediction:
    """Return what the body of a 200 says."""
    if not raw.strip():
        return malformed("an empty body")
    try:
        body = read_json(raw)
    except ValueError as error:
        return malformed(f"a body that is not JSON: {clean_message(str(error))}")
    if not isinstance(body, dict):
        return malformed(f"a body that is no JSON object but {type(body).__name__}")
    body = cast("dict[str, Json]", body)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return _without_choices(body)
    choice = cast("list[Json]", choices)[0]
    message = cast("dict[str, Json]", choice).get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return malformed("a choice without a message")
    return _predict(body, cast("dict[str, Json]", choice), cast("dict[str, Json]", message))


@dataclass(slots=True)
class AnswerPieces:
    """Collects the chunks of a streamed completion into the body that an unstreamed one would have had."""

    body: dict[str, Json] = field(default_factory=dict[str, Json])
    texts: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])
    reasonings: list[str] = field(default_factory=list[str])
    logprobs: list[Json] = field(default_factory=list[Json])
    calls: dict[int, dict[str, Json]] = field(default_factory=dict[int, dict[str, Json]])
    finish_reason: str | None = None
    is_ended: bool = False
    error: Prediction | None = None

    def add(self, event: str) -> str:
        """Take the data of one event; return the piece of text in it.

        Raises:
            ValueError: the event is not a chunk of a chat completion.
        """
        if event == "[DONE]":
            self.is_ended = True
            return ""
        chunk = read_json(event)
        if not isinstance(chunk, dict):
            raise ValueError("a chunk that is no JSON object")
        chunk = cast("dict[str, Json]", chunk)
        if chunk.get("error"):
            self.error = _without_choices(chunk)
            return ""
        for name in ("model", "system_fingerprint", "usage"):
            if chunk.get(name):
                self.body[name] = chunk[name]
        choices = chunk.get("choices")
        if not choices:
            return ""
        try:
            return self._add_choice(choices[0])
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("a chunk of an unknown shape") from error

    def finish(self) -> Prediction:
        """Return the answer; a stream that ended before its end is a transient failure."""
        if self.error is not None:
            return self.error
        if not self.is_ended and self.finish_reason is None:
            return malformed("a stream that broke off" if self.body or self.texts else "an empty stream")
        message: dict[str, Json] = {"content": "".join(self.texts)}
        message["refusal"] = "".join(self.refusals) or None
        message["reasoning_content"] = "".join(self.reasonings) or None
        message["tool_calls"] = [self.calls[index] for index in sorted(self.calls)] or None
        choice = {"finish_reason": self.finish_reason, "logprobs": {"content": self.logprobs} if self.logprobs else None}
        return _predict(self.body, choice, message)

    def _add_choice(self, choice: dict[str, Json]) -> str:
        delta = choice.get("delta") or {}
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        if logprobs := choice.get("logprobs"):
            self.logprobs.extend(logprobs.get("content") or ())
        if refusal := delta.get("refusal"):
            self.refusals.append(str(refusal))
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            self.reasonings.append(str(reasoning))
        for call in delta.get("tool_calls") or ():
            self._add_call(call)
        piece = _content_text(delta.get("content"))
        if piece is None:
            raise TypeError("content")
        if piece:
            self.texts.append(piece)
        return piece

    def _add_call(self, call: dict[str, Json]) -> None:
        whole = self.calls.setdefault(call.get("index") or 0, {"function": {"name": "", "arguments": ""}})
        whole.update({name: call[name] for name in ("id", "type") if call.get(name)})
        for name, piece in (call.get("function") or {}).items():
            whole["function"][name] = whole["function"].get(name, "") + (piece or "")


def _predict(body: dict[str, Json], choice: dict[str, Json], message: dict[str, Json]) -> Prediction:
    text = _content_text(message.get("content"))
    if text is None:
        return malformed("a message whose content is neither text nor parts")
    refusal = message.get("refusal")
    finish_reason = choice.get("finish_reason")
    outcome, failure = PredictionOutcome.OK, None
    if finish_reason == "content_filter":
        outcome, failure = PredictionOutcome.FILTERED, Failure(FailureKind.FILTERED, "finish_reason content_filter", 200)
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


def _without_choices(body: dict[str, Json]) -> Prediction:
    """Read a 200 that carries an error instead of an answer, as gateways send when their upstream failed."""
    error = body.get("error")
    if not error:
        return malformed("no choices")
    code = cast("dict[str, Json]", error).get("code") if isinstance(error, dict) else None
    status = int(code) if str(code).isdigit() and 400 <= int(str(code)) <= 599 else 500
    return failed(triage(status, body))


def _content_text(content: Json) -> str | None:
    """Return the text of a message's content; None when it is of no known shape."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return None
    parts = [cast("dict[str, Json]", part) for part in cast("list[Json]", content) if isinstance(part, dict)]
    return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def _usage(raw: Json) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    usage = cast("dict[str, Json]", raw)
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    total = _count(usage.get("total_tokens"))
    if prompt is None and completion is None and total is None:
        return None
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    cached = _detail(usage.get("prompt_tokens_details"), "cached_tokens")
    return Usage(prompt, completion, total, cached, _detail(usage.get("completion_tokens_details"), "reasoning_tokens"))


def _detail(details: Json, name: str) -> int | None:
    return _count(cast("dict[str, Json]", details).get(name)) if isinstance(details, dict) else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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
