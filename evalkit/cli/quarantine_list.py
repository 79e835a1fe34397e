"""`evalkit quarantine list`: what is set aside, why, by whom and until when, and what it weighs."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import click

from evalkit.cli.quarantine_file import known_samples, set_aside_of, the_file, the_reports
from evalkit.errors import ExitCode
from evalkit.quarantine import QuarantinedSample, read_quarantine
from evalkit.report.terminal import clean_text

__all__ = ["command"]


@click.command("list", help="Show which samples are set aside, why, until when, and what they weigh.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@the_file
@the_reports
def command(*, as_json: bool, file: Path, reports: Path) -> int:
    """Print every entry, and for each metric known here the share of its weight that is left out."""
    found = read_quarantine(file)
    today = datetime.now(UTC).date()
    known = known_samples(reports) or ()
    weights = list(set_aside_of(found, known, night=today.isoformat()))
    if as_json:
        entries = [{**entry.model_dump(), "in_force": entry.holds_on(today.isoformat())} for entry in found.samples]
        metrics = [
            {"name": each.name, "metric": each.metric, "model": each.model, **aside.describe()}
            for each, aside in weights
        ]
        click.echo(json.dumps({"file": str(file), "samples": entries, "metrics": metrics}, indent=1))
        return ExitCode.DONE
    for entry in found.samples:
        click.echo(clean_text(_line(entry, today)))
    for each, aside in weights:
        click.echo(clean_text(f"{each.metric} of {each.model} ({each.name}): {' '.join(aside.sentences())}"))
    if not found.samples:
        click.echo(f"{file}: nothing is set aside")
    return ExitCode.DONE


def _line(entry: QuarantinedSample, today: date) -> str:
    left = (date.fromisoformat(entry.until) - today).days
    ends = f"until {entry.until}, {left + 1} days left" if left >= 0 else f"EXPIRED {entry.until}, counted again"
    about = entry.metric if entry.model == "*" else f"{entry.metric} of {entry.model}"
    return f"{entry.sample} ({about}): {ends}; {entry.reason} ({entry.author}, {entry.set_at})"
