"""A run and its metrics as rows of history, and back: which columns there are and what each holds."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from evalkit.board_plan import read_board
from evalkit.digest import digest_json
from evalkit.night_folder import rejudged_of
from evalkit.past_runs import PastMetric, PastRun
from evalkit.records import Json
from evalkit.results import CellResult, RunResult
from evalkit.store import RunFolder

__all__ = [
    "METRIC_COLUMNS",
    "RUN_COLUMNS",
    "describe_setting",
    "metric_of",
    "metric_row",
    "past_run",
    "run_of",
    "run_row",
]

RUN_COLUMNS: Final = (
    "run_id, name, night, kind, started_at, ended_at, status, folder, plan_digest, profile, commit_id, verdict, "
    "exit_code, cost_usd, weave, primary_metric, parent_run"
)
METRIC_COLUMNS: Final = (
    "run_id, place, evaluation, scorer, model, kind, higher_is_better, confidence, mean, lower_bound, upper_bound, n, "
    "samples, trials, outcomes, predictions, series, served_models, fingerprints, latency_s, output_tokens, cost_usd"
)


def past_run(
    folder: RunFolder, run: RunResult, *, kind: str, night: str | None = None, exit_code: int | None = None
) -> PastRun:
    """Return what is remembered of a run; without a night it is of the UTC date it started on.

    What judging stored answers again took for it is part of its cost.
    """
    return PastRun(
        run_id=run.run_id,
        name=run.name,
        night=night or datetime.fromisoformat(run.started_at).astimezone(UTC).date().isoformat(),
        kind=kind,
        started_at=run.started_at,
        ended_at=run.ended_at,
        status=run.status,
        folder=str(folder.path.resolve()),
        plan_digest=run.plan_digest,
        profile=run.profile,
        commit=(run.git or {}).get("commit"),
        verdict=run.verdict,
        exit_code=exit_code,
        cost_usd=_cost(folder, run),
        weave=(run.weave or {}).get("leaderboard"),
        primary=next(iter(read_board(run).members(run.primary)), None),
        parent_run=run.parent_run,
    )


def _cost(folder: RunFolder, run: RunResult) -> float | None:
    cost, rejudged = run.calls.get("cost_usd"), rejudged_of(folder)
    if rejudged is None or cost is None:
        return cost
    return None if rejudged.cost_usd is None else cost + rejudged.cost_usd


def run_row(run: PastRun) -> tuple[Json, ...]:
    """Return the values of RUN_COLUMNS."""
    return (
        *(run.run_id, run.name, run.night, run.kind, run.started_at, run.ended_at, run.status, _text(run.folder)),
        *(run.plan_digest, run.profile, run.commit, run.verdict, run.exit_code, run.cost_usd, run.weave),
        *(run.primary, run.parent_run),
    )


def run_of(row: Sequence[Json]) -> PastRun:
    """Read the values of RUN_COLUMNS."""
    return PastRun(
        run_id=row[0],
        name=row[1],
        night=row[2],
        kind=row[3],
        started_at=row[4],
        ended_at=row[5],
        status=row[6],
        folder=row[7],
        plan_digest=row[8],
        profile=row[9],
        commit=row[10],
        verdict=row[11],
        exit_code=row[12],
        cost_usd=row[13],
        weave=row[14],
        primary=row[15],
        parent_run=row[16],
    )


def describe_setting(run: RunResult, cell: CellResult, scorer: str, measure: Mapping[str, Json]) -> dict[str, Json]:
    """Return what two nights must have in common to be of one series, part by part.

    `measure` is the metric's own, as its stored scores name it. The model's id, who served it and where are what a
    series watches, so none of them is in it.
    """
    planned = next(each for each in run.plan["cells"] if each["key"] == cell.key)
    about = run.plan["scorers"][scorer]
    return {
        "dataset": cell.measure["dataset"],
        "scorer": {
            **{name: part for name, part in about["identity"].items() if name != "judge"},
            "kind": about["kind"],
            "higher_is_better": about["higher_is_better"],
        },
        "judge": measure["judge"],
        "reasoning": measure["reasoning"],
        "reducer": measure["reducer"],
        "on_error": measure["on_error"],
        "prompt": cell.treatment["prompt"],
        "system": cell.treatment["system"],
        "params": planned["params"],
        "trials": planned["trials"],
    }


def metric_row(
    run: RunResult, cell: CellResult, scorer: str, *, place: int, setting: Mapping[str, Json]
) -> tuple[Json, ...]:
    """Return the values of METRIC_COLUMNS."""
    metric = cell.metrics[scorer]
    is_better = int(run.plan["scorers"][scorer]["higher_is_better"])
    return (
        *(run.run_id, place, cell.evaluation, scorer, cell.model, metric.kind, is_better, metric.confidence),
        *(metric.mean, metric.lower, metric.upper, metric.n, cell.samples, cell.trials),
        *(_json(metric.outcomes), _json(cell.outcomes), digest_json(setting)),
        *(_json(cell.served_models), _json(cell.fingerprints), _json(cell.latency_s), _json(cell.output_tokens)),
        cell.cost_usd,
    )


def metric_of(run: PastRun, row: Sequence[Json], setting: Mapping[str, Json]) -> PastMetric:
    """Read the values of METRIC_COLUMNS."""
    return PastMetric(
        run=run,
        evaluation=row[2],
        scorer=row[3],
        model=row[4],
        kind=row[5],
        higher_is_better=bool(row[6]),
        confidence=row[7],
        mean=row[8],
        lower=row[9],
        upper=row[10],
        n=row[11],
        samples=row[12],
        trials=row[13],
        outcomes=_read(row[14]),
        predictions=_read(row[15]),
        series=row[16],
        setting=setting,
        served_models=_names(row[17]),
        fingerprints=_names(row[18]),
        latency_s=_read(row[19]),
        output_tokens=_read(row[20]),
        cost_usd=row[21],
    )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=dict)


def _text(value: str) -> str:
    """Return a path as a text that every database keeps, whatever bytes name its folders."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


@lru_cache(maxsize=4096)
def _read(text: str) -> dict[str, Json]:
    """Read a mapping; most nights have the same ones, and nobody may change them."""
    return json.loads(text)


@lru_cache(maxsize=4096)
def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
