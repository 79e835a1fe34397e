"""Several nights of one metric as one, whose trials are theirs: over more nights, less of a change is re-run noise."""

import dataclasses
import math
from array import array
from collections.abc import Sequence

from evalkit.stored_items import MetricItems

__all__ = ["pool_nights"]


def pool_nights(nights: Sequence[MetricItems]) -> MetricItems:
    """Return nights of one series as one night: each sample's trials are those of all nights, in their order.

    A sample's value is its mean over the nights that have one. What was asked and measured is the last night's.

    Raises:
        ValueError: the nights hold other samples, or asked them another number of times; or there are none.
    """
    if not nights:
        raise ValueError("no nights to pool")
    last = nights[-1]
    if len(nights) == 1:
        return last
    if any((each.ids, each.digests, each.repeats) != (last.ids, last.digests, last.repeats) for each in nights):
        raise ValueError(f"{last.name} of {last.model}: nights of other samples, or other trials, are not one")
    has_rows = all(each.has_trials for each in nights)
    size, repeats = len(last.ids), last.repeats
    return dataclasses.replace(
        last,
        values=_means([each.values for each in nights]),
        worst=_means([each.worst for each in nights]),
        best=_means([each.best for each in nights]),
        trials=len(nights) * min(each.trials for each in nights),
        repeats=len(nights) * repeats,
        predictions=_beside([each.predictions for each in nights], size, repeats),
        scorings=_beside([each.scorings for each in nights], size, repeats),
        rows=_rows_beside([each.rows for each in nights], size, repeats) if has_rows else (),
        within=None,
    )


def _means(columns: Sequence[Sequence[float]]) -> "array[float]":
    return array("d", map(_mean, zip(*columns, strict=True)))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _beside(columns: Sequence[bytes], size: int, repeats: int) -> bytes:
    """Return each sample's trials of all nights beside each other."""
    return b"".join(
        [column[place : place + repeats] for place in range(0, size * repeats, repeats) for column in columns]
    )


def _rows_beside(columns: Sequence[Sequence[float]], size: int, repeats: int) -> "array[float]":
    places = range(0, size * repeats, repeats)
    return array("d", [value for place in places for column in columns for value in column[place : place + repeats]])
