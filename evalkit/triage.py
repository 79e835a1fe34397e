"""What an endpoint's error means for the run: status, body and headers to a Failure."""

import datetime
import email.utils
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

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
    "model": "`evalkit models` lists what the endpoint serves",
    "personal": "create a team and name it in weave.project as team/project",
}

_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|contextwindowexceeded|maximum context length|max_model_len"
    r"|exceeds? the (?:available |model'?s? )?(?:maximum )?context|context window|prompt (?:is )?too long|prompt_too_long"
    r"|input (?:is )?too long|too many (?:input |prompt )?tokens"
)
_FILTERED = re.compile(
    r"content_filter|content_policy_violation|responsibleaipolicyviolation|content management policy|content policy"
    r"|flagged by (?:our )?moderation|input was flagged|requires moderation|safety system"
)
_UNKNOWN_MODEL = re.compile(
    r"model_not_found|invalid model name|invalid model id|unknown model|no such model"
    r"|model\b.{0,200}?(?:does not exist|not exist|not found|is not available|is not supported|not served)"
)
_BAD_KEY = re.compile(r"authentication_error|invalid_api_key|incorrect api key|invalid api key|no_db_connection|no connected db")
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|spending (?:cap|limit)|insufficient (?:credits?|balance|funds)"
    r"|out of credits|credits? (?:exhausted|balance)|quota_exceeded"
)
_PER_TIME = re.compile(r"per[ _-](?:second|minute|hour|day)|\b[rt]p[ms]\b|retry in \d")
_PERMANENT = re.compile(
    r"not_supported_error|not[ _]implemented|unsupported|(?:is|are) not supported|not support(?:ed)? |does(?: not|n't) support"
)


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
    kind, advice = _judge(status, f"{words} {_codes(body)}".lower())
    message = f"{words} ({_ADVICE[advice]})" if advice else words
    return Failure(kind, _shorten(message), status, retry_after_s(headers or {}, now))


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
        return "; ".join(words for item in body[:5] if (words := server_words(item)))
    if not isinstance(body, dict):
        return ""
    for name in ("error", "message", "detail", "errors", "msg", "error_description", "title"):
        if body.get(name) and (words := server_words(body[name])):
            return words
    return ""


def clean_message(text: str, secrets: Sequence[str] = ()) -> str:
    """Return `text` on one line: secrets hidden, control and invisible characters gone, at most 500 characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[hidden]")
    plain = "".join(" " if char.isspace() else char for char in text[: 20 * MAX_MESSAGE_CHARS] if _is_visible(char))
    return _shorten(_SECRET.sub("[hidden]", " ".join(plain.split())))


def _judge(status: int, text: str) -> tuple[FailureKind, str]:
    """Return the kind, and which advice goes with it; `text` is lower-case message, type and code."""
    if status == 429:
        return _judge_refusal(text)
    if status >= 500:
        return _judge_server_error(status, text), ""
    if status in {400, 403, 413, 422, 451} and _FILTERED.search(text):
        return FailureKind.FILTERED, ""
    if status in {400, 413, 422} and _TOO_LONG.search(text):
        return FailureKind.TOO_LONG, ""
    if status == 402:
        return FailureKind.QUOTA, ""
    if status in {401, 403, 407}:
        return FailureKind.ACCESS, _access_advice(text)
    if status in {400, 404, 422} and _UNKNOWN_MODEL.search(text):
        return FailureKind.ACCESS, "model"
    if status == 400 and _BAD_KEY.search(text):
        return FailureKind.ACCESS, "key"
    if status in {408, 409, 425, 499}:
        return FailureKind.TRANSIENT, ""
    return FailureKind.REJECTED, ""


def _judge_refusal(text: str) -> tuple[FailureKind, str]:
    if "personal account" in text or "personal entit" in text:
        return FailureKind.ACCESS, "personal"
    if _QUOTA.search(text) and not _PER_TIME.search(text):
        return FailureKind.QUOTA, ""
    return FailureKind.THROTTLE, ""


def _judge_server_error(status: int, text: str) -> FailureKind:
    if status == 501:
        return FailureKind.REJECTED
    if status in {503, 529} or "overloaded" in text:
        return FailureKind.OVERLOADED
    if _TOO_LONG.search(text):
        return FailureKind.TOO_LONG
    return FailureKind.REJECTED if _PERMANENT.search(text) else FailureKind.TRANSIENT


def _access_advice(text: str) -> str:
    if "personal account" in text:
        return "personal"
    if re.search(r"country|region|territory|geographic", text):
        return "region"
    return "model" if _UNKNOWN_MODEL.search(text) else "key"


def _codes(body: Json) -> str:
    error = body[0] if isinstance(body, list) and body else body
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    if not isinstance(error, dict):
        return ""
    return " ".join(str(error[name]) for name in ("type", "code", "status") if isinstance(error.get(name), str | int))


def _unix_time(http_date: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _is_visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 1] + "…"
