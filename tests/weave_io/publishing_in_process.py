"""Publishing and reading the board inside the test's own process, over the embedded store."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.records import Json
from evalkit.store import RunFolder
from evalkit.weave_io.client import open_local_client

__all__ = ["board_values", "publish_here", "stored_objects"]

PROJECT = "local/tests"


def publish_here(folder: RunFolder, store: Path, **options: Any) -> dict[str, Json]:
    """Publish a whole run folder and return run.json's weave block."""
    with open_local_client(store, PROJECT) as client:
        from evalkit.weave_io.publish import RunPublisher

        async def publish() -> dict[str, Json]:
            ended = asyncio.Event()
            ended.set()
            return await RunPublisher(client, folder, folder.load(), lambda _: None, **options).publish(ended)

        return asyncio.run(publish())


def board_values(store: Path, block: Mapping[str, Json]) -> dict[tuple[str, str, str], list[Json]]:
    """Return what the SDK reads from the board: (model ref, scorer, path) to its values, one a run."""
    with open_local_client(store, block["project"]) as client:
        import weave
        from weave.flow.leaderboard import get_leaderboard_results

        board = weave.ref(block["leaderboard"]).get()
        return {
            (row.model_ref, column.scorer_name, column.summary_metric_path): [score.value for score in found.scores]
            for row in get_leaderboard_results(board, client)
            for column, found in zip(board.columns, row.column_scores, strict=True)
        }


def stored_objects(store: Path) -> dict[str, int]:
    """Return how many versions each object has."""
    with open_local_client(store, PROJECT) as client:
        found = client.server.objs_query({"project_id": client.project_id, "filter": {"is_op": False}}).objs
    counts: dict[str, int] = {}
    for item in found:
        counts[item.object_id] = counts.get(item.object_id, 0) + 1
    return counts
