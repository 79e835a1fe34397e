"""The leaderboard: the only place that writes a metric path, and the one that reads every published number back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import weave
from weave.flow.leaderboard import (
    Leaderboard,
    LeaderboardColumn,
    LeaderboardModelEvaluationResult,
    get_leaderboard_results,
)
from weave.trace.refs import CallRef, ObjectRef
from weave.trace.weave_client import WeaveClient

from evalkit.board_plan import read_board
from evalkit.errors import PublishError
from evalkit.records import Json
from evalkit.results import CellResult
from evalkit.weave_io.changes import latest_version
from evalkit.weave_io.names import sanitize
from evalkit.weave_io.publication import Publication
from evalkit.weave_io.run_calls import run_query
from evalkit.weave_io.summaries import RUN_SCORER, run_summary, scorer_summary

__all__ = ["PublishedCell", "cell_summaries", "columns_of", "publish_board", "verify_board"]


@dataclass(frozen=True, slots=True)
class PublishedCell:
    """One cell as it stands in Weave: its evaluate call, its model's ref, and the engine's result."""

    call_id: str
    model_ref: str
    result: CellResult


@dataclass(frozen=True, slots=True)
class _Column:
    evaluation: str
    scorer: str
    path: str
    is_minimized: bool = True


def cell_summaries(publication: Publication, cell: CellResult) -> dict[str, Json]:
    """Return what each published scorer reports for a cell, by its published name."""
    names = publication.names.scorers
    scored = {names[name]: scorer_summary(metric) for name, metric in cell.metrics.items()}
    return {**scored, RUN_SCORER: run_summary(cell)}


def columns_of(publication: Publication, cells: Mapping[str, CellResult]) -> list[_Column]:
    """Return the board's columns: those of the metrics to show, in their order, the primary one's first.

    A group is shown by its metrics. Its macro average has no column: Weave's board reads a number from the summary of
    one evaluation's call, and an average over evaluations is in none of them; an evaluation made up to hold it would
    show calls that nobody made. The board's description says what the groups are, run.json holds their averages.

    Raises:
        PublishError: a column's path is not in a cell's summary.
    """
    order = _order(publication)
    columns = [column for name in publication.evaluations for column in _evaluation_columns(publication, name, cells)]
    columns = [column for column in columns if (column.evaluation, column.scorer) in order]
    columns.sort(key=lambda column: order[column.evaluation, column.scorer])
    for column in columns:
        for cell in publication.evaluations[column.evaluation]:
            _value(cell_summaries(publication, cells[cell.key]), column)
    return columns


def _order(publication: Publication) -> dict[tuple[str, str], int]:
    """Return the place of each scorer to show, by evaluation and published name; the run's facts follow the last."""
    board = read_board(publication.run)
    shown = dict.fromkeys(metric for name in (board.primary, *board.columns) for metric in board.members(name))
    places = {metric: place for place, metric in enumerate(shown)}
    order: dict[tuple[str, str], int] = {}
    for evaluation, cells in publication.evaluations.items():
        for scorer in cells[0].scorers:
            if (place := places.get(f"{evaluation}.{scorer}")) is not None:
                order[evaluation, publication.names.scorers[scorer]] = place
                order[evaluation, RUN_SCORER] = max(place, order.get((evaluation, RUN_SCORER), 0))
    return order


def _description(publication: Publication) -> str | None:
    """Return what the board says of itself: the config's words, and which metrics each group averages."""
    groups = read_board(publication.run).groups
    said = [f"{name}: the macro average of {', '.join(metrics)}." for name, metrics in groups.items()]
    return " ".join(filter(None, (publication.board.get("description"), *said))) or None


