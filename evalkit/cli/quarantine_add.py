"""`evalkit quarantine add`: set samples aside from nightly claims for a while, with a reason."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from evalkit.cli.author import find_author
from evalkit.cli.quarantine_file import known_samples, say_weight, the_file, the_reports, write_quarantine
from evalkit.errors import ConfigError, ExitCode
from evalkit.quarantine import LONGEST, Quarantine, QuarantinedSample, check_span, read_quarantine
from evalkit.report.terminal import clean_text

__all__ = ["command"]


@click.command("add", help="Set samples aside from nightly claims until a day; never from the leaderboard or gates.")
@click.argument("samples", nargs=-1, required=True, metavar="SAMPLE...")
@click.option("--metric", required=True, help="evaluation.scorer, a glob of it, or an evaluation with all its scorers.")
@click.option("--model", default="*", show_default=True, metavar="GLOB", help="For which models.")
@click.option("--reason", required=True, metavar="WHY", help="Why they say nothing for now.")
@click.option("--until", metavar="DATE", help=f"The last day they are left out; at most {LONGEST.days} days from now.")
@click.option("--days", type=click.IntRange(1, LONGEST.days), help="The same, as a number of days.")
@click.option("--author", help="Who does so; git's user.name and user.email when left out.")
@click.option("--replace", is_flag=True, help="Set anew what is set aside already.")
@the_file
@the_reports
def command(  # noqa: PLR0913  one parameter for each option of the command line
    samples: tuple[str, ...],
    *,
    metric: str,
    model: str,
    reason: str,
    until: str | None,
    days: int | None,
    author: str | None,
    replace: bool,
    file: Path,
    reports: Path,
) -> int:
    """Write the entries and print the file's path; say which samples the history does not know."""
    if not reason.strip():
        raise ConfigError("--reason is empty; say why these samples say nothing for now")
    today = datetime.now(UTC).date()
    present = read_quarantine(file) if file.exists() else Quarantine()
    made = [
        QuarantinedSample(
            metric=metric,
            model=model,
            sample=sample,
            reason=reason.strip(),
            author=author or find_author(),
            set_at=today.isoformat(),
            until=_last_day(until, days, today),
        )
        for sample in dict.fromkeys(samples)
    ]
    for entry in made:
        if (problem := check_span(entry)) is not None:
            raise ConfigError(problem)
        _refuse_doubles(file, present, entry, today=today.isoformat(), replace=replace)
        present = present.added(entry)
    write_quarantine(file, present)
    for line in say_weight(present, made, known_samples(reports), night=today.isoformat()):
        click.echo(clean_text(line), err=True)
    click.echo(f"quarantine {file}: {len(made)} added by {made[0].author}; commit it", err=True)
    click.echo(str(file))
    return ExitCode.DONE


def _last_day(until: str | None, days: int | None, today: date) -> str:
    if (until is None) == (days is None):
        raise ConfigError("a quarantine ends: name its last day with --until DATE, or with --days N")
    if until is None:
        return (today + timedelta(days=days or 0)).isoformat()
    try:
        return date.fromisoformat(until).isoformat()
    except ValueError:
        raise ConfigError(f"--until {until}: not a date; write it as in {today.isoformat()}") from None


def _refuse_doubles(file: Path, present: Quarantine, entry: QuarantinedSample, *, today: str, replace: bool) -> None:
    old = next((each for each in present.samples if each.key == entry.key), None)
    if old is not None and old.holds_on(today) and not replace:
        raise ConfigError(
            f"{file}: sample {entry.sample!r} of {entry.metric} is set aside until {old.until} already"
            f" ({old.reason}); add --replace to set it anew"
        )
