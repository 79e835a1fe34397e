"""Every model and reference on every metric and group that the board shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.board_plan import BoardPlan, read_board
from evalkit.report.blocks import Cell, Column, Paragraph, Row, Table
from evalkit.report.numbers import NOTHING, decimals, format_bounds, format_percent, half_width
from evalkit.report.standings import read_average
from evalkit.results import MetricResult, RunResult

__all__ = ["BoardScores", "build_score_table", "format_score", "read_scores", "reference_scores"]

_TOO_FEW = 2


@dataclass(frozen=True, slots=True)
class BoardScores:
    """What the board shows of each model, by its label, then by the name of a metric or group."""

    board: BoardPlan
    by_model: Mapping[str, Mapping[str, MetricResult]]

    @property
    def beside(self) -> tuple[str, ...]:
        """The metrics and groups shown beside the one that ranks."""
        return tuple(name for name in self.board.columns if name != self.board.primary)

    def missing(self, model: str, name: str) -> tuple[str, ...]:
        """Return the metrics of a group on which a model has no score."""
        own = self.by_model[model]
        return tuple(each for each in self.board.members(name) if each not in own or own[each].mean is None)


def read_scores(run: RunResult) -> BoardScores:
    """Return each model's result on every metric and group of the run, models in the board's order."""
    board, found = read_board(run), dict[str, dict[str, MetricResult]]()
    for row in run.leaderboard:
        model = row["model"]
        own = {
            f"{cell.evaluation}.{name}": metric
            for cell in run.cells
            if cell.model == model
            for name, metric in cell.metrics.items()
        }
        averages = {name: average for name in board.groups if (average := read_average(row, name)) is not None}
        found[model] = {**own, **averages}
    return BoardScores(board, found)


def reference_scores(run: RunResult) -> dict[str, dict[str, tuple[float, int, int]]]:
    """Return each reference's mean on every metric and group, with the samples scored and all of them.

    A group's is there where each of its metrics has one.
    """
    found: dict[str, dict[str, tuple[float, int, int]]] = {}
    for each in run.references:
        found.setdefault(each["reference"], {})[each["metric"]] = (each["mean"], each["n"], each["samples"])
    for means in found.values():
        for group, metrics in read_board(run).groups.items():
            if all(metric in means for metric in metrics):
                of = [means[metric] for metric in metrics]
                mean = math.fsum(each[0] for each in of) / len(of)
                means[group] = mean, sum(each[1] for each in of), sum(each[2] for each in of)
    return found


def build_score_table(run: RunResult) -> tuple[Paragraph, Table] | None:
    """Return every model's score on what the board shows, under what to say of it; None where the rank's is all."""
    scores = read_scores(run)
    if not scores.beside:
        return None
    columns = (Column("Model"), *(Column(name, "number") for name in scores.board.columns))
    rows = tuple(
        Row((Cell(model), *(_cell(scores, model, name) for name in scores.board.columns))) for model in scores.by_model
    )
    return Paragraph((_said(run, scores),), "note"), Table("Scores by metric", columns, rows, head=0)


def format_score(metric: MetricResult | None) -> tuple[str, str]:
    """Return a score and its interval, either of them empty where there is none."""
    if metric is None or metric.mean is None:
        return "", ""
    if metric.lower is None or metric.upper is None or metric.n < _TOO_FEW:
        return format_percent(metric.mean), ""
    places = decimals(half_width(metric.lower, metric.upper))
    return format_percent(metric.mean, places), format_bounds(metric.lower, metric.upper, places)


def _cell(scores: BoardScores, model: str, name: str) -> Cell:
    score, bounds = format_score(scores.by_model[model].get(name))
    if not score:
        is_asked = name in scores.by_model[model]
        missing = scores.missing(model, name) if name in scores.board.groups else ()
        why = f"no score on {missing[0]}" if missing else "no score" if is_asked else "not asked"
        return Cell(NOTHING, why, is_dim=True)
    return Cell(score, bounds or "too few for an interval")


def _said(run: RunResult, scores: BoardScores) -> str:
    said = ["Every score with its interval. Ranks rest on the primary metric alone; the others are exploratory."]
    shown: Sequence[str] = scores.board.columns
    groups = (name for name in shown if name in scores.board.groups and name != scores.board.primary)
    said += [f"{name} is the macro average of {', '.join(scores.board.members(name))}." for name in groups]
    lower = [name for name in shown if _is_lower_better(run, scores.board.members(name)[0])]
    if lower:
        said.append(f"Lower is better: {', '.join(lower)}.")
    return " ".join(said)


def _is_lower_better(run: RunResult, metric: str) -> bool:
    for cell in run.plan["cells"]:
        for scorer in cell["scorers"]:
            if f"{cell['evaluation']}.{scorer}" == metric:
                return not run.plan["scorers"][scorer]["higher_is_better"]
    return False
