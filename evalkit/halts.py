"""Cells that are given up while the rest of the run goes on: their model is not there, or all they ask is rejected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.records import Failure, FailureKind, Prediction

__all__ = ["ALIKE", "Halt", "Halts"]

ALIKE = 10
"""Rejections in a row, alike but for their numbers, after which a cell is given up."""

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a cell was given up; `is_access` when its model cannot be had at all."""

    message: str
    is_access: bool = False


@dataclass(slots=True)
class _Streak:
    failure: tuple[int | None, str] | None = None
    length: int = 0


class Halts:
    """What was given up so far, by cell key."""

    def __init__(self) -> None:
        self.cells: dict[str, Halt] = {}
        self._streaks: dict[str, _Streak] = {}

    def __contains__(self, cell: str) -> bool:
        return cell in self.cells

    def give_up(self, cells: Iterable[str], halt: Halt) -> None:
        """Ask nothing more for these cells; the first reason stands."""
        for cell in cells:
            self.cells.setdefault(cell, halt)

    def note(self, cell: str, prediction: Prediction) -> None:
        """Give a cell up when this is the last of many rejections alike; any other answer ends the row."""
        if prediction.from_journal:
            return
        streak = self._streaks.setdefault(cell, _Streak())
        alike = _likeness(prediction.failure)
        if alike is None or alike != streak.failure:
            streak.failure, streak.length = alike, 0
        if alike is not None and prediction.failure is not None:
            streak.length += 1
            if streak.length >= ALIKE:
                self.give_up([cell], Halt(f"{ALIKE} calls in a row were rejected alike: {prediction.failure.message}"))


def _likeness(failure: Failure | None) -> tuple[int | None, str] | None:
    if failure is None or failure.kind is not FailureKind.REJECTED:
        return None
    return failure.status, _NUMBERS.sub("#", failure.message)
