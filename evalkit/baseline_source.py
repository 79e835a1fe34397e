"""Which baseline is meant: a baseline file, a stored run, or the newest complete run before this one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.baseline import Baseline, read_baseline
from evalkit.errors import ConfigError, StoreError
from evalkit.folders import find_run, run_folders
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, SampleNames, read_items

__all__ = ["PREVIOUS", "Fetch", "HeldTo", "find_baseline", "has_previous"]

PREVIOUS = "previous"
"""Instead of a path: the newest complete run of the same name."""

Fetch = Callable[[str, str | None], Baseline]
"""Reads a baseline from Weave: its reference, and when the run to be held to it started, if it has."""

_IN_WEAVE = "weave:"


@dataclass(frozen=True, eq=False)
class HeldTo:
    """What a run is held to, where it comes from, and the samples that are `known` by it, for other runs to share."""

    items: Sequence[MetricItems] = field(repr=False)
    about: Mapping[str, Json]
    known: dict[str, SampleNames] = field(default_factory=dict[str, SampleNames], repr=False)


def find_baseline(
    reference: str, *, reports: Path, name: str, before: RunFolder | None, base_dir: Path, fetch: Fetch | None = None
) -> HeldTo:
    """Return the baseline that a reference means: a file (relative to `base_dir`), a run, `previous`, or one in Weave.

    `name` is the run's name and `before` its folder, where it has one already: previous is older than that, and so is
    what `fetch` finds in Weave.

    Raises:
        ConfigError: there is no such baseline, or it cannot be used.
        StoreError: the run's journal cannot be read.
    """
    if reference.startswith(_IN_WEAVE):
        return _fetched(reference, before, fetch)
    path = base_dir / reference
    if reference != PREVIOUS and (path.is_file() and path.name != "run.json"):
        found = read_baseline(path)
        return HeldTo(found.items(), {"kind": "file", "reference": str(path), **found.about()})
    if reference == PREVIOUS:
        folder, run = _previous(reports if before is None else before.path.parent.parent, name, before)
        kind = PREVIOUS
    else:
        folder, run = _run(reference, reports, path)
        kind = "run"
    about = {"kind": kind, "reference": str(folder.path), "name": run.name, "run_id": run.run_id}
    known: dict[str, SampleNames] = {}
    return HeldTo(read_items(folder, run, known=known), {**about, "started_at": run.started_at}, known)


def has_previous(reports: Path, name: str, before: RunFolder | None) -> bool:
    """Say whether `previous` means a run."""
    return _newest_before(reports if before is None else before.path.parent.parent, name, before) is not None


def _fetched(reference: str, before: RunFolder | None, fetch: Fetch | None) -> HeldTo:
    if fetch is None:
        raise ConfigError(f"baseline {reference}: this command reads no baseline from Weave; name a file or a run")
    found = fetch(reference, None if before is None else before.load().started_at)
    about = {"kind": "weave", "reference": reference, "name": found.name, "run_id": found.run_id}
    return HeldTo(found.items(), {**about, "started_at": found.started_at})


def _newest_before(reports: Path, name: str, before: RunFolder | None) -> tuple[RunFolder, RunResult] | None:
    for folder in run_folders(reports, name):
        if before is not None and folder.path.name >= before.path.name:
            continue
        run = folder.load()
        if run.status == "complete" and run.cells and not run.plan.get("shard"):
            return folder, run
    return None


def _previous(reports: Path, name: str, before: RunFolder | None) -> tuple[RunFolder, RunResult]:
    found = _newest_before(reports, name, before)
    if found is None:
        raise ConfigError(
            f"no baseline: no complete run of {name!r} below {reports}/ is older than this one; make one with "
            "`evalkit run CONFIG`, without --gate, or name another baseline"
        )
    return found


def _run(reference: str, reports: Path, path: Path) -> tuple[RunFolder, RunResult]:
    try:
        folder = find_run(reference, reports)
    except StoreError:
        raise ConfigError(
            f"no baseline {reference!r}: neither a file {path} nor a run below {reports}/; make one with "
            "`evalkit baseline set RUN --reason WHY`"
        ) from None
    run = folder.load()
    if run.status != "complete":
        raise ConfigError(f"{folder.path} is {run.status}, and no baseline; finish it, or name another")
    return folder, run
