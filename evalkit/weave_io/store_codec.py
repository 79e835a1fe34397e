"""Values to and from the store's columns: JSON as text, times as microseconds since the epoch."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

__all__ = ["decode_json", "encode_json", "from_micros", "now_micros", "storable_text", "to_micros"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode_json(value: Any) -> str:
    """Return the JSON text of `value`; NaN and infinities become null, as they do over HTTP."""
    try:
        return to_json(value, inf_nan_mode="null").decode()
    except (PydanticSerializationError, UnicodeError):
        # Half of a surrogate pair, which models do produce, has no UTF-8; escaped it survives.
        return json.dumps(_finite(value), default=str)


def decode_json(text: str | None) -> Any:
    """Return the value of a JSON text, None for no text."""
    return None if text is None else json.loads(text)


def to_micros(value: datetime | str | float | None) -> int | None:
    """Return a time as microseconds since the epoch; a number counts seconds, a time without zone is UTC."""
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return round(value * 1_000_000)
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int | None) -> str | None:
    """Return the ISO text, in UTC, of microseconds since the epoch."""
    return None if micros is None else (_EPOCH + micros * _MICROSECOND).isoformat()


def now_micros() -> int:
    """Return the present as microseconds since the epoch."""
    return (datetime.now(UTC) - _EPOCH) // _MICROSECOND


def storable_text(text: str | None) -> str | None:
    """Return `text` with what UTF-8 cannot hold replaced."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  any JSON
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]  # pyright: ignore[reportUnknownVariableType]  any JSON
    return value
