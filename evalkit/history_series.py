"""Metrics over runs, read from history: their series, and their scores for many nights at once."""

import fnmatch
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalkit.errors import StoreError
from evalkit.history_metrics import METRIC_COLUMNS, RUN_COLUMNS, metric_of, run_of
from evalkit.history_scores import SampleSet, unpack_bytes, unpack_samples
from evalkit.past_runs import PastMetric, PastRun, Series
from evalkit.records import Json

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SeriesScores", "matches", "read_metrics", "read_sample_sets", "read_score_rows", "read_series"]

_METRICS = ", ".join(f"m.{column.strip()}" for column in METRIC_COLUMNS.split(","))
_AT_ONCE = 400
"""How many values one statement takes; SQLite allows 999 in its older builds."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesScores:
    """One metric of one run, sample by sample, NaN where a sample is excluded.

    Nights with equal samples share `samples`, so `a.samples is b.samples` tells that they pair place by place.
    """

    run_id: str
    samples: SampleSet = field(repr=False)
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]" = field(repr=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """The samples' ids, in the order of `values`."""
        return self.samples.ids

    @property
    def digests(self) -> tuple[str, ...]:
        """The samples' contents, in the order of `values`."""
        return self.samples.digests


def read_series(
    db: sqlite3.Connection, name: str, *, metric: str | None, model: str | None, kind: str | None
) -> tuple[Series, ...]:
    """Return each metric and model of a name over its complete runs, in the order that the newest run lists them."""
    runs = {run.run_id: run for run in _complete_runs(db, name, kind)}
    settings = _Settings(db)
    found: list[Series] = []
    for evaluation, scorer, label in _columns(db, name):
        full = f"{evaluation}.{scorer}"
        if not (matches(full, metric) and matches(label, model)):
            continue
        rows = db.execute(
            f"SELECT {_METRICS} FROM metrics m WHERE m.evaluation = ? AND m.scorer = ? AND m.model = ?",  # noqa: S608  our own column names
            (evaluation, scorer, label),
        )
        by_run = {row[0]: row for row in rows if row[0] in runs}
        points = tuple(
            [metric_of(run, by_run[key], settings[by_run[key][16]]) for key, run in runs.items() if key in by_run]
        )
        if points:
            found.append(Series(name=name, metric=full, model=label, points=points))
    return tuple(found)


def read_metrics(db: sqlite3.Connection, runs: Iterable[PastRun]) -> dict[str, tuple[PastMetric, ...]]:
    """Return the metrics of runs by run id, each in its run's order."""
    known = {run.run_id: run for run in runs}
    settings = _Settings(db)
    found: dict[str, list[PastMetric]] = {run_id: [] for run_id in known}
    for part in _parts(list(known)):
        query = f"SELECT {_METRICS} FROM metrics m WHERE m.run_id IN ({_marks(part)}) ORDER BY m.run_id, m.place"  # noqa: S608  our own column names
        for row in db.execute(query, part):
            found[row[0]].append(metric_of(known[row[0]], row, settings[row[16]]))
    return {run_id: tuple(metrics) for run_id, metrics in found.items()}


def read_score_rows(db: sqlite3.Connection, points: Sequence[PastMetric]) -> list[SeriesScores]:
    """Return the scores of points, in their order.

    Raises:
        StoreError: one of them is no longer remembered.
    """
    packed: dict[tuple[str, str, str, str], tuple[str, bytes]] = {}
    wanted: dict[tuple[str, str, str], list[str]] = {}
    for point in points:
        wanted.setdefault((point.evaluation, point.scorer, point.model), []).append(point.run.run_id)
    for column, run_ids in wanted.items():
        for part in _parts(run_ids):
            query = (
                "SELECT m.run_id, s.sample_set, s.item_values FROM metrics m JOIN scores s ON s.metric_id = m.id "  # noqa: S608  only marks
                f"WHERE m.evaluation = ? AND m.scorer = ? AND m.model = ? AND m.run_id IN ({_marks(part)})"
            )
            packed |= {(row[0], *column): (row[1], row[2]) for row in db.execute(query, (*column, *part))}
    sets = read_sample_sets(db, {digest for digest, _ in packed.values()})
    return [_scores(point, packed, sets) for point in points]


