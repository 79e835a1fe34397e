"""What the quarantine's commands share: where the file is, and what its entries weigh in the runs known here."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from evalkit.cli.output_file import write_output
from evalkit.history import History, history_path
from evalkit.quarantine import Quarantine, QuarantinedSample, SetAside, quarantine_text
from evalkit.registry import nearest

__all__ = ["KnownSamples", "known_samples", "say_weight", "set_aside_of", "the_file", "the_reports", "write_quarantine"]

_MOST_LINES = 12
_MOST_COMPARED = 5_000
"""Among more samples, looking for the nearest would take longer than it helps."""

the_file = click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("baselines/quarantine.json"),
    show_default=True,
    help="The quarantine file, as in nightly.quarantine.",
)
the_reports = click.option(
    "--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are."
)


@dataclass(frozen=True, slots=True)
class KnownSamples:
    """The samples of one metric of one model, in the newest complete run of a name."""

    name: str
    metric: str
    model: str
    ids: Sequence[str]


def known_samples(reports: Path) -> tuple[KnownSamples, ...] | None:
    """Return the samples of the newest complete run of each name in the history; None where there is none."""
    path = history_path(os.environ, reports.resolve().parent)
    if not path.exists():
        return None
    with History(path) as history:
        newest = {run.name: run.run_id for run in history.runs() if run.status == "complete"}
        return tuple(
            KnownSamples(name, items.name, items.model, items.ids)
            for name, run_id in newest.items()
            for items in history.items(run_id)
        )


def set_aside_of(
    quarantine: Quarantine, known: Sequence[KnownSamples], *, night: str
) -> Iterator[tuple[KnownSamples, SetAside]]:
    """Yield what is left out of each metric that the quarantine is about."""
    for each in known:
        aside = quarantine.set_aside(night, metric=each.metric, model=each.model, ids=each.ids)
        if aside.ids or aside.unknown or aside.expired:
            yield each, aside


def say_weight(
    quarantine: Quarantine,
    entries: Sequence[QuarantinedSample],
    known: Sequence[KnownSamples] | None,
    *,
    night: str,
) -> list[str]:
    """Say what some entries, with all the others, leave out of the metrics they are about."""
    if known is None:
        return ["no history here, so nobody checked that these samples exist"]
    touched = [each for each in known if any(entry.covers(each.metric, each.model) for entry in entries)]
    if not touched:
        metrics = sorted({each.metric for each in known})
        pattern, model = entries[0].metric, entries[0].model
        return [f"warning: no metric in the history fits {pattern!r} of model {model!r}{nearest(pattern, metrics)}"]
    lines = [
        f"{each.metric} of {each.model} ({each.name}): {' '.join(aside.sentences())}{_meant(each, aside)}"
        for each, aside in set_aside_of(quarantine, touched, night=night)
    ]
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"and so for {more} more"]


def _meant(known: KnownSamples, aside: SetAside) -> str:
    """Return the sample that an unknown one may have been meant to be, as a warning."""
    if not aside.unknown:
        return ""
    near = nearest(aside.unknown[0], known.ids) if len(known.ids) <= _MOST_COMPARED else ""
    return f" Warning: it sets nothing aside{near}"


def write_quarantine(file: Path, quarantine: Quarantine) -> None:
    """Write the file, and the folder it is in."""
    write_output(file, quarantine_text(quarantine))
