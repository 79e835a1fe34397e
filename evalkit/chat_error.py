"""The error that a 200 carries instead of an answer, as gateways send when their upstream failed, and its status."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from evalkit.records import Json
from evalkit.triage import server_words

__all__ = ["inner_error"]

_STATUS = re.compile("[45][0-9][0-9]")
_UNNAMED_STATUS = 500
_NUMBERS = ("code", "status", "status_code", "http_status", "statusCode")
_CODES = ("type", "code", "status")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _words(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts))


_BY_CODE = (
    (429, _words("rate_?limit", "too_many_requests", "resource_exhausted", "throttl", "quota", "billing", "credits")),
    (503, _words("overloaded", "unavailable", "capacity")),
    (504, _words("time_?out", "timed_out", "deadline_exceeded")),
    (401, _words("authentication", "unauthorized", "unauthenticated", "api_key")),
    (403, _words("permission", "forbidden", "access_denied")),
    (404, _words("not_found")),
    (400, _words("context_length", "too_long", "content_filter", "content_policy", "moderation", "unsupported")),
    (400, _words("invalid_?(?:request|argument|parameter|value|prompt)", "bad_request", "validation", "unprocessable")),
)
"""What the codes of an error say of its status; the first that fits decides."""
_BY_MESSAGE = (
    (429, _words(r"\btoo many requests\b", r"\brate[ _-]?limit(?:ed)?\b")),
    (503, _words(r"\boverloaded\b")),
    (400, _words("content_filter|content_policy|content management policy|flagged by (?:our )?moderation")),
)
"""What its message says, where the codes say nothing."""


def inner_error(body: Json) -> tuple[int, Json] | None:
    """Return the status that an error in a reply with status 200 should have come with, and the body it is in.

    The error stands in `error`, in the first choice, or is the body itself. The status is its number, or what its
    codes or words say, else 500. None where there is no error.
    """
    outer = _object(body)
    error = outer.get("error")
    if not error and outer.get("object") == "error":
        error = outer
    if not error:
        choices = outer.get("choices")
        first = _object(cast("list[Json]", choices)[0]) if isinstance(choices, list) and choices else {}
        outer, error = first, first.get("error")
    if not error:
        return None
    return _status(_object(error), outer, error), {"error": error}


def _status(error: Mapping[str, Json], outer: Mapping[str, Json], said: Json) -> int:
    for named in (error, outer):
        for number in (str(named.get(name)) for name in _NUMBERS):
            if _STATUS.fullmatch(number):
                return int(number)
    codes = " ".join(_codes(error)) or " ".join(_codes(outer))
    known = [status for status, words in _BY_CODE if words.search(codes)]
    message = server_words(said).lower()
    known += [status for status, words in _BY_MESSAGE if words.search(message)]
    return known[0] if known else _UNNAMED_STATUS


def _codes(found: Mapping[str, Json]) -> Iterator[str]:
    for name in _CODES:
        if isinstance(code := found.get(name), str):
            yield _HUMP.sub("_", code).lower()


def _object(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}
