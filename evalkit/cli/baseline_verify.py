"""`evalkit baseline verify`: a baseline file against its own digest, and against its run where that is here."""

from pathlib import Path

import click

from evalkit.baseline import read_baseline
from evalkit.baseline_changes import compare_baselines, describe_changes
from evalkit.errors import ConfigError, ExitCode, StoreError
from evalkit.folders import find_run
from evalkit.report.terminal import clean_text
from evalkit.stored_items import read_items

__all__ = ["command"]


@click.command("verify", help="Check a baseline file, and that it says what its run says where that is here.")
@click.argument("baseline", type=click.Path(path_type=Path))
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(baseline: Path, *, reports: Path) -> int:
    """Refuse a file that was changed after it was set, or that differs from its run."""
    found = read_baseline(baseline)
    try:
        folder = find_run(found.run_id, reports)
    except StoreError:
        click.echo(f"{baseline}: whole and unchanged; its run {found.run_id} is not below {reports}/", err=True)
        return ExitCode.DONE
    changes = [change for change in compare_baselines(found.items(), read_items(folder)) if change.state != "same"]
    if changes:
        for line in describe_changes(changes):
            click.echo(clean_text(line), err=True)
        raise ConfigError(f"{baseline}: says otherwise than its run {folder.path}; set it again")
    click.echo(f"{baseline}: whole, unchanged, and equal to its run {folder.path}", err=True)
    return ExitCode.DONE
