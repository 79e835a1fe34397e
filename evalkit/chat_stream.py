"""The chunks of a streamed chat completion, collected into the completion that it would have been unstreamed."""

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

from evalkit.chat_answer import OnError, as_object, content_text, malformed, read_completion, read_json
from evalkit.chat_error import inner_error
from evalkit.records import Json, Prediction
from evalkit.triage import clean_message, failed, triage

__all__ = ["AnswerPieces", "read_events", "read_stream"]

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""Ends of a line; a carriage return at the very end of what has come may be half of one."""


async def read_stream(
    chunks: AsyncIterator[bytes], on_text: Callable[[str], None], on_error: OnError = triage
) -> tuple[Prediction, float | None]:
    """Return the answer in a stream, and when (by `time.perf_counter`) its first piece came; None if none did.

    `on_error` reads an error that the stream carries.
    """
    pieces = AnswerPieces(on_error=on_error)
    begun_at: float | None = None
    try:
        async for event in read_events(chunks):
            text = pieces.add(event)
            if begun_at is None and pieces.has_begun:
                begun_at = time.perf_counter()
            if text:
                on_text(text)
    except ValueError as error:
        return malformed(f"a broken stream: {clean_message(str(error))}"), begun_at
    return pieces.finish(), begun_at


async def read_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the data of each server-sent event; comments and other fields are skipped.

    Lines end as the format says and nowhere else: the other line separators of Unicode may stand inside an answer.

    Raises:
        ValueError: the stream is not UTF-8.
    """
    data: list[str] = []
    rest = b""
    async for chunk in chunks:
        *lines, rest = _LINE_END.split(rest + chunk)
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" ").decode())
            elif not line and data:
                yield "\n".join(data)
                data = []
    if rest.startswith(b"data:"):
        data.append(rest[5:].removeprefix(b" ").rstrip(b"\r").decode())
    if data:
        yield "\n".join(data)


@dataclass(slots=True)
class AnswerPieces:
    """Takes one event after another; `finish` reads the whole. `has_begun` once a piece of the answer has come."""

    has_begun: bool = False
    on_error: OnError = triage
    _body: dict[str, Json] = field(default_factory=dict[str, Json])
    _texts: list[str] = field(default_factory=list[str])
    _refusals: list[str] = field(default_factory=list[str])
    _reasonings: list[str] = field(default_factory=list[str])
    _logprobs: list[Json] = field(default_factory=list[Json])
    _calls: list[tuple[Json, dict[str, Json]]] = field(default_factory=list[tuple[Json, dict[str, Json]]])
    _finish_reason: Json = None
    _is_ended: bool = False
    _error: Prediction | None = None

    def add(self, event: str) -> str:
        """Take the data of one event; return the piece of text in it.

        Raises:
            ValueError: the event is not a chunk of a chat completion.
        """
        if event == "[DONE]":
            self._is_ended = True
            return ""
        chunk = as_object(read_json(event))
        if not chunk:
            raise ValueError("a chunk that is no JSON object")
        if (error := inner_error(chunk)) is not None:
            self._error = self._error or failed(self.on_error(*error))
            return ""
        self._body.update({name: chunk[name] for name in ("model", "system_fingerprint", "usage") if chunk.get(name)})
        choices = _list(chunk.get("choices"))
        return self._add_choice(as_object(choices[0])) if choices else ""

    def finish(self) -> Prediction:
        """Return the answer; a stream that stopped before its end is a transient failure."""
        if self._error is not None:
            return self._error
        if not self._is_ended and self._finish_reason is None:
            return malformed("a stream that broke off" if self._body or self._texts else "an empty stream")
        message: dict[str, Json] = {
            "content": "".join(self._texts),
            "refusal": "".join(self._refusals),
            "reasoning_content": "".join(self._reasonings),
            "tool_calls": [call for _, call in self._calls],
        }
        logprobs = {"content": self._logprobs} if self._logprobs else None
        choice = {"message": message, "finish_reason": self._finish_reason, "logprobs": logprobs}
        return read_completion({**self._body, "choices": [choice]}, self.on_error)

    def _add_choice(self, choice: dict[str, Json]) -> str:
        delta = as_object(choice.get("delta"))
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        self._logprobs.extend(_list(as_object(choice.get("logprobs")).get("content")))
        refusal, calls = _text(delta.get("refusal")), _list(delta.get("tool_calls"))
        reasoning = _text(delta.get("reasoning_content") or delta.get("reasoning"))
        piece = content_text(delta.get("content"))
        if piece is None:
            raise ValueError("a chunk whose content is neither text nor parts")
        for call in calls:
            self._add_call(as_object(call))
        self._texts.append(piece)
        self._refusals.append(refusal)
        self._reasonings.append(reasoning)
        self.has_begun = self.has_begun or bool(piece or reasoning or refusal or calls)
        return piece

    def _add_call(self, piece: dict[str, Json]) -> None:
        """Add a piece to the call it belongs to: the last one of its index, unless it brings an id of its own."""
        index, name = piece.get("index"), piece.get("id")
        known = [call for at, call in self._calls if index is None or at == index]
        if known and (not name or known[-1].get("id") in (None, name)):
            call = known[-1]
        else:
            call: dict[str, Json] = {}
            self._calls.append((index, call))
        for key, value in piece.items():
            if isinstance(value, dict):
                _add_texts(call.setdefault(key, {}), cast("dict[str, Json]", value))
            elif key != "index" and value:
                call[key] = value


def _add_texts(whole: dict[str, Json], pieces: dict[str, Json]) -> None:
    """Append each piece to the text it continues; a name that is told with every piece stays as it is."""
    for key, value in pieces.items():
        piece = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _text(value)
        if key != "name" or whole.get(key) != piece:
            whole[key] = f"{whole.get(key, '')}{piece}"


def _list(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
