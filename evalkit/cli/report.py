"""`evalkit report`: the files of a stored run that its config asks for."""

import importlib
import sys
from pathlib import Path

import click

from evalkit.errors import ExitCode
from evalkit.folders import find_run
from evalkit.report.build import write_report
from evalkit.report.svg import warm_up
from evalkit.samples_table import write_samples

__all__ = ["command"]


@click.command(
    "report",
    help="Build the files of a stored run again: the page, the summary, the tables, those for CI.",
)
@click.argument("run")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--when-told", is_flag=True, hidden=True, help="Load the libraries, then wait for a line on stdin.")
def command(run: str, *, reports: Path, when_told: bool) -> int:
    """Make the files that the run's config asks for and print their paths."""
    folder = find_run(run, reports)
    if when_told:
        importlib.import_module("pyarrow.parquet")
        warm_up()
        if not sys.stdin.readline():
            return ExitCode.DONE
    made: list[Path] = []
    if folder.load().config.get("report", {}).get("parquet", True):
        write_samples(folder)
        made.append(folder.path / "samples.parquet")
    made += write_report(folder)
    for path in made:
        click.echo(path)
    return ExitCode.DONE
