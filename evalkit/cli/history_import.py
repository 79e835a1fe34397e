"""`evalkit history import`: registers run folders that history does not know."""

import os
from collections.abc import Iterator, Sequence
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
    found, without = _find(folders)
    registered = 0
    for folder in without:
        click.echo(clean_text(f"left out: {folder}: no run.json there; its first line was never written"), err=True)
    with History(history_path(os.environ, reports.resolve().parent)) as history:
        for folder in dict.fromkeys(found):
            try:
                history.register(folder, folder.load())
                registered += 1
            except StoreError as error:
                click.echo(clean_text(f"left out: {error}"), err=True)
    left_out = len(dict.fromkeys(found)) - registered + len(without)
    more = f"; {left_out} left out" if left_out else ""
    click.echo(f"{plural(registered, 'run')} registered in {history.path}{more}", err=True)
    return ExitCode.DONE


def _find(folders: Sequence[Path]) -> tuple[list[RunFolder], list[Path]]:
    """Return the run folders at, below or two levels below some folders, and those that a run was not written to.

    Raises:
        ConfigError: there is none.
    """
    found = [run for folder in folders for run in _runs(folder)]
    bare = [path.parent for folder in folders for path in _marks(folder) if not (path.parent / "run.json").is_file()]
    if not found:
        raise ConfigError(f"{folders[0]}: no run folder there; name reports/, reports/<name> or a run folder")
    return found, list(dict.fromkeys(bare))


def _runs(folder: Path) -> Iterator[RunFolder]:
    """Yield the run folders at, below or two levels below a folder, as in reports/<name>/<run>."""
    patterns = ("run.json", "*/run.json", "*/*/run.json")
    found = next((paths for pattern in patterns if (paths := sorted(folder.glob(pattern)))), None)
    yield from (RunFolder(path.parent) for path in found or ())


def _marks(folder: Path) -> Iterator[Path]:
    """Yield what only a run folder holds."""
    for name in ("night.json", "calls.sqlite"):
        for depth in ("", "*/", "*/*/"):
            yield from (path for path in sorted(folder.glob(depth + name)) if "rejudged" not in path.parts)
