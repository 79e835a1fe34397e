"""A published run as a baseline again: its record and the rows of its evaluate calls, read back and checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from weave.trace.weave_client import WeaveClient

from evalkit.baseline import Baseline, make_baseline
from evalkit.compare import MIN_OVERLAP
from evalkit.config.schema import OnErrorSpec
from evalkit.errors import ConfigError
from evalkit.records import NOT_ANSWERED, Json, Prediction, PredictionOutcome, Score, ScoreOutcome
from evalkit.results import RunResult
from evalkit.score_columns import ScoreColumn, ScoreRules
from evalkit.stored_items import MetricItems, reducer_of
from evalkit.weave_io.baseline_reference import WeaveReference
from evalkit.weave_io.run_calls import op_filter, read_call
from evalkit.weave_io.run_record import find_records
from evalkit.weave_io.summaries import RUN_SCORER

__all__ = ["read_published"]

_AGAIN = "publish its run again: evalkit publish RUN"


def read_published(
    client: WeaveClient,
    reference: WeaveReference,
    *,
    name: str | None,
    before: str | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> Baseline:
    """Return a published run's scores as a baseline; of an evaluate call those of its cell alone.

    `name` is that of the run to be held to it, by which the newest is found; `before` is when that run started, if it
    has: what is found is older.

    Raises:
        ConfigError: nothing that fits is published, or what is there does not hold all that a comparison needs.
    """
    record, cells = _find(client, reference, name, before)
    items: list[MetricItems] = []
    for cell in cells:
        items += _read_cell(client, cell, on_progress)
    run = RunResult(
        run_id=record["run_id"],
        name=record["name"],
        status="complete",
        started_at=record["started_at"],
        ended_at=None,
        plan_digest=record["plan_digest"],
        versions=record["versions"],
        git=record["git"],
        datasets={},
        cells=(),
    )
    return make_baseline(
        run, items, author="evalkit publish", reason=f"published as {reference.text}", set_at=record["started_at"]
    )


def _find(
    client: WeaveClient, reference: WeaveReference, name: str | None, before: str | None
) -> tuple[Mapping[str, Json], Sequence[Mapping[str, Json]]]:
    """Return the record that is meant and those of its cells that are."""
    if reference.call is not None:
        return _find_call(client, reference.call)
    for _, record in find_records(client, name=name if reference.board is None else None):
        is_older = before is None or record["started_at"] < before
        if is_older and reference.board in (None, record["leaderboard"]):
            return record, record["cells"]
    older = "" if before is None else " that is older than this one"
    what = (
        f"run of {name!r}{older} is published" if reference.board is None else f"run{older} is published on that board"
    )
    return _refuse(
        f"no complete {what} in {client.project_id}; run once without --gate, or "
        "publish a stored run: evalkit publish RUN"
    )


def _find_call(client: WeaveClient, call_id: str) -> tuple[Mapping[str, Json], Sequence[Mapping[str, Json]]]:
    call = read_call(client, call_id)
    if call is None or not call.run_id:
        return _refuse(f"{client.project_id} has no evaluate call {call_id} of evalkit's")
    for _, record in find_records(client, run_id=call.run_id):
        if cells := [cell for cell in record["cells"] if cell["call"] == call_id]:
            return record, cells
    return _refuse(f"the evaluate call {call_id} is of run {call.run_id}, which is not published to its end; {_AGAIN}")


@dataclass(frozen=True, slots=True)
class _Row:
    """One published row: which sample and trial, how the prediction ended, and its scores by published name."""

    sample_id: str
    trial: int
    digest: str
    outcome: PredictionOutcome
    scores: Mapping[str, Mapping[str, Json]]


def _read_cell(client: WeaveClient, cell: Mapping[str, Json], on_progress: Callable[[], None]) -> Iterator[MetricItems]:
    where, trials = f"{cell['evaluation']}/{cell['model']}", int(cell["trials"])
    rows = list(_read_rows(client, cell["call"], where, on_progress))
    digests = {row.sample_id: row.digest for row in rows}
    ids = tuple(sorted(digests))
    places = {sample_id: place for place, sample_id in enumerate(ids)}
    found = {places[row.sample_id] * trials + row.trial: row for row in rows}
    if not len(found) == len(rows) == len(ids) * trials == cell["rows"]:
        _refuse(
            f"{where}: {len(rows)} rows of {len(ids)} samples are there, not {cell['rows']} of {trials} trials each"
        )
    if len(ids) < MIN_OVERLAP * cell["samples"]:
        _refuse(
            f"{where}: {len(ids):,} of its {cell['samples']:,} samples are published, too few to hold a run to; name "
            "the run's folder, or a file that `evalkit baseline set` made of it"
        )
    rules = ScoreRules(trials, reducer_of(cell["reduce"]), OnErrorSpec.model_validate(cell["on_error"]))
    for metric in cell["metrics"]:
        column = ScoreColumn(metric["kind"], rules, len(ids))
        for place, row in found.items():
            column.put(place, Prediction(row.outcome), _score(row, metric["published"], where))
        reduced = column.reduce()
        items = MetricItems(
            evaluation=cell["evaluation"],
            model=cell["model"],
            scorer=metric["scorer"],
            kind=metric["kind"],
            higher_is_better=metric["higher_is_better"],
            confidence=metric["confidence"],
            ids=ids,
            digests=tuple([digests[sample_id] for sample_id in ids]),
            values=reduced.values,
            worst=reduced.worst,
            best=reduced.best,
            trials=trials if rules.rows_are_trials else 1,
            repeats=trials,
            predictions=b"",
            scorings=column.endings,
            within=column.within_variance(),
            measure=metric["measure"],
            treatment=cell["treatment"],
        )
        if len(ids) == cell["samples"] and items.mean != metric["mean"]:
            _refuse(f"{where}: the rows give {metric['scorer']} a mean of {items.mean}, the board {metric['mean']}")
        yield items


def _read_rows(client: WeaveClient, call_id: str, where: str, on_progress: Callable[[], None]) -> Iterator[_Row]:
    request: Json = {
        "project_id": client.project_id,
        "filter": op_filter(client, "Evaluation.predict_and_score", parent_ids=[call_id]),
        "columns": ["id", "output"],
    }
    for call in client.server.calls_query_stream(request):
        on_progress()
        output: Json = call.output or {}
        scores: Mapping[str, Json] = output.get("scores") or {}
        facts: Mapping[str, Json] = scores.get(RUN_SCORER) or {}
        if not facts.get("sample_digest"):
            _refuse(f"{where}: a row does not say which sample it is about; {_AGAIN}")
        outcome = PredictionOutcome(facts["outcome"])
        yield _Row(facts["sample_id"], facts["trial"], facts["sample_digest"], outcome, scores)


def _score(row: _Row, published: str, where: str) -> Score | None:
    """Return a row's score; None where a prediction without an answer has none."""
    stored = row.scores.get(published)
    if stored is None:
        _refuse(f"{where}: a row has no score called {published}; {_AGAIN}")
    if stored["scored"]:
        return Score(stored["value"])
    return None if row.outcome in NOT_ANSWERED else Score(None, outcome=ScoreOutcome(stored["outcome"]))


def _refuse(why: str) -> NoReturn:
    raise ConfigError(f"no baseline in Weave: {why}")
