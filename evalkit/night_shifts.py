"""What changed since the night before beside the scores: what is measured, on what, how calls end, their cost."""

from collections.abc import Callable, Iterator, Sequence

from evalkit.night_measured import (
    Measured,
    SameCell,
    Shift,
    dataset_shifts,
    list_some,
    membership_shifts,
    same_cells,
    setting_shifts,
)
from evalkit.past_runs import PastMetric
from evalkit.records import PredictionOutcome
from evalkit.stats.exact import mcnemar

__all__ = ["find_shifts"]

_LEVEL = 0.01
"""Chance that a quiet night is said to have had calls end otherwise, over every cell and way to end."""

_ENDINGS = {
    "truncated answers": frozenset({PredictionOutcome.TRUNCATED}),
    "refusals": frozenset({PredictionOutcome.REFUSED, PredictionOutcome.FILTERED}),
    "failed calls": frozenset({PredictionOutcome.REJECTED, PredictionOutcome.TOO_LONG, PredictionOutcome.INFRA_ERROR}),
}
_CODES = tuple(PredictionOutcome)
_DEARER = 2.0
_SLOWER = 2.0
_NOTICED_S = 0.2


def find_shifts(before: Measured, tonight: Measured, *, limit: float) -> tuple[Shift, ...]:
    """Return what changed between two nights; `limit` is the share of answers whose loss the run bears."""
    pairs = same_cells(before, tonight)
    return (
        *membership_shifts(before, tonight),
        *dataset_shifts(pairs),
        *setting_shifts(before, tonight),
        *_endings(pairs, limit),
        *_factor(pairs, "cost per answer", _cost, most=_DEARER),
        *_factor(pairs, "median latency", _latency, most=_SLOWER),
    )


def _endings(cells: Sequence[SameCell], limit: float) -> Iterator[Shift]:
    """Yield each way to end that has become more or less frequent, by an exact test on equal samples."""
    level = _LEVEL / len(_ENDINGS)
    for what, outcomes in _ENDINGS.items():
        turns = [_turns(cell, outcomes) for cell in cells]
        moved = [cell for cell, turn in zip(cells, turns, strict=True) if _is_shown([turn], level / len(cells))]
        if not moved and _is_shown(turns, level):
            moved = [cell for cell, turn in zip(cells, turns, strict=True) if any(turn)]
        counts = [_Count(cell, outcomes) for cell in moved]
        counts.sort(key=lambda each: -abs(each.after - each.before))
        if counts:
            said = list_some([each.text for each in counts])
            yield Shift(f"{what} went {said}", is_worse=any(each.exceeds(limit) for each in counts))


class _Count:
    """How many calls of a cell ended in some way on both nights."""

    def __init__(self, cell: SameCell, outcomes: frozenset[PredictionOutcome]) -> None:
        first, second = cell.before.predictions, cell.after.predictions
        self.before, self.after = (sum(side.get(each.value, 0) for each in outcomes) for side in (first, second))
        self.asked, self.asks = sum(first.values()), sum(second.values())
        before = f"{self.before:,}" if self.asked == self.asks else f"{self.before:,} of {self.asked:,}"
        self.text = f"from {before} to {self.after:,} of {self.asks:,} ({cell.name})"

    def exceeds(self, limit: float) -> bool:
        """Say whether tonight has more than the run bears, and the night before had not."""
        return self.after > limit * self.asks and self.before <= limit * self.asked


def _turns(cell: SameCell, outcomes: frozenset[PredictionOutcome]) -> tuple[int, int]:
    """Count the trials of equal samples that no longer end in one of `outcomes`, and those that newly do."""
    first, second = cell.items
    codes = frozenset(place for place, outcome in enumerate(_CODES) if outcome in outcomes)
    at = {key: place for place, key in enumerate(zip(first.ids, first.digests, strict=True))}
    ceased = begun = 0
    for now, key in enumerate(zip(second.ids, second.digests, strict=True)):
        if (then := at.get(key)) is None:
            continue
        for trial in range(min(first.repeats, second.repeats)):
            was = first.predictions[then * first.repeats + trial] in codes
            ends = second.predictions[now * second.repeats + trial] in codes
            ceased, begun = ceased + (was and not ends), begun + (ends and not was)
    return ceased, begun


def _is_shown(turns: Sequence[tuple[int, int]], level: float) -> bool:
    return mcnemar(sum(ceased for ceased, _ in turns), sum(begun for _, begun in turns)).exact < level


def _cost(point: PastMetric) -> float | None:
    asked = sum(point.predictions.values())
    return point.cost_usd / asked if point.cost_usd is not None and asked else None


def _latency(point: PastMetric) -> float | None:
    return point.latency_s.get("p50")


def _factor(
    cells: Sequence[SameCell], what: str, read: Callable[[PastMetric], float | None], *, most: float
) -> Iterator[Shift]:
    """Yield a figure that became so many times as large, or as small; a latency that nobody notices is none."""
    found: list[tuple[float, str]] = []
    for cell in cells:
        before, after = read(cell.before), read(cell.after)
        if not before or not after or (read is _latency and max(before, after) < _NOTICED_S):
            continue
        if not 1 / most < after / before < most:
            found.append((after / before, cell.name))
    found.sort(key=lambda each: -max(each[0], 1 / each[0]))
    if found:
        yield Shift(f"{what}: {list_some([f'{name} {_times(factor)} the night before' for factor, name in found])}")


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if factor >= 1 else f"{factor:.2f} times"
