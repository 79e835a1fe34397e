"""Which two sides a comparison is of: runs, models of runs, or two models of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.comparison import Side
from evalkit.errors import ConfigError, StoreError
from evalkit.folders import find_run
from evalkit.registry import nearest
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, SampleNames, read_items

__all__ = ["NamedRun", "choose_sides", "find_named", "open_runs"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class NamedRun:
    """A stored run with its metrics, and the model of it that is meant; None where that is left open."""

    folder: RunFolder
    run: RunResult
    items: Sequence[MetricItems]
    model: str | None = None

    @property
    def models(self) -> list[str]:
        """The labels of the run's models, in its order."""
        return list(dict.fromkeys(cell.model for cell in self.run.cells))


def find_named(reference: str, reports: Path) -> tuple[RunFolder, str | None]:
    """Return the run of `RUN` or `RUN:MODEL LABEL`, and the label.

    Raises:
        StoreError: there is no such run.
    """
    try:
        return find_run(reference, reports), None
    except StoreError as missing:
        for place, letter in enumerate(reference):
            if letter == ":":
                try:
                    return find_run(reference[:place], reports), reference[place + 1 :]
                except StoreError:
                    continue
        raise missing from None


def open_runs(references: Sequence[tuple[RunFolder, str | None]]) -> list[NamedRun]:
    """Read each run once, however often it is named."""
    read: dict[Path, tuple[RunResult, Sequence[MetricItems]]] = {}
    known: dict[str, SampleNames] = {}
    for folder, _ in references:
        if folder.path not in read:
            run = folder.load()
            read[folder.path] = run, read_items(folder, run, known=known)
    return [NamedRun(folder, *read[folder.path], label) for folder, label in references]


def choose_sides(runs: Sequence[NamedRun]) -> list[tuple[Side, Side]]:
    """Return what is compared: the first run with each other one, model by model.

    Models pair by their label; where a run has only one, or one is named, that is meant, whatever its label.

    Raises:
        ConfigError: a label is not in its run, or no model of two runs belongs together.
    """
    for each in runs:
        if each.model is not None and each.model not in each.models:
            raise ConfigError(
                f"{each.folder.path} has no model called {each.model!r}{nearest(each.model, each.models)}"
            )
    first = runs[0]
    return [
        (_side("A", first, mine), _side(_LETTERS[number % len(_LETTERS)], other, theirs))
        for number, other in enumerate(runs[1:], start=1)
        for mine, theirs in _matched(first, other)
    ]


def _side(letter: str, named: NamedRun, model: str) -> Side:
    return Side(letter, named.folder, named.run, model, named.items)


def _matched(first: NamedRun, second: NamedRun) -> list[tuple[str, str]]:
    mine, theirs = _meant(first), _meant(second)
    if len(mine) == len(theirs) == 1:
        return [(mine[0], theirs[0])]
    common = [label for label in mine if label in theirs]
    if not common:
        raise ConfigError(
            f"no model of {first.folder.path} ({', '.join(mine)}) is in {second.folder.path} ({', '.join(theirs)}); "
            "say which to compare: RUN:MODEL"
        )
    return [(label, label) for label in common]


def _meant(named: NamedRun) -> list[str]:
    return named.models if named.model is None else [named.model]
