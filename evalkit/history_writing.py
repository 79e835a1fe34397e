"""What is written to history when a run is registered or forgotten; each within the caller's transaction."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalkit.digest import digest_json
from evalkit.errors import StoreError
from evalkit.history_metrics import METRIC_COLUMNS, RUN_COLUMNS, describe_setting, metric_row, run_of, run_row
from evalkit.history_scores import pack_samples, pack_scores
from evalkit.past_runs import PastRun
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.stored_items import MetricItems

__all__ = ["PackedRun", "delete_runs", "forget_runs", "pack_run", "write_run"]


@dataclass(frozen=True, slots=True)
class PackedRun:
    """A run's rows: made before the file is locked, so that no other process waits for it.

    `metrics` holds a row of metrics and one of scores for each; `sample_sets` and `contents` what they refer to.
    """

    run: PastRun
    metrics: Sequence[tuple[tuple[Json, ...], tuple[Json, ...]]]
    sample_sets: Sequence[tuple[str, int, bytes]]
    contents: Sequence[tuple[str, str]]


def pack_run(past: PastRun, run: RunResult, items: Sequence[MetricItems]) -> PackedRun:
    """Return the rows of a run; `items` are its scores, none where it has no results yet."""
    cells = {cell.key: cell for cell in run.cells}
    sets: dict[int, tuple[str, int, bytes]] = {}
    contents: dict[str, str] = {}
    rows: list[tuple[tuple[Json, ...], tuple[Json, ...]]] = []
    for place, each in enumerate(items):
        if id(each.ids) not in sets:
            digest, content = pack_samples(each)
            sets[id(each.ids)] = (digest, len(each.ids), content)
        setting = describe_setting(run, cells[each.cell], each.scorer, each.measure)
        named = [setting, dict(each.measure), dict(each.treatment)]
        contents |= {digest_json(content): json.dumps(content, default=dict) for content in named}
        metric = metric_row(run, cells[each.cell], each.scorer, place=place, setting=setting)
        rows.append((metric, (sets[id(each.ids)][0], *map(digest_json, named[1:]), *_score_row(each))))
    return PackedRun(past, rows, list(sets.values()), list(contents.items()))


def write_run(db: sqlite3.Connection, packed: PackedRun) -> PastRun:
    """Put a run in place of what was known of it, and return it as it is known now.

    What is known of a later state of the same run stands; so does the night it was made for, and how it ended.

    Raises:
        StoreError: another run of that id is known.
    """
    run = packed.run
    row = db.execute(f"SELECT {RUN_COLUMNS} FROM runs WHERE run_id = ?", (run.run_id,)).fetchone()  # noqa: S608  our own column names
    if row is not None:
        known = run_of(row)
        if (known.name, known.started_at) != (run.name, run.started_at):
            raise StoreError(
                f"another run {run.run_id} is registered ({known.name}, started {known.started_at}); "
                f"rename the folder {run.folder} and the run_id in its run.json"
            )
        if (known.ended_at or "") > (run.ended_at or ""):
            return known
        run = _merged(known, run)
        delete_runs(db, [run.run_id])
    _insert(db, "runs", RUN_COLUMNS, [run_row(run)])
    put_new = "INSERT INTO {} ON CONFLICT (digest) DO NOTHING"
    db.executemany(put_new.format("sample_sets (digest, n, content) VALUES (?, ?, ?)"), packed.sample_sets)
    db.executemany(put_new.format("contents (digest, content) VALUES (?, ?)"), packed.contents)
    for metric, scores in packed.metrics:
        (metric_id,) = db.execute(_insertion("metrics", METRIC_COLUMNS) + " RETURNING id", metric).fetchone()
        _insert(db, "scores", _SCORE_COLUMNS, [(metric_id, *scores)])
    return run


def forget_runs(db: sqlite3.Connection, name: str, keep: int) -> int:
    """Delete the runs of a name but for the newest ones, and those that a series which goes on began with.

    Nights and other runs are counted apart, so that many runs of a day never push a night out.
    """
    query = "SELECT run_id, kind FROM runs WHERE name = ? ORDER BY night, started_at, run_id"
    rows = db.execute(query, (name,)).fetchall()
    old: set[str] = set()
    for kind in {kind for _, kind in rows}:
        ordered = [run_id for run_id, of_kind in rows if of_kind == kind]
        old |= set(ordered[: max(0, len(ordered) - keep)])
    if old:
        old -= _beginnings(db, name, {run_id for run_id, _ in rows} - old)
        delete_runs(db, sorted(old))
        db.execute("DELETE FROM sample_sets WHERE digest NOT IN (SELECT sample_set FROM scores)")
        db.execute(
            "DELETE FROM contents WHERE digest NOT IN (SELECT series FROM metrics) "
            "AND digest NOT IN (SELECT measure FROM scores) AND digest NOT IN (SELECT treatment FROM scores)"
        )
    return len(old)


_SCORE_COLUMNS = (
    "metric_id, sample_set, measure, treatment, trials, repeats, within, item_values, worst, best, trial_values, "
    "predictions, scorings"
)


def _score_row(items: MetricItems) -> tuple[Json, ...]:
    packed = pack_scores(items)
    return (
        *(items.trials, items.repeats, items.within, packed.values, packed.worst, packed.best, packed.rows),
        *(packed.predictions, packed.scorings),
    )


def _merged(known: PastRun, run: PastRun) -> PastRun:
    """Return a run that is registered again: what only its first registration said is kept, and how it ended."""
    is_nightly = known.kind == "nightly" and run.kind != "nightly"
    has_gone_on = run.exit_code is not None and known.ended_at != run.ended_at
    return replace(
        run,
        kind=known.kind if is_nightly else run.kind,
        night=known.night if is_nightly else run.night,
        exit_code=run.exit_code if has_gone_on or known.exit_code is None else known.exit_code,
    )


def _beginnings(db: sqlite3.Connection, name: str, kept: set[str]) -> set[str]:
    """Return the runs that the series of the kept ones begin with: drift is measured from there."""
    rows = db.execute(
        "SELECT r.run_id, r.kind, m.evaluation, m.scorer, m.model, m.series FROM runs r "
        "JOIN metrics m ON m.run_id = r.run_id WHERE r.name = ? AND r.status = 'complete' AND r.parent_run IS NULL "
        "ORDER BY r.night, r.started_at, r.run_id",
        (name,),
    ).fetchall()
    first: dict[tuple[str, ...], str] = {}
    for run_id, *series in rows:
        first.setdefault(tuple(series), run_id)
    return {first[tuple(series)] for run_id, *series in rows if run_id in kept}


def delete_runs(db: sqlite3.Connection, run_ids: Sequence[str]) -> None:
    """Delete runs with their metrics and scores."""
    each = [(run_id,) for run_id in run_ids]
    db.executemany("DELETE FROM scores WHERE metric_id IN (SELECT id FROM metrics WHERE run_id = ?)", each)
    db.executemany("DELETE FROM metrics WHERE run_id = ?", each)
    db.executemany("DELETE FROM runs WHERE run_id = ?", each)


def _insert(db: sqlite3.Connection, table: str, columns: str, rows: Sequence[tuple[Json, ...]]) -> None:
    db.executemany(_insertion(table, columns), rows)


def _insertion(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  our own names
