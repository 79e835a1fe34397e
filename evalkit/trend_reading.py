"""Trends read from the history: which series fit, their scores, and what was set aside."""

from collections.abc import Mapping, Sequence

from evalkit.errors import ConfigError
from evalkit.history import History
from evalkit.history_series import SeriesScores
from evalkit.night_series import night_series
from evalkit.past_runs import PastEvent, Series
from evalkit.quarantine import Quarantine
from evalkit.registry import nearest
from evalkit.trend import Trend, make_figure_trend, make_trend
from evalkit.trend_figures import FIGURES, figure_of, figure_series

__all__ = ["count_watched", "levels_without", "read_trends", "refuse_metric"]


def read_trends(
    history: History, name: str, metric: str, *, model: str | None, kind: str | None, quarantine: Quarantine
) -> tuple[Trend, ...]:
    """Return the trends of the metrics and models that fit.

    Raises:
        ConfigError: none does; the message names the nearest.
    """
    events = history.events(name)
    series = history.series(name, metric=metric, model=model, kind=kind)
    if series:
        counts = history.count_metrics()
        return tuple(_trend(history, each, events, quarantine, counts) for each in series)
    if (figure := figure_of(metric)) is not None:
        evaluation = metric.rpartition(".")[0] or "*"
        cells = history.series(name, metric=f"{evaluation}.*", model=model, kind=kind)
        if cells:
            return tuple(make_figure_trend(each, figure, events=events) for each in figure_series(cells, figure))
    raise refuse_metric(metric, history.series(name, kind=kind), tuple(FIGURES), model)


def count_watched(history: History, series: Sequence[Series]) -> list[int]:
    """Return how many metrics each series was watched beside on its newest night, itself counted, asked for or not."""
    counts = history.count_metrics()
    return [counts[each.points[-1].run.run_id] for each in series]


def refuse_metric(metric: str, known: Sequence[Series], figures: Sequence[str], model: str | None) -> ConfigError:
    """Return the error that names what is nearest to a metric or a model that nothing fits."""
    models = sorted({each.model for each in known})
    metrics = sorted({each.metric for each in known})
    if not known:
        return ConfigError("no complete run of that kind in the history yet")
    if model is not None and metric in metrics:
        return ConfigError(f"no model of {metric} fits {model!r}{nearest(model, models)}")
    return ConfigError(f"no metric of these runs fits {metric!r}{nearest(metric, [*metrics, *figures])}")


def _trend(
    history: History, series: Series, events: Sequence[PastEvent], quarantine: Quarantine, counts: Mapping[str, int]
) -> Trend:
    scores = history.score_rows(series.points)
    newest = series.points[-1].run.night
    aside = quarantine.set_aside(newest, metric=series.metric, model=series.model, ids=scores[-1].ids)
    drift = night_series(
        series.points, scores, without=aside.ids, among=[counts[each.run.run_id] for each in series.points]
    )
    without = levels_without(scores, aside.ids)
    return make_trend(series, drift, events=events, aside=aside, without=without)


def levels_without(scores: Sequence[SeriesScores], left_out: frozenset[str]) -> list[float | None]:
    """Return each night's mean without some samples; nothing where none is left out."""
    import numpy as np

    if not left_out:
        return []
    kept: dict[int, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    found: list[float | None] = []
    for night in scores:
        if id(night.samples) not in kept:
            kept[id(night.samples)] = np.array([name not in left_out for name in night.ids], dtype=np.bool_)
        values = night.values[kept[id(night.samples)]]
        scored = values[~np.isnan(values)]
        found.append(float(scored.mean()) if len(scored) else None)
    return found
