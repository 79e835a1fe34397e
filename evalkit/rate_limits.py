"""How long a server, by the rate-limit headers of any reply, takes no further call."""

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping

__all__ = ["hold_s"]

_PAIRS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
)
"""Headers with what is left of a span of time, and when the next span begins."""

_POLICY = re.compile(r'(?:^|[;,])\s*(?P<key>remaining|reset|r|t)\s*=\s*"?(?P<value>-?[\d.]+)')
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = r"(\d+(?:\.\d+)?)\s*(ms|us|µs|ns|d|h|m|s)"
_DURATION = re.compile(rf"(?:{_PART}\s*)+")
_EARLIEST_UNIX_S = 1e9
_EARLIEST_UNIX_MS = 1e12


def hold_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds until a span of which nothing is left is over; None where something is left or nobody says.

    `headers` have lower-case names. A reset may be a number of seconds, a duration like 6m0s, or a moment (Unix time
    or ISO 8601), which needs `now`, the Unix time. Of several spans the longest wait counts.
    """
    waits = [_seconds(reset, now) for left, reset in _spans(headers) if _is_used_up(left)]
    return max((wait for wait in waits if wait is not None), default=None)


def _spans(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is left of each span, and its reset."""
    for left, reset in _PAIRS:
        if left in headers and reset in headers:
            yield headers[left], headers[reset]
    for policy in re.split(r',\s*(?=")', headers.get("ratelimit", "")):
        said = {match["key"]: match["value"] for match in _POLICY.finditer(policy)}
        left, reset = said.get("remaining", said.get("r")), said.get("reset", said.get("t"))
        if left is not None and reset is not None:
            yield left, reset


def _is_used_up(left: str) -> bool:
    number = _number(left)
    return number is not None and number <= 0


def _seconds(reset: str, now: float | None) -> float | None:
    """Return how long it is until `reset`; None when it cannot be read."""
    text = reset.strip().lower()
    number = _number(text)
    if number is None:
        if _DURATION.fullmatch(text):
            return sum(float(count) * _UNITS[unit] for count, unit in re.findall(_PART, text))
        number = _moment(reset.strip())
        if number is None:
            return None
        return None if now is None else max(0.0, number - now)
    if number < _EARLIEST_UNIX_S:
        return max(0.0, number)
    unix = number / 1000 if number >= _EARLIEST_UNIX_MS else number
    return None if now is None else max(0.0, unix - now)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _moment(text: str) -> float | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
