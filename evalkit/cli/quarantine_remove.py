"""`evalkit quarantine remove`: let samples count again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from evalkit.cli.quarantine_file import the_file, write_quarantine
from evalkit.errors import ConfigError, ExitCode
from evalkit.quarantine import QuarantinedSample, read_quarantine
from evalkit.report.terminal import clean_text

__all__ = ["command"]


@click.command("remove", help="Let samples count again in nightly claims.")
@click.argument("samples", nargs=-1, metavar="SAMPLE...")
@click.option("--metric", help="Only the entries of this metric, as it is written in the file.")
@click.option("--model", metavar="GLOB", help="Only those of this model, as it is written in the file.")
@click.option("--expired", is_flag=True, help="Every entry whose last day has passed.")
@the_file
def command(samples: tuple[str, ...], *, metric: str | None, model: str | None, expired: bool, file: Path) -> int:
    """Take entries out of the file and print its path."""
    if not samples and not expired:
        raise ConfigError("name the samples that shall count again, or give --expired")
    found = read_quarantine(file)
    today = datetime.now(UTC).date().isoformat()

    def is_meant(entry: QuarantinedSample) -> bool:
        chosen = (not samples or entry.sample in samples) and not (expired and entry.holds_on(today))
        return chosen and metric in (None, entry.metric) and model in (None, entry.model)

    gone = [entry for entry in found.samples if is_meant(entry)]
    missing = [sample for sample in samples if sample not in {entry.sample for entry in gone}]
    if missing:
        raise ConfigError(f"{file}: no such entry of {', '.join(missing)}; `evalkit quarantine list` shows them")
    if gone:
        write_quarantine(file, found.removed(gone))
    for entry in gone:
        about = f"{entry.sample} ({entry.metric} of {entry.model}): counts again; it was to be left out"
        click.echo(clean_text(f"{about} until {entry.until} ({entry.reason})"), err=True)
    click.echo(f"quarantine {file}: {len(gone)} removed; commit it", err=True)
    click.echo(str(file))
    return ExitCode.DONE
