"""A run's metrics sample by sample, from history: equal to what `read_items` gave when it was registered."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from evalkit.errors import StoreError
from evalkit.history_scores import SampleSet, restore_values, unpack_outcomes, unpack_values
from evalkit.history_series import read_sample_sets
from evalkit.records import Json, PredictionOutcome, ScoreOutcome
from evalkit.stored_items import MetricItems

__all__ = ["read_stored_items"]

_QUERY = """
SELECT m.evaluation, m.scorer, m.model, m.kind, m.higher_is_better, m.confidence, s.sample_set, a.content, b.content,
    s.trials, s.repeats, s.within, s.item_values, s.worst, s.best, s.trial_values, s.predictions, s.scorings
FROM metrics m JOIN scores s ON s.metric_id = m.id JOIN contents a ON a.digest = s.measure
    JOIN contents b ON b.digest = s.treatment
WHERE m.run_id = ? ORDER BY m.place
"""


def read_stored_items(db: sqlite3.Connection, run_id: str) -> tuple[MetricItems, ...]:
    """Return the metrics of a run, in its order.

    Raises:
        StoreError: no such run is known.
    """
    rows = db.execute(_QUERY, (run_id,)).fetchall()
    if not rows and db.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is None:
        raise StoreError(f"no run {run_id} in the history; `evalkit history import` adds run folders")
    sets = read_sample_sets(db, {row[6] for row in rows})
    return tuple(_items(row, sets) for row in rows)


def _items(row: Sequence[Json], sets: Mapping[str, SampleSet]) -> MetricItems:
    samples, values = sets[row[6]], unpack_values(row[12])
    rows = values if row[15] is None else unpack_values(row[15])
    predictions, scorings = unpack_outcomes(row[16], PredictionOutcome), unpack_outcomes(row[17], ScoreOutcome)
    asked = len(samples.ids) * row[10]
    if len(values) != len(samples.ids) or not len(predictions) == len(scorings) == asked or len(rows) not in {0, asked}:
        raise ValueError(f"a metric's scores do not fit its {len(samples.ids):,} samples")
    return MetricItems(
        evaluation=row[0],
        scorer=row[1],
        model=row[2],
        kind=row[3],
        higher_is_better=bool(row[4]),
        confidence=row[5],
        ids=samples.ids,
        digests=samples.digests,
        values=values,
        worst=restore_values(values, row[13]),
        best=restore_values(values, row[14]),
        trials=row[9],
        repeats=row[10],
        predictions=predictions,
        scorings=scorings,
        rows=rows or (),
        clusters=samples.clusters,
        within=row[11],
        slices=samples.slices,
        measure=json.loads(row[7]),
        treatment=json.loads(row[8]),
    )
