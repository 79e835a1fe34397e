"""`evalkit cache info`: what the shared cache holds."""

import dataclasses
import json
import os
from pathlib import Path

import click

from evalkit.cache import cache_path
from evalkit.cache_contents import CacheContents, describe_cache
from evalkit.cli.cache_times import format_time
from evalkit.report.numbers import plural
from evalkit.report.terminal import clean_text

__all__ = ["command"]

_MEGABYTE = 1_000_000


@click.command("info", help="Show what the shared cache holds, by model and endpoint.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(reports: Path, *, as_json: bool) -> None:
    """Show the cache beside `reports`."""
    contents = describe_cache(cache_path(os.environ, reports.resolve().parent))
    if as_json:
        models = [dataclasses.asdict(kept) for kept in contents.models]
        plain = {"path": str(contents.path), "bytes": contents.size, "answers": contents.answers, "models": models}
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False))
        return
    for line in _lines(contents):
        click.echo(clean_text(line))


def _lines(contents: CacheContents) -> list[str]:
    if not contents.models:
        return [f"{contents.path}: no cached answer; a run with run.cache: shared keeps its own there"]
    first = f"{contents.path}: {plural(contents.answers, 'answer')}, {contents.size / _MEGABYTE:.1f} MB"
    return [
        first,
        *(
            f"  {kept.model} at {kept.url}: {plural(kept.answers, 'answer')} to {plural(kept.samples, 'sample')}, "
            f"{format_time(kept.oldest)} to {format_time(kept.newest)}"
            for kept in contents.models
        ),
    ]
