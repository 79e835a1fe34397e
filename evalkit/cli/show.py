"""`evalkit show`: a stored run, or one sample of it in full."""

import difflib
import json
from itertools import islice
from pathlib import Path

import click

from evalkit.errors import ConfigError
from evalkit.folders import find_run
from evalkit.journal_reader import JournalReader
from evalkit.records import Json
from evalkit.registry import nearest
from evalkit.report.one_sample import find_sample
from evalkit.report.terminal import clean_text, print_leaderboard
from evalkit.results import RunResult
from evalkit.store import RunFolder, encode_cell

__all__ = ["command"]

_IDS_COMPARED = 5_000


@click.command("show", help="Show a run, or one sample of it in full.")
@click.argument("run")
@click.argument("sample", required=False)
@click.option("--model", "models", multiple=True, metavar="LABEL", help="Only the answers of these models.")
@click.option("--evaluation", "evaluations", multiple=True, metavar="NAME", help="Only these evaluations.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def command(
    run: str,
    sample: str | None,
    *,
    models: tuple[str, ...],
    evaluations: tuple[str, ...],
    reports: Path,
    as_json: bool,
) -> None:
    """Show the run at a path, or the newest of a name; with SAMPLE, everything known about that sample."""
    folder = find_run(run, reports)
    stored = folder.load()
    if sample is None:
        _show_run(folder, stored, as_json=as_json)
        return
    cells = _chosen(stored, models, evaluations)
    with folder.reader() as reader:
        found = list(find_sample(reader, cells, sample))
        if not found:
            raise ConfigError(f"no sample of {folder.path} is called {sample!r}{_nearest(reader, cells, sample)}")
    if as_json:
        click.echo(json.dumps([asked.describe() for asked in found], indent=1, default=dict))
        return
    for asked in found:
        click.echo("\n".join(_clean(line) for line in asked.lines()))


def _show_run(folder: RunFolder, run: RunResult, *, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Json] = {
            name: getattr(run, name)
            for name in ("run_id", "name", "status", "started_at", "ended_at", "primary", "leaderboard", "pairs", "tie")
        }
        shown |= {"path": str(folder.path), "cells": [encode_cell(cell) for cell in run.cells]}
        click.echo(json.dumps(shown, indent=1, default=dict))
        return
    click.echo(_clean(f"{run.name}, run {run.run_id}: {run.status}, started {run.started_at}"), err=True)
    print_leaderboard(run)
    click.echo(str(folder.path))


def _chosen(run: RunResult, models: tuple[str, ...], evaluations: tuple[str, ...]) -> list[dict[str, Json]]:
    cells: list[dict[str, Json]] = list(run.plan["cells"])
    for what, wanted in (("model", models), ("evaluation", evaluations)):
        known = {cell[what] for cell in cells}
        for name in wanted:
            if name not in known:
                raise ConfigError(f"--{what} {name!r} is not in this run{nearest(name, known)}")
    return [
        cell
        for cell in cells
        if (not models or cell["model"] in models) and (not evaluations or cell["evaluation"] in evaluations)
    ]


def _nearest(reader: JournalReader, cells: list[dict[str, Json]], sample_id: str) -> str:
    datasets = dict.fromkeys(cell["dataset"] for cell in cells)
    ids = (sample.id for dataset in datasets for sample in reader.samples(dataset))
    close = difflib.get_close_matches(sample_id, islice(ids, _IDS_COMPARED), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _clean(text: str) -> str:
    return clean_text(text).encode("utf-8", "backslashreplace").decode("utf-8")
