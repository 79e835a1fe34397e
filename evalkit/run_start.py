"""A run before its first call: run.json as it is then, with what an earlier try of it left."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime

from evalkit.dataset import Dataset
from evalkit.environment import describe_git, describe_machine, describe_versions
from evalkit.plan import Plan
from evalkit.records import Json
from evalkit.rescore import HIDDEN
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["WeaveTarget", "begin_run"]


@dataclass(frozen=True, slots=True)
class WeaveTarget:
    """Where a run is published: a backend of the config with `auto` resolved, and its project."""

    backend: str
    project: str


def begin_run(plan: Plan, folder: RunFolder, weave: WeaveTarget, parent_run: str | None) -> tuple[RunResult, bool]:
    """Write run.json as it is before the first call, and tell whether an earlier try had begun: its start is kept.

    Raises:
        StoreError: what the folder holds cannot be read, or the disk refuses.
    """
    continued = folder.run_json.is_file()
    before = folder.load() if continued else None
    config = plan.config
    target = {**dataclasses.asdict(weave), "traces": config.weave.traces, "verify": config.weave.verify}
    run = RunResult(
        run_id=folder.path.name,
        name=config.name,
        status="incomplete",
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds") if before is None else before.started_at,
        ended_at=None,
        plan_digest=plan.digest,
        profile=plan.profile,
        parent_run=parent_run if before is None else before.parent_run,
        primary=plan.primary,
        versions=describe_versions(),
        git=describe_git(plan.base_dir),
        environment=describe_machine(),
        seed=config.run.seed,
        datasets={name: _describe_dataset(dataset) for name, dataset in plan.datasets.items()},
        cells=(),
        config=_without_headers(config.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
        plan={**plan.describe(), "weave": target},
        calls={} if before is None else before.calls,
        throttle={} if before is None else before.throttle,
    )
    folder.save(run)
    return run, continued


def _without_headers(config: dict[str, Json]) -> dict[str, Json]:
    """Return the config without the values of headers, which may be keys of a gateway."""
    for provider in config.get("providers", {}).values():
        if "headers" in provider:
            provider["headers"] = dict.fromkeys(provider["headers"], HIDDEN)
    return config


def _describe_dataset(dataset: Dataset) -> dict[str, Json]:
    pinned = {"provenance": dict(dataset.provenance)} if dataset.provenance else {}
    return {"rows": len(dataset.samples), "digest": dataset.digest, **pinned}
