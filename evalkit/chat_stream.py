"""The chunks of a streamed chat completion, collected into the completion that it would have been unstreamed."""

from dataclasses import dataclass, field
from typing import cast

from evalkit.chat_answer import as_object, content_text, malformed, read_completion, read_json
from evalkit.records import Json, Prediction

__all__ = ["AnswerPieces"]


@dataclass(slots=True)
class AnswerPieces:
    """Takes one event after another; `finish` reads the whole."""

    _body: dict[str, Json] = field(default_factory=dict[str, Json])
    _texts: list[str] = field(default_factory=list[str])
    _refusals: list[str] = field(default_factory=list[str])
    _reasonings: list[str] = field(default_factory=list[str])
    _logprobs: list[Json] = field(default_factory=list[Json])
    _calls: dict[int, dict[str, Json]] = field(default_factory=dict[int, dict[str, Json]])
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
        if chunk.get("error"):
            self._error = self._error or read_completion({"error": chunk["error"]})
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
            "tool_calls": [self._calls[index] for index in sorted(self._calls)],
        }
        logprobs = {"content": self._logprobs} if self._logprobs else None
        choice = {"message": message, "finish_reason": self._finish_reason, "logprobs": logprobs}
        return read_completion({**self._body, "choices": [choice]})

    def _add_choice(self, choice: dict[str, Json]) -> str:
        delta = as_object(choice.get("delta"))
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        self._logprobs.extend(_list(as_object(choice.get("logprobs")).get("content")))
        self._refusals.append(_text(delta.get("refusal")))
        self._reasonings.append(_text(delta.get("reasoning_content") or delta.get("reasoning")))
        for call in _list(delta.get("tool_calls")):
            self._add_call(as_object(call))
        piece = content_text(delta.get("content"))
        if piece is None:
            raise ValueError("a chunk whose content is neither text nor parts")
        self._texts.append(piece)
        return piece

    def _add_call(self, call: dict[str, Json]) -> None:
        index = call.get("index")
        whole = self._calls.setdefault(index if isinstance(index, int) else 0, {"function": {}})
        whole.update({name: call[name] for name in ("id", "type") if call.get(name)})
        function: dict[str, str] = whole["function"]
        for name, piece in as_object(call.get("function")).items():
            function[name] = function.get(name, "") + _text(piece)


def _list(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
