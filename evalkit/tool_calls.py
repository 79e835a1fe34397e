"""Tool calls as a text that scorers can read: one JSON list, the same for every server and way of asking."""

import json
from typing import cast

from evalkit.records import Json

__all__ = ["calls_text"]


def calls_text(tool_calls: Json) -> str:
    """Return calls as compact JSON, `[{"name": ..., "arguments": {...}}]`; "" where there are none.

    Arguments are decoded; those that are no JSON stay the text that the model wrote. Ids and types are left out.
    """
    if not tool_calls:
        return ""
    calls = cast("list[Json]", tool_calls if isinstance(tool_calls, list) else [tool_calls])
    return json.dumps([_call(call) for call in calls], ensure_ascii=False, separators=(",", ":"), default=dict)


def _call(call: Json) -> Json:
    parts = _object(call)
    if custom := _object(parts.get("custom")):
        return custom
    if function := _object(parts.get("function")):
        return {"name": function.get("name"), "arguments": _decoded(function.get("arguments"))}
    return call


def _object(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _decoded(arguments: Json) -> Json:
    if arguments is None or arguments == "":
        return {}
    try:
        return json.loads(arguments, parse_constant=lambda _: None) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments
