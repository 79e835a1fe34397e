"""One connection of the fake endpoint: HTTP/1.1 by hand, a request to its reply or its fault, and the book of it."""

import asyncio
import json
import time
from collections import Counter, deque
from typing import Any, Protocol

from tests.fake_replies import (
    ERRORS,
    Reply,
    Settings,
    answer_of,
    completion,
    draw_fault,
    error_reply,
    http,
    latency_of,
    sse_events,
)

__all__ = ["Book", "Connection"]


class Endpoint(Protocol):
    """What a connection needs of the endpoint it belongs to."""

    settings: Settings
    book: "Book"
    connections: set["Connection"]
    loop: asyncio.AbstractEventLoop

    def reset(self) -> None: ...
    def configure(self, changes: dict[str, Any]) -> None: ...


class Book:
    """What the endpoint has seen since the last reset."""

    def __init__(self) -> None:
        self.prompts: Counter[str] = Counter()
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.answered: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.heads: deque[bytes] = deque(maxlen=64)
        self.list_heads: deque[bytes] = deque(maxlen=64)
        self.bodies: deque[dict[str, Any]] = deque(maxlen=64)
        self.listings: deque[str] = deque(maxlen=256)
        self.first_at = self.last_at = 0.0
        self.requests = self.in_flight = self.peak = self.abandoned = self.connections = 0

    @property
    def busy_s(self) -> float:
        """Seconds from the first request to the last reply."""
        return round(max(0.0, self.last_at - self.first_at), 6)

    def stats(self) -> dict[str, Any]:
        """Return everything as JSON."""
        counters = {name: dict(getattr(self, name)) for name in ("prompts", "answered", "statuses", "faults", "models")}
        numbers = ("requests", "in_flight", "peak", "abandoned", "connections", "busy_s")
        return (
            counters
            | {name: getattr(self, name) for name in numbers}
            | {
                "headers": [_headers(h) for h in self.heads],
                "list_headers": [_headers(h) for h in self.list_heads],
            }
        )


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines if name}


