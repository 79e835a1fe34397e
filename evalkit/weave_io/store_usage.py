"""Token usage of calls, rolled up over their descendants."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from evalkit.weave_io.store_database import StoreDatabase

__all__ = ["UsageReader"]

_COUNTS = (
    "requests", "prompt_tokens", "completion_tokens", "total_tokens", "cache_creation_input_tokens",
    "cache_read_input_tokens",
)  # fmt: skip
_SAME = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}

_FAMILY = (
    "WITH RECURSIVE family (id) AS (VALUES (?) UNION SELECT calls.id FROM calls JOIN family"
    " ON calls.parent_id = family.id WHERE calls.project_id = ?)"
    " SELECT id, parent_id, ended_at, json_extract(summary, '$.usage') FROM calls"
    " WHERE project_id = ? AND deleted_at IS NULL AND started_at IS NOT NULL AND id IN (SELECT id FROM family)"
)

Usage = dict[str, dict[str, int]]


class UsageReader:
    """Adds up usage from where it was measured: the deepest calls that carry it."""

    def __init__(self, database: StoreDatabase) -> None:
        """Read from `database`."""
        self._database = database

    def of_calls(self, project_id: str, call_ids: Iterable[str]) -> dict[str, Any]:
        """Return each call's usage by model, its descendants' included, and which of the calls are unfinished."""
        usage: dict[str, Usage] = {}
        unfinished: list[str] = []
        with self._database.reading() as connection:
            for call_id in call_ids:
                rows = connection.execute(_FAMILY, (call_id, project_id, project_id)).fetchall()
                usage[call_id] = _rolled_up(rows, call_id)
                unfinished += [row[0] for row in rows if row[2] is None]
        return {"call_usage": usage, "unfinished_call_ids": sorted(set(unfinished))}


def _rolled_up(rows: Iterable[sqlite3.Row | tuple[Any, ...]], root: str) -> Usage:
    own: dict[str, Mapping[str, Any]] = {}
    children: dict[str, list[str]] = {}
    for call_id, parent_id, _, usage in rows:
        own[call_id] = json.loads(usage) if usage else {}
        children.setdefault(parent_id, []).append(call_id)
    totals: Usage = {}
    waiting = [root]
    while waiting:
        call_id = waiting.pop()
        below = children.get(call_id, [])
        # A finished parent repeats its children's usage: count theirs, or its own when none of them has any.
        if below and any(_has_usage(child, own, children) for child in below):
            waiting += below
        else:
            _add(totals, own.get(call_id, {}))
    return totals


def _has_usage(call_id: str, own: Mapping[str, Any], children: Mapping[str, list[str]]) -> bool:
    waiting = [call_id]
    while waiting:
        current = waiting.pop()
        if own.get(current):
            return True
        waiting += children.get(current, [])
    return False


def _add(totals: Usage, usage: Mapping[str, Any]) -> None:
    for model, counts in usage.items():
        line = totals.setdefault(model, dict.fromkeys(_COUNTS, 0))
        for name, count in counts.items():
            known = _SAME.get(name, name)
            if known in line and isinstance(count, int):
                line[known] += count
