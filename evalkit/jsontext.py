"""JSON inside other text: the last value written there, and a small path into it."""

import json
import re
from collections.abc import Mapping
from typing import NoReturn, cast

from evalkit.records import Json

__all__ = ["follow_path", "last_json", "parse_path", "whole_json"]

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(-?\d+)\]|\[\"([^\"]+)\"\]|\['([^']+)'\]")
_OPENING = {"{": re.compile(r"\{"), "[": re.compile(r"\["), "{[": re.compile(r"[{\[]")}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def last_json(text: str, opening: str = "{[") -> Json:
    """Return the last outermost JSON object or array written in `text`.

    `opening` limits what is looked for: "{" objects, "[" arrays, "{[" both.

    Raises:
        LookupError: there is none, or the last one is cut off by the end of the text or nested too deep to read.
    """
    found: list[Json] = []
    position = 0
    while (start := _OPENING[opening].search(text, position)) is not None:
        try:
            value, position = _DECODER.raw_decode(text, start.start())
            found = [value]
        except RecursionError:
            raise LookupError("a JSON value is nested too deep to be read") from None
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string") or not text[error.pos :].strip():
                raise LookupError("the last JSON value is cut off") from None
            position = start.end()
        except ValueError:
            position = start.end()
    if not found:
        raise LookupError("no JSON value in the text")
    return found[0]


def whole_json(text: str) -> Json:
    """Return the JSON value that `text` is.

    Raises:
        ValueError: it is none, or holds NaN or Infinity.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON value is nested too deep") from None


def parse_path(path: str) -> tuple[str | int, ...]:
    """Return the steps of a path such as `$.a.b[0]` or `$["a b"][-1]`.

    Raises:
        ValueError: it is not such a path.
    """
    steps: list[str | int] = []
    position = 1
    while path.startswith("$") and position < len(path) and (step := _STEP.match(path, position)):
        steps.append(int(step[2]) if step[2] else step[1] or step[3] or step[4])
        position = step.end()
    if not path.startswith("$") or position != len(path):
        raise ValueError(f"{path!r} is not a path like $.answer or $.items[0].name")
    return tuple(steps)


def follow_path(value: Json, steps: tuple[str | int, ...]) -> Json:
    """Return what lies at `steps` below `value`.

    Raises:
        LookupError: there is nothing there.
    """
    for step in steps:
        kind = dict if isinstance(step, str) else list
        inner: Mapping[str | int, Json] = cast("Mapping[str | int, Json]", value) if isinstance(value, kind) else {}
        value = inner[step]
    return value
