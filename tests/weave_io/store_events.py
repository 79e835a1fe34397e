"""Call events as the SDK sends them, for tests of the embedded store."""

from datetime import UTC, datetime, timedelta
from typing import Any

PROJECT = "team/project"
MORNING = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def op(name: str, digest: str = "abc", project: str = PROJECT) -> str:
    return f"weave:///{project}/op/{name}:{digest}"


def at(seconds: float) -> str:
    return (MORNING + timedelta(seconds=seconds)).isoformat()


def start(call_id: str, *, second: float = 0, **changes: Any) -> dict[str, Any]:
    return {
        "project_id": PROJECT,
        "id": call_id,
        "op_name": op("predict"),
        "display_name": None,
        "trace_id": "trace",
        "parent_id": None,
        "started_at": at(second),
        "attributes": {"weave": {"client_version": "0.54.0"}},
        "inputs": {},
        **changes,
    }


def end(call_id: str, *, second: float = 1, **changes: Any) -> dict[str, Any]:
    return {
        "project_id": PROJECT,
        "id": call_id,
        "ended_at": at(second),
        "exception": None,
        "output": "4",
        "summary": {"status_counts": {"success": 1, "error": 0}},
        **changes,
    }
