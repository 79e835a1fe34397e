"""Reads a published board back with the SDK alone, in a process of its own."""

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.command import environment

_SCRIPT = """
import json, sys
from pathlib import Path
from evalkit.weave_io.client import open_local_client
store, project, leaderboard, calls = json.loads(sys.argv[1])
with open_local_client(Path(store), project) as client:
    import weave
    from weave.flow.leaderboard import get_leaderboard_results
    from weave.trace.refs import ObjectRef
    cells = []
    if leaderboard:
        spec = weave.ref(leaderboard).get()
        for result in get_leaderboard_results(spec, client):
            ref = result.model_ref
            name = client.get(ObjectRef.parse_uri(ref) if isinstance(ref, str) else ref).name
            for column, scores in zip(spec.columns, result.column_scores):
                cells.append([name, column.scorer_name, column.summary_metric_path, [s.value for s in scores.scores]])
    summaries = {key: client.get_call(call).output for key, call in calls.items()}
    found = client.server.objs_query({"project_id": client.project_id, "filter": {"is_op": False}}).objs
    versions = {}
    for obj in (each for each in found if each.object_id != "EvaluationResults"):
        versions[obj.object_id] = versions.get(obj.object_id, 0) + 1
    traces = {}
    for call in client.get_calls(filter={"trace_roots_only": True}):
        name = f"{call.op_name.rpartition('/')[2].partition(':')[0]} {'ended' if call.ended_at else 'open'}"
        traces[name] = traces.get(name, 0) + 1
    board = {"cells": cells, "summaries": summaries, "versions": versions, "traces": traces}
    print("BOARD" + json.dumps(board, default=lambda o: dict(o)))
"""


@dataclass(frozen=True)
class BoardCell:
    """One value on the board."""

    model: str
    scorer: str
    path: str
    values: list[Any]

    @property
    def value(self) -> Any:
        """The one value of this cell; several would be an error of publication."""
        assert len(self.values) == 1, self
        return self.values[0]


def read_board(cwd: Path, run: dict[str, Any], store: Path | None = None) -> list[BoardCell]:
    """Return every cell of the run's leaderboard as the SDK reads it."""
    return [BoardCell(*cell) for cell in _read(cwd, run, store)["cells"]]


def read_summary(cwd: Path, run: dict[str, Any], cell: str, store: Path | None = None) -> dict[str, Any]:
    """Return the output of a cell's evaluate call."""
    return _read(cwd, run, store)["summaries"][cell]


def read_versions(cwd: Path, run: dict[str, Any]) -> dict[str, int]:
    """Return how many versions each object of the project has, but for the results that the SDK keeps of every run."""
    return _read(cwd, run, None)["versions"]


def read_whole(cwd: Path, run: dict[str, Any], store: Path) -> dict[str, Any]:
    """Return the board's cells, the summaries, every object's versions and how many traces each operation has."""
    return _read(cwd, run, store)


def _read(cwd: Path, run: dict[str, Any], store: Path | None) -> dict[str, Any]:
    weave = run["weave"]
    path = store or Path(environment()["EVALKIT_HOME"]) / "weave.sqlite"
    argument = json.dumps([str(path), weave["project"], weave["leaderboard"], weave["calls"]])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SCRIPT), argument],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("BOARD", 1)[1])
