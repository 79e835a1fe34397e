"""`evalkit history forget`: old runs leave the history; their folders stay."""

from pathlib import Path

import click

from evalkit.cli.confirm import confirm
from evalkit.cli.history_choice import open_known
from evalkit.errors import ConfigError
from evalkit.registry import nearest
from evalkit.report.numbers import plural

__all__ = ["command"]


@click.command("forget", help="Forget all but the newest runs of a name, or of each; run folders stay.")
@click.argument("name", required=False)
@click.option(
    "--keep",
    type=click.IntRange(1),
    required=True,
    metavar="N",
    help="How many nights of a name to remember, and as many other runs.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(name: str | None, *, keep: int, yes: bool, reports: Path) -> None:
    """Forget old runs; the first run of each series that goes on is remembered too, drift is measured from there."""
    with open_known(reports) as history:
        names = list(dict.fromkeys(run.name for run in history.runs()))
        if name is not None and name not in names:
            raise ConfigError(f"no run of {name!r} is registered in {history.path}{nearest(name, names)}")
        chosen = names if name is None else [name]
        if not yes:
            confirm(f"Forget all but the newest {plural(keep, 'run')} of {', '.join(chosen)}?")
        for each in chosen:
            forgotten = history.forget(each, keep)
            left = len(history.runs(each))
            why = ", the first of each series that goes on among them" if left > keep else ""
            click.echo(f"{each}: {plural(forgotten, 'run')} forgotten, {left} remembered{why}", err=True)
