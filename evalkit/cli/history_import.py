"""`evalkit history import`: registers run folders that history does not know."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from evalkit.errors import ConfigError, ExitCode, StoreError
from evalkit.history import History, history_path
from evalkit.report.numbers import plural
from evalkit.report.terminal import clean_text
from evalkit.store import RunFolder

__all__ = ["command"]


@click.command("import", help="Register run folders, or all below folders; what is registered already stays one run.")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(folders: tuple[Path, ...], *, reports: Path) -> ExitCode:
    """Register each run folder; say of each that cannot be read why it is left out."""
    found = [run for folder in folders for run in _runs(folder)]
    registered = 0
    with History(history_path(os.environ, reports.resolve().parent)) as history:
        for folder in dict.fromkeys(found):
            try:
                history.register(folder, folder.load())
                registered += 1
            except StoreError as error:
                click.echo(clean_text(f"left out: {error}"), err=True)
    left_out = len(dict.fromkeys(found)) - registered
    more = f"; {left_out} left out" if left_out else ""
    click.echo(f"{plural(registered, 'run')} registered in {history.path}{more}", err=True)
    return ExitCode.DONE


def _runs(folder: Path) -> Iterator[RunFolder]:
    """Yield the run folders at, below or two levels below a folder, as in reports/<name>/<run>.

    Raises:
        ConfigError: there is none.
    """
    patterns = ("run.json", "*/run.json", "*/*/run.json")
    found = next((paths for pattern in patterns if (paths := sorted(folder.glob(pattern)))), None)
    if found is None:
        raise ConfigError(f"{folder}: no run folder there; name reports/, reports/<name> or a run folder")
    yield from (RunFolder(path.parent) for path in found)