def publish_board(
    client: WeaveClient, publication: Publication, columns: Sequence[_Column], refs: Mapping[str, str]
) -> tuple[str, Leaderboard]:
    """Publish the leaderboard and return its ref; an unchanged one gets no new version."""
    board = Leaderboard(
        name=publication.board["name"],
        description=_description(publication),
        columns=[
            LeaderboardColumn(
                evaluation_object_ref=refs[column.evaluation],
                scorer_name=column.scorer,
                summary_metric_path=column.path,
                should_minimize=column.is_minimized,
            )
            for column in columns
        ],
    )
    name = sanitize(publication.names.leaderboard(publication.board["name"]))
    latest = latest_version(client, name)
    if latest is not None and _content(latest[1]) == _content(board.model_dump()):
        return ObjectRef(client.entity, client.project, name, latest[0]).uri, board
    ref = weave.publish(board, name=name)
    return f"weave:///{client.project_id}/object/{name}:{ref.digest}", board


def verify_board(
    client: WeaveClient,
    publication: Publication,
    board: Leaderboard,
    *,
    columns: Sequence[_Column],
    cells: Mapping[str, PublishedCell],
) -> None:
    """Read the board back with the SDK and compare each cell with run.json.

    Raises:
        PublishError: a value is missing, doubled or different.
    """
    one_run = _OneRun(client, publication.run.run_id)
    rows = {row.model_ref: row for row in get_leaderboard_results(board, one_run)}  # pyright: ignore[reportArgumentType]  it calls get_calls and project_id only
    for cell in publication.cells:
        published = cells[cell.key]
        if published.model_ref not in rows:
            raise PublishError(f"{cell.key}: the board does not show it; publish again")
        summaries = cell_summaries(publication, published.result)
        for column, found in zip(columns, rows[published.model_ref].column_scores, strict=True):
            if column.evaluation == cell.evaluation:
                where = f"{cell.key}: {column.scorer}.{column.path}"
                _compare(where, found.scores, call_id=published.call_id, expected=_value(summaries, column))


def _compare(where: str, found: Sequence[LeaderboardModelEvaluationResult], *, call_id: str, expected: Json) -> None:
    if [CallRef.parse_uri(score.evaluate_call_ref).id for score in found] != [call_id]:
        raise PublishError(
            f"{where}: the board shows {len(found)} values of this run instead of its one; publish again"
        )
    if found[0].value != expected:
        raise PublishError(f"{where}: the board says {found[0].value!r}, the run {expected!r}; publish again")


class _OneRun:
    """A client that sees the calls of one run: what other nights put on the same board is theirs to check."""

    def __init__(self, client: WeaveClient, run_id: str) -> None:
        self.project_id = client.project_id
        self._client = client
        self._query = run_query(run_id)

    def get_calls(self, filter: Any) -> Iterator[Any]:  # noqa: A002  the SDK's name for it
        return iter(self._client.get_calls(filter=filter, query=self._query))  # pyright: ignore[reportArgumentType]  a plain mapping is what it sends


def _evaluation_columns(
    publication: Publication, evaluation: str, cells: Mapping[str, CellResult]
) -> Iterator[_Column]:
    members = publication.evaluations[evaluation]
    for scorer in members[0].scorers:
        name = publication.names.scorers[scorer]
        is_higher_better = publication.run.plan["scorers"][scorer].get("higher_is_better", True)
        for path in ("mean", "lower", "upper"):
            yield _Column(evaluation, name, path, not is_higher_better)
        yield _Column(evaluation, name, "failed")
    yield _Column(evaluation, RUN_SCORER, "latency_s.p50")
    if any(cells[cell.key].cost_usd is not None for cell in members):
        yield _Column(evaluation, RUN_SCORER, "cost_usd")


def _value(summaries: Mapping[str, Json], column: _Column) -> Json:
    value: Json = summaries
    for part in (column.scorer, *column.path.split(".")):
        if part not in (value or ()):
            raise PublishError(
                f"{column.evaluation}: no summary holds {column.scorer}.{column.path}; this is a bug in evalkit"
            )
        value = value[part]
    return value


def _content(board: Mapping[str, Json]) -> list[Json]:
    columns = board.get("columns") or ()
    names = ("evaluation_object_ref", "scorer_name", "summary_metric_path", "should_minimize")
    return [board.get("name"), board.get("description"), [[column.get(name) for name in names] for column in columns]]
