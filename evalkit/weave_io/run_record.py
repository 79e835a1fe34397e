"""The record of a published run: one call, put down when everything else is there, that says what its rows mean."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from weave.trace.weave_client import WeaveClient

from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.stored_items import measure_of, reasoning_of
from evalkit.weave_io.publication import Publication
from evalkit.weave_io.run_calls import ATTRIBUTES, attribute_query, attributes_of, delete_calls, op_filter
from evalkit.weave_io.summaries import valid_text

__all__ = ["RECORD_OP", "describe_run", "find_records", "publish_record"]

RECORD_OP = "evalkit.run"
"""The op under which a run's record stands in Weave."""

_FORMAT = 1


def publish_record(client: WeaveClient, publication: Publication, run: RunResult, block: Mapping[str, Json]) -> None:
    """Put down what a run that is published whole came to; an equal record stays as it is.

    `run` is the run as it ended, `block` its weave block.
    """
    content = valid_text(describe_run(publication, run, block))
    earlier = list(find_records(client, run_id=run.run_id))
    equal = [call_id for call_id, found in earlier if found == content]
    delete_calls(client, (call_id for call_id, _ in earlier if call_id not in equal[:1]))
    if equal:
        return
    label = {"run_id": run.run_id, "name": run.name, "plan_digest": run.plan_digest}
    sdk: Json = client  # its own types are partial
    call = sdk.create_call(
        RECORD_OP, label, attributes={ATTRIBUTES: label}, started_at=datetime.fromisoformat(run.started_at)
    )
    ended = None if run.ended_at is None else datetime.fromisoformat(run.ended_at)
    sdk.finish_call(call, content, ended_at=ended)


def find_records(
    client: WeaveClient, *, name: str | None = None, run_id: str | None = None
) -> Iterator[tuple[str, Json]]:
    """Yield the id and the content of each record, newest first: of runs of that name, or of that run, or of all."""
    wanted = {key: value for key, value in (("name", name), ("run_id", run_id)) if value is not None}
    request: Json = {
        "project_id": client.project_id,
        "filter": op_filter(client, RECORD_OP),
        "query": attribute_query(**wanted) if wanted else None,
        "sort_by": [{"field": "started_at", "direction": "desc"}],
        "columns": ["id", "attributes", "output", "started_at"],
    }
    for row in client.server.calls_query_stream(request):
        found: Json = row.output or {}
        label = attributes_of(row)
        if found.get("format") == _FORMAT and all(label.get(key) == value for key, value in wanted.items()):
            yield row.id, dict(found)


def describe_run(publication: Publication, run: RunResult, block: Mapping[str, Json]) -> dict[str, Json]:
    """Return a record's content: the run, and of each cell its evaluate call and what makes scores of its rows."""
    return {
        "format": _FORMAT,
        "run_id": run.run_id,
        "name": run.name,
        "started_at": run.started_at,
        "plan_digest": run.plan_digest,
        "versions": dict(run.versions),
        "git": None if run.git is None else dict(run.git),
        "leaderboard": block["leaderboard"],
        "cells": list(_cells(publication, run, block)),
    }


def _cells(publication: Publication, run: RunResult, block: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    plans: Mapping[str, Mapping[str, Json]] = {cell["key"]: cell for cell in run.plan["cells"]}
    for cell in run.cells:
        plan, reasoning = plans[cell.key], reasoning_of(run, cell.model)
        scorers: Mapping[str, Mapping[str, Json]] = {name: run.plan["scorers"][name] for name in plan["scorers"]}
        yield {
            "evaluation": cell.evaluation,
            "model": cell.model,
            "call": block["calls"][cell.key],
            "samples": cell.samples,
            "rows": block["rows"][cell.evaluation],
            "trials": plan["trials"],
            "reduce": plan["reduce"],
            "on_error": plan["on_error"],
            "treatment": dict(cell.treatment),
            "metrics": [
                {
                    "scorer": name,
                    "published": publication.names.scorers[name],
                    "kind": about["kind"],
                    "higher_is_better": about["higher_is_better"],
                    "confidence": cell.metrics[name].confidence,
                    "mean": cell.metrics[name].mean,
                    "measure": measure_of(about, cell.measure, reasoning=reasoning, on_error=plan["on_error"]),
                }
                for name, about in scorers.items()
            ],
        }
