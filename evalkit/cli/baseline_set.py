"""`evalkit baseline set`: make a run the baseline, with a reason; another one is never replaced unseen."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from evalkit.baseline import baseline_text, make_baseline, read_baseline
from evalkit.baseline_changes import MetricChange, compare_baselines, describe_changes
from evalkit.cli.author import find_author
from evalkit.errors import ConfigError, ExitCode, IncompleteError, StoreError
from evalkit.folders import find_run
from evalkit.history_registration import note_baseline
from evalkit.report.terminal import clean_text
from evalkit.store import write_atomically
from evalkit.stored_items import MetricItems, read_items

__all__ = ["command"]


@click.command("set", help="Make a run the baseline: a small JSON file, to be reviewed and kept in git.")
@click.argument("run")
@click.option("--reason", required=True, metavar="WHY", help="Why this run is what others are held to from now on.")
@click.option("--out", type=click.Path(path_type=Path), help="The file; baselines/NAME.json when left out.")
@click.option("--author", help="Who sets it; git's user.name and user.email when left out.")
@click.option("--yes", "--replace", "is_replacing", is_flag=True, help="Replace a baseline that is there.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(run: str, *, reason: str, out: Path | None, author: str | None, is_replacing: bool, reports: Path) -> int:
    """Write the baseline and print its path; over another one, show what changes and ask for --replace."""
    if not reason.strip():
        raise ConfigError("--reason is empty; say why this run is what others are held to from now on")
    folder = find_run(run, reports)
    stored = folder.load()
    if stored.plan.get("shard"):
        raise ConfigError(f"{folder.path} is one shard of a run; join them with `evalkit merge`")
    if stored.status != "complete":
        raise IncompleteError(f"{folder.path} is {stored.status}; finish it with `evalkit run CONFIG --resume`")
    items = read_items(folder, stored)
    path = out or Path("baselines") / f"{stored.name}.json"
    if path.exists():
        _show_changes(path, compare_baselines(_present(path, is_replacing=is_replacing), items))
        if not is_replacing:
            raise ConfigError(f"{path}: another baseline is there, and the above would change; add --replace to do so")
    made = make_baseline(
        stored,
        items,
        author=author or find_author(),
        reason=reason.strip(),
        set_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, baseline_text(made))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    about = {"path": str(path), "set_at": made.set_at, "author": made.author, "reason": made.reason}
    if (problem := note_baseline(folder, stored, about, env=os.environ)) is not None:
        click.echo(problem, err=True)
    click.echo(f"baseline {path}: run {stored.run_id}, set by {made.author}; commit it", err=True)
    click.echo(str(path))
    return ExitCode.DONE


def _present(path: Path, *, is_replacing: bool) -> tuple[MetricItems, ...]:
    try:
        return read_baseline(path).items()
    except ConfigError:
        if not is_replacing:
            raise
        click.echo(f"{path}: what is there cannot be read as a baseline and is replaced", err=True)
        return ()


def _show_changes(path: Path, changes: tuple[MetricChange, ...]) -> None:
    click.echo(f"{path} changes:", err=True)
    for line in describe_changes(changes):
        click.echo(clean_text(line), err=True)