def read_sample_sets(db: sqlite3.Connection, digests: Iterable[str]) -> dict[str, SampleSet]:
    """Return the sets of samples of these digests."""
    found: dict[str, SampleSet] = {}
    for part in _parts(sorted(digests)):
        rows = db.execute(f"SELECT digest, content FROM sample_sets WHERE digest IN ({_marks(part)})", part)  # noqa: S608  only marks
        found |= {digest: unpack_samples(digest, content) for digest, content in rows}
    return found


def _scores(
    point: PastMetric,
    packed: Mapping[tuple[str, str, str, str], tuple[str, bytes]],
    sets: Mapping[str, SampleSet],
) -> SeriesScores:
    run_id = point.run.run_id
    found = packed.get((run_id, point.evaluation, point.scorer, point.model))
    if found is None:
        raise StoreError(f"run {run_id} of {point.run.name} is no longer in the history; read it again")
    samples, values = sets[found[0]], _numbers(found[1])
    if len(values) != len(samples.ids):
        raise ValueError(f"{len(values):,} scores of {len(samples.ids):,} samples in run {run_id}")
    return SeriesScores(run_id, samples, values)


def _numbers(packed: bytes) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    import numpy as np

    are_numbers, content = unpack_bytes(packed)
    if are_numbers:
        return np.frombuffer(content, dtype="<f8").astype(np.float64)
    values = np.frombuffer(content, dtype=np.uint8).astype(np.float64)
    values[values > 1.0] = np.nan
    return values


def _complete_runs(db: sqlite3.Connection, name: str, kind: str | None) -> Iterator[PastRun]:
    """Yield the runs that series are made of, oldest first; of a night's nightly runs, the newest one."""
    rows = db.execute(
        f"SELECT {RUN_COLUMNS} FROM runs WHERE name = ? AND status = 'complete' AND parent_run IS NULL "  # noqa: S608  our own column names
        "ORDER BY night, started_at, run_id",
        (name,),
    )
    runs = [run for run in map(run_of, rows) if kind is None or run.kind == kind]
    last = {run.night: run.run_id for run in runs if run.kind == "nightly"}
    return (run for run in runs if run.kind != "nightly" or last[run.night] == run.run_id)


def _columns(db: sqlite3.Connection, name: str) -> list[tuple[str, str, str]]:
    """Return every metric and model of a name; those of the newest run first, in its order."""
    rows = db.execute(
        "SELECT m.evaluation, m.scorer, m.model FROM metrics m JOIN runs r ON r.run_id = m.run_id WHERE r.name = ? "
        "GROUP BY m.evaluation, m.scorer, m.model "
        "ORDER BY MAX(r.night) DESC, MIN(m.place), m.evaluation, m.scorer, m.model",
        (name,),
    )
    return [(evaluation, scorer, model) for evaluation, scorer, model in rows]


def matches(name: str, pattern: str | None) -> bool:
    """Say whether a metric or label is meant by a pattern: its very name, or a glob; None means all."""
    return pattern is None or name == pattern or fnmatch.fnmatchcase(name, pattern)


def _parts(values: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(values[start : start + _AT_ONCE]) for start in range(0, len(values), _AT_ONCE))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


class _Settings(dict[str, Mapping[str, Json]]):
    """The settings that series' digests name, each read once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__()
        self._db = db

    def __missing__(self, digest: str) -> Mapping[str, Json]:
        row = self._db.execute("SELECT content FROM contents WHERE digest = ?", (digest,)).fetchone()
        found: Mapping[str, Json] = json.loads(row[0])
        self[digest] = found
        return found
