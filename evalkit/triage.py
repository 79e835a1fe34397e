"""What an endpoint's error means for the run: status, body and headers to a Failure."""

import datetime as dt
import email.utils
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from evalkit.rate_limits import hold_s
from evalkit.records import Failure, FailureKind, Json, Prediction, PredictionOutcome

__all__ = ["MAX_MESSAGE_CHARS", "clean_message", "failed", "retry_after_s", "server_words", "triage"]

MAX_MESSAGE_CHARS = 500
"""Longest message kept of a server's words."""

_OUTCOMES = {
    FailureKind.REJECTED: PredictionOutcome.REJECTED,
    FailureKind.TOO_LONG: PredictionOutcome.TOO_LONG,
    FailureKind.FILTERED: PredictionOutcome.FILTERED,
    FailureKind.REFUSED: PredictionOutcome.REFUSED,
    FailureKind.NOT_RUN: PredictionOutcome.NOT_RUN,
}

_SECRET = re.compile(
    r"(?i:bearer\s+)\S+"  # a header echoed back
    r"|\b(?:sk|pk|rk|key|gsk|hf|xai)[-_][\w*.\-]{8,}"  # keys with a vendor's prefix, masked ones too
    r"|\b[0-9a-fA-F]{32,}\b"  # W&B keys and digests of keys
)

_ADVICE = {
    "key": "check the API key, and that the team and project exist and the key belongs to them",
    "region": "the endpoint serves only some countries: "
    "https://docs.coreweave.com/docs/policies/terms-of-service/terms-of-use#geographic-restrictions",
    "model": "the endpoint lists what it serves under /models",
    "redirect": "put the address that it redirects to in base_url",
    "personal": "create a team and name it in weave.project as team/project",
}

