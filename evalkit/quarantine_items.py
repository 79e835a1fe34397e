"""Stored scores without the samples that a quarantine sets aside."""

import dataclasses
import math
from array import array
from collections.abc import Mapping, Sequence
from typing import TypeVar

from evalkit.quarantine import Quarantine, SetAside
from evalkit.stored_items import MetricItems

__all__ = ["leave_out", "set_aside_items"]

_Value = TypeVar("_Value", int, float)


def set_aside_items(items: MetricItems, quarantine: Quarantine, night: str) -> tuple[MetricItems, SetAside]:
    """Return a metric's scores without the samples that are quarantined on a night, and what was left out."""
    aside = quarantine.set_aside(night, metric=items.name, model=items.model, ids=items.ids)
    return leave_out(items, aside.ids), aside


def leave_out(items: MetricItems, ids: frozenset[str]) -> MetricItems:
    """Return a metric's scores without some samples; its mean, counts and slices are of those that stay."""
    if ids.isdisjoint(items.ids):
        return items
    kept = [place for place, name in enumerate(items.ids) if name not in ids]
    rows = _trials(items.rows, kept, items.repeats)
    return dataclasses.replace(
        items,
        ids=tuple([items.ids[place] for place in kept]),
        digests=tuple([items.digests[place] for place in kept]),
        values=array("d", [items.values[place] for place in kept]),
        worst=array("d", [items.worst[place] for place in kept]),
        best=array("d", [items.best[place] for place in kept]),
        predictions=bytes(_trials(items.predictions, kept, items.repeats)),
        scorings=bytes(_trials(items.scorings, kept, items.repeats)),
        rows=array("d", rows),
        clusters=None if items.clusters is None else [items.clusters[place] for place in kept],
        within=items.within if items.within is None or not len(items.rows) else _within(rows, items.repeats),
        slices=_slices(items.slices, {place: new for new, place in enumerate(kept)}),
    )


def _trials(column: Sequence[_Value], kept: Sequence[int], repeats: int) -> list[_Value]:
    """Return the places of the samples that stay, of a column with one place a trial; an empty one stays empty."""
    if not len(column):
        return []
    return [column[place * repeats + trial] for place in kept for trial in range(repeats)]


def _within(rows: Sequence[float], trials: int) -> float | None:
    """Return the mean variance of single trials within samples; None where no sample tells."""
    scores = [[value for value in rows[at : at + trials] if value >= 0.0] for at in range(0, len(rows), trials)]
    variances = [
        math.fsum((value - mean) ** 2 for value in several) / (len(several) - 1)
        for several in scores
        if len(several) > 1
        for mean in [math.fsum(several) / len(several)]
    ]
    return math.fsum(variances) / len(variances) if variances else None


def _slices(
    slices: Mapping[str, Mapping[str, Sequence[int]]], places: Mapping[int, int]
) -> dict[str, dict[str, Sequence[int]]]:
    return {
        key: {value: array("q", [places[at] for at in members if at in places]) for value, members in values.items()}
        for key, values in slices.items()
    }
