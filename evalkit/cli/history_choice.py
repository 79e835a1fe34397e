"""Which runs of the history a command looks at: of which name, of which kind, of which models."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from evalkit.errors import ConfigError
from evalkit.history import History, history_path
from evalkit.quarantine import Quarantine, read_quarantine
from evalkit.registry import nearest

__all__ = [
    "FOLDER_GONE",
    "ChosenRuns",
    "find_quarantine",
    "missing_pages",
    "open_chosen",
    "open_known",
    "which_runs",
]

FOLDER_GONE = "folder gone"
"""What is missing of a run whose whole folder is no longer there."""

_DEFAULT_QUARANTINE = Path("baselines/quarantine.json")

_OPTIONS = (
    click.option("--name", help="Whose runs: the name of their config; needed where the history has several."),
    click.option("--model", metavar="GLOB", help="Only these models, by label."),
    click.option(
        "--kind",
        type=click.Choice(["nightly", "run", "all"]),
        help="Which runs; nightly ones where there are any, else all.",
    ),
    click.option(
        "--quarantine",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Samples that claims leave out; {_DEFAULT_QUARANTINE} where that is there.",
    ),
    click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are."),
)


def which_runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose among past runs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def open_known(reports: Path) -> History:
    """Open the history beside a folder of runs.

    Raises:
        ConfigError: there is none yet.
    """
    path = history_path(os.environ, reports.resolve().parent)
    if not path.exists():
        raise ConfigError(f"{path}: no history there yet; `evalkit history import` makes it from the run folders")
    return History(path)


class ChosenRuns(NamedTuple):
    """Which runs of a history are meant; `kind` is None for all kinds."""

    history: History
    name: str
    kind: str | None


@contextmanager
def open_chosen(reports: Path, name: str | None, kind: str | None) -> Generator[ChosenRuns]:
    """Open the history beside a folder of runs, and tell which of them are meant.

    Nightly runs are meant unless told otherwise, where there are any.

    Raises:
        ConfigError: there is no history yet, no run of that name, or several names to choose from.
    """
    with open_known(reports) as history:
        chosen = _choose_name(history, name)
        yield ChosenRuns(history, chosen, _choose_kind(history, chosen, kind))


def _choose_name(history: History, name: str | None) -> str:
    names = list(dict.fromkeys(run.name for run in history.runs()))
    if not names:
        raise ConfigError(f"{history.path}: no runs there yet; `evalkit history import` adds those of the run folders")
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise ConfigError(f"the history has runs of several names; choose one with --name: {', '.join(sorted(names))}")
    if name not in names:
        raise ConfigError(f"no runs of {name!r} in the history{nearest(name, names)}")
    return name


def _choose_kind(history: History, name: str, kind: str | None) -> str | None:
    if kind is not None:
        return None if kind == "all" else kind
    has_nights = any(run.status == "complete" for run in history.runs(name, kind="nightly"))
    return "nightly" if has_nights else None


def find_quarantine(path: Path | None) -> Quarantine:
    """Return the quarantine at a path, or at the usual place; an empty one where there is none."""
    if path is None and not _DEFAULT_QUARANTINE.exists():
        return Quarantine()
    return read_quarantine(path or _DEFAULT_QUARANTINE)


def missing_pages(runs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what is missing of runs, given by id and folder, whose report cannot be opened, by id."""
    found: dict[str, str] = {}
    for run_id, folder in runs:
        if not (Path(folder) / "report.html").is_file():
            found[run_id] = "no report.html" if Path(folder).is_dir() else FOLDER_GONE
    return found
