"""What the fake endpoint answers: settings, seeded answers and faults, and the bytes of every reply; no sockets."""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "ERRORS",
    "FAULTS",
    "Reply",
    "Settings",
    "answer_of",
    "completion",
    "draw_fault",
    "error_reply",
    "expected_correct",
    "http",
    "is_correct",
    "latency_of",
    "share",
    "sse_events",
]

ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "400": (400, "invalid_request_error", None, "We could not parse the JSON body of your request."),
    "401": (401, "invalid_request_error", "invalid_api_key", "Invalid Authentication"),
    "403": (403, "invalid_request_error", "unsupported_country", "Country, region, or territory not supported"),
    "404": (404, "invalid_request_error", "model_not_found", "The model does not exist"),
    "429": (429, "requests", "rate_limit_exceeded", "Concurrency limit reached for requests"),
    "quota": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details",
    ),
    "500": (500, "server_error", None, "The server had an error while processing your request"),
    "503": (503, "server_error", None, "The engine is currently overloaded, please try again later"),
}
"""Fault name to status, type, code and message, worded as W&B Inference words them."""

FAULTS = (*ERRORS, "reset", "hang", "truncated", "malformed", "empty", "slow")
"""Every fault that can be drawn or scheduled."""

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass
class Reply:
    """A reply written down in advance; `body` is sent as it is when bytes, else as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    """Bytes of the body that are promised by content-length and never sent."""


@dataclass
class Settings:
    """How the endpoint behaves; every field may change while it runs.

    `accuracy` is the share of prompts answered right, by model ("*" for the rest); which ones is a hash of the seed,
    so `expected_correct` knows the number beforehand. `answers` maps a prompt to its right answer.
    `faults` maps a fault to its rate, `fault_at` the number of a chat request (from 1) to a fault.
    """

    seed: int = 0
    models: list[str | dict[str, Any]] = field(default_factory=lambda: ["fake-model", "*"])
    """What it lists: ids, or whole rows; whichever it lists, it answers every id."""
    lists_models: bool = True
    answers: dict[str, str] = field(default_factory=dict)
    accuracy: dict[str, float] = field(default_factory=dict)
    latency_s: float = 0.0
    sigma: float = 0.0
    chunk_s: float = 0.0
    slow_s: float = 5.0
    usage: bool = True
    max_concurrency: int = 0
    retry_after: str = ""
    quota_after: int = 0
    faults: dict[str, float] = field(default_factory=dict)
    fault_at: dict[int, str] = field(default_factory=dict)
    fault_attempts: int = 1_000_000_000
    api_key: str = ""
    project: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    """Prompt to the replies it gets, in order (a Reply, or its fields); the last one stays."""
    script: Callable[[dict[str, Any]], "str | Reply | None"] | None = None
    """Says what a request's body gets: a text, a reply, or None for what it would get anyway; in one process only."""
    model_pages: list[Reply] = field(default_factory=list)
    """Replies to GET /models, in order, instead of `models`; the last one stays."""

    def __post_init__(self) -> None:
        """Take what JSON makes of these fields."""
        self.fault_at = {int(number): fault for number, fault in self.fault_at.items()}
        for listed in self.replies.values():
            listed[:] = [reply if isinstance(reply, Reply) else Reply(**reply) for reply in listed]
        self.model_pages = [page if isinstance(page, Reply) else Reply(**page) for page in self.model_pages]


def share(seed: int, *parts: object) -> float:
    """Return a number in [0, 1) that depends on the arguments alone."""
    text = "\0".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=7).digest()) / 2**56


def is_correct(settings: Settings, model: str, prompt: str) -> bool:
    """Say whether `model` answers `prompt` right."""
    accuracy = settings.accuracy.get(model, settings.accuracy.get("*", 1.0))
    return accuracy >= 1.0 or share(settings.seed, "accuracy", model, prompt) < accuracy


def expected_correct(settings: Settings, model: str, prompts: Iterable[str]) -> int:
    """Return how many of `prompts` the model will answer right."""
    return sum(is_correct(settings, model, prompt) for prompt in prompts)


def answer_of(settings: Settings, model: str, prompt: str) -> str:
    """Return the model's answer: the prompt's known answer, else a hash of the prompt; marked where it is wrong."""
    right = settings.answers.get(prompt)
    if right is None:
        right = "answer-" + hashlib.blake2b(prompt.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return right if is_correct(settings, model, prompt) else f"not {right}"


def draw_fault(settings: Settings, model: str, prompt: str, attempt: int) -> str | None:
    """Return the fault that this attempt of this prompt meets, by the rates."""
    if not settings.faults or attempt > settings.fault_attempts:
        return None
    drawn, edge = share(settings.seed, "fault", model, prompt, attempt), 0.0
    for kind, rate in settings.faults.items():
        edge += rate
        if drawn < edge:
            return kind
    return None


def latency_of(settings: Settings, prompt: str, attempt: int) -> float:
    """Return the seconds until the reply: `latency_s`, or lognormal around it with `sigma`."""
    if not settings.latency_s or not settings.sigma:
        return settings.latency_s
    first = share(settings.seed, "latency", prompt, attempt) or 1e-12
    angle = 2 * math.pi * share(settings.seed, "angle", prompt, attempt)
    return settings.latency_s * math.exp(settings.sigma * math.sqrt(-2 * math.log(first)) * math.cos(angle))


def http(
    status: int, body: bytes, headers: Mapping[str, str] | None = None, content_type: str = "application/json"
) -> bytes:
    """Return a whole HTTP/1.1 reply."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\ncontent-type: {content_type}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def error_reply(kind: str, retry_after: str = "") -> tuple[int, bytes]:
    """Return status and bytes of one of `ERRORS`."""
    status, type_, code, message = ERRORS[kind]
    body = _encode({"error": {"message": message, "type": type_, "param": None, "code": code}}).encode()
    return status, http(status, body, {"retry-after": retry_after} if retry_after and kind == "429" else None)


def completion(model: str, text: str, usage: Mapping[str, int] | None) -> bytes:
    """Return the JSON of a chat completion."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-fake", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}
    return _encode({**body, "usage": usage, "system_fingerprint": "fp_fake"}).encode("utf-8", "replace")


def sse_events(model: str, text: str, usage: Mapping[str, int] | None) -> list[bytes]:
    """Return the events of a streamed answer, four characters a piece; with usage, one more before the end."""

    def event(choices: list[Any], **more: object) -> bytes:
        chunk = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 0, "model": model}
        return f"data: {_encode({**chunk, 'choices': choices, **more})}\n\n".encode("utf-8", "replace")

    def delta(content: dict[str, str], finish: str | None = None) -> bytes:
        return event([{"index": 0, "delta": content, "finish_reason": finish}])

    pieces = [delta({"content": text[i : i + 4]}) for i in range(0, len(text), 4)]
    counted = [event([], usage=usage)] if usage else []
    return [delta({"role": "assistant", "content": ""}), *pieces, delta({}, "stop"), *counted, b"data: [DONE]\n\n"]
