"""`evalkit cache clear`: forget answers that runs could have used again."""

import os
import time
from pathlib import Path

import click

from evalkit.cache import cache_path
from evalkit.cache_contents import Chosen, clear_cache, count_chosen
from evalkit.cli.cache_times import parse_span
from evalkit.cli.confirm import confirm
from evalkit.errors import StoreError
from evalkit.report.numbers import plural

__all__ = ["command"]


@click.command("clear", help="Forget cached answers: all of them, a model's, or those older than a span of time.")
@click.option("--model", metavar="GLOB", help="Only answers of models whose id matches, such as 'meta/*'.")
@click.option("--older-than", metavar="SPAN", help="Only answers older than this, such as 30d.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(model: str | None, older_than: str | None, *, yes: bool, reports: Path) -> None:
    """Clear the cache beside `reports`; stored runs keep their answers."""
    chosen = Chosen(model, None if older_than is None else time.time() - parse_span(older_than))
    path = cache_path(os.environ, reports.resolve().parent)
    question = _question(path, chosen)
    if question is None:
        click.echo(f"nothing to forget in {path}", err=True)
        return
    if not yes:
        confirm(question)
    removed = clear_cache(path, chosen)
    what = f"forgot {plural(removed, 'answer')} of {path}" if path.exists() else f"removed {path}"
    click.echo(f"{what}; stored runs keep their answers", err=True)


def _question(path: Path, chosen: Chosen) -> str | None:
    """Return what to ask first; None when there is nothing to forget."""
    try:
        count = count_chosen(path, chosen)
    except StoreError as error:
        if chosen != Chosen():
            raise
        return f"{str(error).partition(';')[0]}. Remove the file?"
    return f"Forget {plural(count, 'answer')} of {path}?" if count else None
