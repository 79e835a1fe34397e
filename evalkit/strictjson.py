"""JSON text to its value, refusing what JSON cannot say or says twice."""

import json
import math
from typing import NoReturn

from evalkit.records import Json

__all__ = ["JsonTextError", "parse_json"]


class JsonTextError(ValueError):
    """A text is not strict JSON; `line` (from 1) is where, None when only the whole is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def parse_json(text: str) -> Json:
    """Return the value of one JSON text.

    Raises:
        JsonTextError: it is not JSON, holds NaN or an infinity, or writes a key twice in one object.
    """
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise JsonTextError(f"not JSON: {error.msg} (column {error.colno})", error.lineno) from None
    except RecursionError:
        raise JsonTextError("nested too deeply to be read") from None
    except ValueError as error:
        raise JsonTextError(str(error)) from None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"not JSON: {word} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