class Connection(asyncio.Protocol):
    """One HTTP/1.1 keep-alive connection, one request at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # asyncio hands a Transport to a stream protocol
        self.endpoint.book.connections += 1
        self.endpoint.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.endpoint.connections.discard(self)
        if self.busy:
            self.endpoint.book.abandoned += 1
            self._done()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.busy and self.transport and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            lower = head.lower()
            at = lower.find(b"\r\ncontent-length:")
            size = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            self._route(head, body)

    def _route(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        endpoint = self.endpoint
        match method, path.partition("?")[0].removeprefix("/v1"):
            case "POST", "/chat/completions":
                self._chat(head, body)
            case "GET", "/models" if endpoint.settings.model_pages:
                pages = endpoint.settings.model_pages
                endpoint.book.listings.append(path)
                page = pages.pop(0) if len(pages) > 1 else pages[0]
                body = page.body if isinstance(page.body, bytes) else json.dumps(page.body).encode()
                self._write(http(page.status, body, page.headers))
            case "GET", "/models" if endpoint.settings.lists_models:
                endpoint.book.list_heads.append(head)
                named = endpoint.settings.models
                listed = [{"id": each, "object": "model"} if isinstance(each, str) else each for each in named]
                self._send_json({"object": "list", "data": listed}, *self._denied(head))
            case "GET", "/stats":
                self._send_json(endpoint.book.stats())
            case "POST", "/reset":
                endpoint.reset()
                self._send_json({})
            case "POST", "/config":
                endpoint.configure(json.loads(body))
                self._send_json({})
            case _:
                self._write(http(404, b'{"detail":"Not Found"}'))

    def _denied(self, head: bytes) -> tuple[bytes, ...]:
        settings = self.endpoint.settings
        if not settings.api_key and not settings.project:
            return ()
        seen = _headers(head)
        is_known = not settings.api_key or seen.get("authorization") == f"Bearer {settings.api_key}"
        is_member = not settings.project or seen.get("openai-project") == settings.project
        return () if is_known and is_member else (error_reply("401")[1],)

    def _chat(self, head: bytes, body: bytes) -> None:
        settings, book = self.endpoint.settings, self.endpoint.book
        book.requests += 1
        book.first_at = book.first_at or time.monotonic()
        book.heads.append(head)
        if denied := self._denied(head):
            book.statuses["401"] += 1
            return self._write(denied[0])
        try:
            asked = json.loads(body)
            model, prompt = asked["model"], _prompt(asked["messages"])
        except (ValueError, KeyError, IndexError, TypeError):
            book.statuses["400"] += 1
            return self._write(error_reply("400")[1])
        book.bodies.append(asked)
        book.prompts[prompt] += 1
        book.attempts[model, prompt] += 1
        book.models[model] += 1
        book.in_flight += 1
        book.peak = max(book.peak, book.in_flight)
        self.busy = True
        attempt = book.attempts[model, prompt]
        fault = self._fault(model, prompt, attempt)
        if fault:
            book.faults[fault] += 1
        is_refused = fault in ERRORS and fault not in {"500", "503"}
        delay = 0.0 if is_refused else latency_of(settings, prompt, attempt)
        self._later(delay, self._answer, asked, prompt, fault)
        return None

    def _fault(self, model: str, prompt: str, attempt: int) -> str | None:
        settings, book = self.endpoint.settings, self.endpoint.book
        if settings.quota_after and book.requests > settings.quota_after:
            return "quota"
        if settings.max_concurrency and book.in_flight > settings.max_concurrency:
            return "429"
        return settings.fault_at.get(book.requests) or draw_fault(settings, model, prompt, attempt)

    def _later(self, delay: float, call: Any, *args: Any) -> None:
        if delay:
            self.endpoint.loop.call_later(delay, call, *args)
        else:
            call(*args)

    def _answer(self, asked: dict[str, Any], prompt: str, fault: str | None) -> None:  # noqa: PLR0911  one for each kind of reply
        settings = self.endpoint.settings
        if self.transport is None or fault == "hang":
            return None
        if fault == "reset":
            self.endpoint.book.statuses["reset"] += 1
            self._done()
            return self.transport.abort()
        if fault in ERRORS:
            return self._finish(*error_reply(fault, settings.retry_after))
        if scripted := settings.replies.get(prompt):
            return self._send_scripted(scripted.pop(0) if len(scripted) > 1 else scripted[0])
        written = settings.script(asked) if settings.script else None
        if isinstance(written, Reply):
            return self._send_scripted(written)
        text = answer_of(settings, asked["model"], prompt) if written is None else written
        prompt_tokens, completion_tokens = len(prompt) // 4 + 1, len(text) // 4 + 1
        counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
        usage = counts | {"total_tokens": prompt_tokens + completion_tokens} if settings.usage else None
        if asked.get("stream"):
            wants_usage = (asked.get("stream_options") or {}).get("include_usage")
            return self._stream(sse_events(asked["model"], text, usage if wants_usage else None), prompt, fault)
        return self._send_answer(completion(asked["model"], text, usage), prompt, fault)

    def _send_answer(self, body: bytes, prompt: str, fault: str | None) -> None:
        if fault == "malformed":
            return self._finish(200, http(200, body[: len(body) // 2]))
        if fault == "empty":
            return self._finish(200, http(200, b""))
        raw = http(200, body)
        if fault == "truncated":
            return self._cut(raw[: -len(body) // 2])
        if fault == "slow":
            self._write(raw[: -len(body)])
            return self._later(self.endpoint.settings.slow_s, self._finish, 200, body)
        self.endpoint.book.answered[prompt] += 1
        return self._finish(200, raw)

    def _send_scripted(self, reply: Reply) -> None:
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        headers = dict(reply.headers)
        raw = http(reply.status, body, headers, headers.pop("content-type", "application/json"))
        if reply.cut:
            return self._cut(raw[: -reply.cut])
        return self._finish(reply.status, raw)

    def _stream(self, events: list[bytes], prompt: str, fault: str | None) -> None:
        if fault in {"truncated", "malformed"}:
            events = events[: len(events) // 2] + ([b'data: {"id": "chat\n\n'] if fault == "malformed" else [])
        elif fault == "empty":
            events = []
        self._write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        settings = self.endpoint.settings
        gap = settings.slow_s / max(1, len(events)) if fault == "slow" else settings.chunk_s
        self._push(events, gap, prompt, fault)

    def _push(self, events: list[bytes], gap: float, prompt: str, fault: str | None) -> None:
        count = 1 if gap else len(events)
        self._write(b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events[:count]))
        if events[count:]:
            return self._later(gap, self._push, events[count:], gap, prompt, fault)
        if fault == "truncated":
            return self._cut(b"")
        self.endpoint.book.answered[prompt] += fault is None
        return self._finish(200, b"0\r\n\r\n")

    def _cut(self, raw: bytes) -> None:
        self.endpoint.book.statuses["truncated"] += 1
        self._write(raw)
        self._done()
        if self.transport:
            self.transport.close()

    def _finish(self, status: int, raw: bytes) -> None:
        if self.transport is None:
            return
        self.endpoint.book.statuses[str(status)] += 1
        self.transport.write(raw)
        self._done()
        if self.buffer:
            self.data_received(b"")

    def _done(self) -> None:
        self.busy = False
        self.endpoint.book.in_flight -= 1
        self.endpoint.book.last_at = time.monotonic()

    def _send_json(self, value: object, *denied: bytes) -> None:
        self._write(denied[0] if denied else http(200, json.dumps(value).encode()))

    def _write(self, raw: bytes) -> None:
        if self.transport:
            self.transport.write(raw)


def _prompt(messages: list[dict[str, Any]]) -> str:
    content = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
