"""How many tokens a call may take, guessed before it is sent and corrected by what servers count."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from evalkit.records import Json, Prediction, Request, Usage

__all__ = [
    "FIRST_ANSWER_TOKENS",
    "FIRST_BYTES_PER_TOKEN",
    "FIRST_IMAGE_TOKENS",
    "MESSAGE_TOKENS",
    "REQUEST_TOKENS",
    "TRUSTED_ANSWERS",
    "TokenEstimator",
    "Tokens",
    "billed_tokens",
    "count_tokens",
]

FIRST_BYTES_PER_TOKEN = 3.0
"""UTF-8 bytes of text taken for one token until a model's answers tell; English has about 4, code and Chinese 3."""

FIRST_IMAGE_TOKENS = 2_500
"""Tokens taken for one image until a model's answers tell: sixteen tiles and an overview, as vision models cut them."""

FIRST_ANSWER_TOKENS = 1_024
"""Tokens taken for an answer that has no limit, until `TRUSTED_ANSWERS` answers of the model have come."""

TRUSTED_ANSWERS = 10
"""Answers after which the longest of them stands for an answer without a limit."""

MESSAGE_TOKENS = 4
"""Tokens that a chat template adds to each message."""

REQUEST_TOKENS = 3
"""Tokens that a chat template adds to each request."""

_RATE_SHARE, _SPREAD_SHARE, _SPREADS = 1 / 8, 1 / 4, 2.0
_FIRST_ERROR_STATUS = 400
_LIMIT_KEYS = ("max_completion_tokens", "max_tokens")
_PROMPT_KEYS = ("tools", "functions", "response_format")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a prompt and of its answer."""

    prompt: int
    completion: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt + self.completion


def count_tokens(usage: Usage | None) -> tuple[int | None, int | None]:
    """Return the tokens that a call is billed for, prompt and answer, each None where the server did not say.

    Cached tokens are part of the prompt's, and reasoning part of the answer's, but for servers that count reasoning
    beside the answer: what their total holds beyond both is billed as answer.
    """
    if usage is None:
        return None, None
    prompt, completion, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if prompt is not None and completion is not None and total is not None:
        completion = max(completion, total - prompt)
    return prompt, completion


def billed_tokens(prediction: Prediction) -> tuple[int | None, int | None]:
    """Return the tokens that one request is billed for, prompt and answer, each None where nobody knows.

    A reply that says 400 or more is not billed, nor is a request that never reached the server.
    """
    failure = prediction.failure
    if failure is not None and (not failure.is_sent or (failure.status or 0) >= _FIRST_ERROR_STATUS):
        return 0, 0
    return count_tokens(prediction.usage)


@dataclass(slots=True)
class _Learned:
    """What one model's answers have told: tokens a byte and their spread, tokens of an image, the longest answer."""

    rate: float = 1 / FIRST_BYTES_PER_TOKEN
    spread: float = 0.0
    has_rate: bool = False
    image: float | None = None
    longest: int = 0
    answers: int = 0

    def note_rate(self, seen: float) -> None:
        """Follow the rate as TCP follows a round trip: a moving mean, and a moving spread for the margin."""
        if not self.has_rate:
            self.rate, self.spread, self.has_rate = seen, seen / 8, True
            return
        off = seen - self.rate
        self.rate += off * _RATE_SHARE
        self.spread += (abs(off) - self.spread) * _SPREAD_SHARE


@dataclass(frozen=True, slots=True)
class _Size:
    """What a request holds: bytes of text, parts that are no text, tokens that the chat template adds."""

    text: int
    media: int
    template: int


class TokenEstimator:
    """Guesses the tokens of a call from its size, by model; answers make the guesses better.

    A guess is meant to be a little too high: the moving mean of tokens a byte plus two spreads.
    """

    def __init__(self) -> None:
        self._models: dict[str, _Learned] = {}

    def estimate(self, request: Request) -> Tokens:
        """Return what a call may take: the prompt by its size, the answer by its limit, else by what has been seen."""
        known = self._models.get(request.model) or _Learned()
        size = _measure(request)
        per_image = FIRST_IMAGE_TOKENS if known.image is None else known.image
        text = size.text * (known.rate + _SPREADS * known.spread)
        prompt = size.template + _ceil(text + size.media * per_image)
        return Tokens(prompt, _answer_limit(request.params, known) * _choices(request.params))

    def learn(self, request: Request, usage: Usage | None) -> None:
        """Correct the model's guesses by what the server counted for this request."""
        prompt, completion = count_tokens(usage)
        known = self._models.setdefault(request.model, _Learned())
        if completion is not None:
            known.answers += 1
            known.longest = max(known.longest, -(-completion // _choices(request.params)))
        if not prompt or prompt < 0:
            return
        size = _measure(request)
        rest = max(0.0, prompt - size.template)
        if size.media:
            per_image = max(0.0, rest - size.text * known.rate) / size.media
            known.image = per_image if known.image is None else max(known.image, per_image)
        elif size.text:
            known.note_rate(rest / size.text)


def _measure(request: Request) -> _Size:
    text = media = 0
    for message in request.messages:
        content = message.content
        if isinstance(content, str):
            text += _bytes(content)
        elif isinstance(content, list):
            for part in cast("list[Json]", content):
                said: Json = cast("dict[str, Json]", part).get("text") if isinstance(part, dict) else part
                if isinstance(said, str):
                    text += _bytes(said)
                else:
                    media += 1
    extra: Mapping[str, Json] = request.params.get("extra_body") or {}
    for key in _PROMPT_KEYS:
        if (value := extra.get(key, request.params.get(key))) is not None:
            text += len(json.dumps(value, separators=(",", ":"), default=dict))
    return _Size(text, media, REQUEST_TOKENS + MESSAGE_TOKENS * len(request.messages))


def _answer_limit(params: Mapping[str, Json], known: _Learned) -> int:
    for key in _LIMIT_KEYS:
        if (limit := _positive(params, key)) is not None:
            return limit
    if known.answers >= TRUSTED_ANSWERS:
        return known.longest
    return max(FIRST_ANSWER_TOKENS, known.longest)


def _choices(params: Mapping[str, Json]) -> int:
    return _positive(params, "n") or 1


def _positive(params: Mapping[str, Json], key: str) -> int | None:
    """Return a positive whole number among the parameters, or in `extra_body`, which wins when it is sent."""
    extra: Mapping[str, Json] = params.get("extra_body") or {}
    value = extra.get(key, params.get(key))
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _ceil(number: float) -> int:
    whole = int(number)
    return whole if whole == number else whole + 1