_SERVER = frozenset(range(500, 600))


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of the table: statuses, words that the message or its codes must hold, and what they mean."""

    statuses: frozenset[int] | set[int]
    words: re.Pattern[str]
    kind: FailureKind
    advice: str = ""


def _words(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts))


_ANY = re.compile("")
_TOO_LONG = _words(
    "exceed_context_size|context_length_exceeded|contextwindowexceeded|maximum context length|max_model_len",
    r"exceeds? (?:the )?(?:available |model'?s? )?(?:maximum )?context|context window|prompt_too_long",
    r"(?:prompt|input|string) (?:is )?(?:too (?:long|large)|exceeds max length)|string_above_max|context shift is",
    r"too many (?:input |prompt )?tokens|max(?:imum)? (?:model|prompt|input) length|model'?s context length",
    r"request_too_large|than the context length|context length of only|inputs?` (?:tokens|must have less than)",
    r"expected maxlength|(?:token count|prompt length).{0,60}(?:exceed|max_num_tokens)|default_max_tokens",
)
_FILTERED = _words(
    "content_filter|content_policy_violation|responsibleaipolicyviolation|content management policy|content policy",
    "flagged by (?:our )?moderation|input was flagged|requires moderation|safety system",
)
_UNKNOWN_MODEL = _words(
    "model_not_found|invalid model name|invalid model id|unknown model|no such model",
    r"\bmodel\b.{0,120}?(?:does not exist|not exist|not found)",
)
_BAD_KEY = _words(
    "authentication_error|invalid_api_key|incorrect api key|invalid api key|no_db_connection|no connected db"
)
_QUOTA = _words(
    "insufficient_quota|quota_exceeded|exceeded your current quota|billing|spending (?:cap|limit)|out of credits",
    "insufficient (?:credits?|balance|funds)|credits? (?:exhausted|balance)",
)
_PER_TIME = _words(r"per[ _-](?:sec(?:ond)?|min(?:ute)?|hour)\b|\b[rt]p[ms]\b|retry in \d")
_PER_DAY = _words(r"per[ _-](?:day|month)\b|\b[rt]pd\b")
_CONCURRENCY = _words("concurren")
_LARGER_THAN_A_MINUTE = _words(r"request too large for \S+.{0,120}tokens per min")
_PERMANENT = _words(
    "not_supported_error|not[ _]implemented|unsupported|(?:is|are) not supported|does(?: not|n't) support"
)

_RULES = (
    _Rule(frozenset(range(300, 400)), _ANY, FailureKind.ACCESS, "redirect"),
    _Rule({403, 429}, _words("personal (?:account|entit)"), FailureKind.ACCESS, "personal"),
    _Rule({413, 429}, _LARGER_THAN_A_MINUTE, FailureKind.TOO_LONG),
    _Rule({429}, _PER_TIME, FailureKind.RATE),
    _Rule({429}, _PER_DAY, FailureKind.QUOTA),
    _Rule({429}, _QUOTA, FailureKind.QUOTA),
    _Rule({429}, _ANY, FailureKind.THROTTLE),
    _Rule({402}, _ANY, FailureKind.QUOTA),
    _Rule({501}, _ANY, FailureKind.REJECTED),
    _Rule({503, 529}, _ANY, FailureKind.OVERLOADED),
    _Rule(_SERVER, _words("overloaded"), FailureKind.OVERLOADED),
    _Rule({400, 403, 422, 451}, _FILTERED, FailureKind.FILTERED),
    _Rule({400, 413, 422} | _SERVER, _TOO_LONG, FailureKind.TOO_LONG),
    _Rule(_SERVER, _PERMANENT, FailureKind.REJECTED),
    _Rule(_SERVER, _ANY, FailureKind.TRANSIENT),
    _Rule({401, 403}, _words("country|region|territory|geographic"), FailureKind.ACCESS, "region"),
    _Rule({401, 403, 407}, _ANY, FailureKind.ACCESS, "key"),
    _Rule({404}, _words(r"\bmodel", "model_not_found"), FailureKind.UNKNOWN_MODEL, "model"),
    _Rule({400, 422}, _UNKNOWN_MODEL, FailureKind.UNKNOWN_MODEL, "model"),
    _Rule({400}, _BAD_KEY, FailureKind.ACCESS, "key"),
    _Rule({408, 409, 425, 499}, _ANY, FailureKind.TRANSIENT),
)
"""The first rule that holds decides."""
_REJECTED = _Rule(set(), _ANY, FailureKind.REJECTED)
_SPENT = _Rule({429}, _ANY, FailureKind.RATE)
"""A refusal whose headers say that the calls or tokens of a span of time are used up."""


def triage(
    status: int,
    body: Json,
    headers: Mapping[str, str] | None = None,
    *,
    now: float | None = None,
    secrets: Sequence[str] = (),
) -> Failure:
    """Return what a reply with an error status means.

    `body` is decoded JSON, text or None; `headers` have lower-case names; `now` is Unix time, for a Retry-After date
    in a reply that has no Date. `secrets` are taken out of the message wherever they stand.
    """
    words = clean_message(server_words(body), secrets) or f"HTTP {status} without a message"
    text = f"{words} {_codes(body)}".lower()
    rule = next((rule for rule in _RULES if status in rule.statuses and rule.words.search(text)), _REJECTED)
    if rule.kind is FailureKind.THROTTLE and not _CONCURRENCY.search(text) and hold_s(headers or {}, now) is not None:
        rule = _SPENT
    message = f"{words} ({_ADVICE[rule.advice]})" if rule.advice else words
    return Failure(rule.kind, _shorten(message), status, retry_after_s(headers or {}, now))


def failed(failure: Failure, text: str = "") -> Prediction:
    """Return the prediction of a call that ended in `failure`."""
    return Prediction(_OUTCOMES.get(failure.kind, PredictionOutcome.INFRA_ERROR), text=text, failure=failure)


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how many seconds the server asks us to wait: retry-after-ms, Retry-After in seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    until = _unix_time(headers.get("retry-after", ""))
    since = _unix_time(headers.get("date", ""))
    if until is None or (since is None and now is None):
        return None
    return max(0.0, until - (since if since is not None else now or 0.0))


def server_words(body: Json) -> str:
    """Return the message inside an error body of any of the shapes that servers use."""
    if isinstance(body, str):
        title = re.search(r"<title>(.*?)</title>", body, re.IGNORECASE | re.DOTALL)
        return title.group(1) if title else re.sub(r"<[^>]{0,500}>", " ", body)
    if isinstance(body, list):
        return "; ".join(words for item in cast("list[Json]", body)[:5] if (words := server_words(item)))
    found = _object(body)
    for name in ("error", "message", "detail", "errors", "msg", "error_description", "title"):
        if found.get(name) and (words := server_words(found[name])):
            return words
    return ""


def clean_message(text: str, secrets: Sequence[str] = ()) -> str:
    """Return `text` on one line: secrets hidden, control and invisible characters gone, at most 500 characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[hidden]")
    plain = "".join(" " if char.isspace() else char for char in text[: 20 * MAX_MESSAGE_CHARS] if _is_visible(char))
    return _shorten(_SECRET.sub("[hidden]", " ".join(plain.split())))


def _codes(body: Json) -> str:
    outer = _object(cast("list[Json]", body)[0] if isinstance(body, list) and body else body)
    error = _object(outer.get("error")) or outer
    return " ".join(str(error[name]) for name in ("type", "code", "status") if isinstance(error.get(name), str | int))


def _object(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _unix_time(http_date: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _is_visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 1] + "…"
