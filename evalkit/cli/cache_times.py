"""Times of cached answers for people, and spans of time from them."""

import re
from datetime import UTC, datetime

from evalkit.errors import ConfigError

__all__ = ["format_time", "parse_span"]

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def format_time(unix: float) -> str:
    """Return a Unix time to the minute, in UTC."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M} UTC"


def parse_span(text: str) -> float:
    """Return the seconds of a number of minutes, hours, days or weeks, such as 30d.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text.strip())
    if found is None:
        raise ConfigError(f"--older-than {text!r} is no span of time; write a number with m, h, d or w, such as 30d")
    return float(found[1]) * _SECONDS[found[2]]
