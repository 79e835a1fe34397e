"""`evalkit baseline set`: make a run the baseline, with a reason; another one is never replaced unseen."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from evalkit.baseline import Baseline, baseline_text, make_baseline, read_baseline, restate_baseline
from evalkit.baseline_changes import MetricChange, compare_baselines, describe_changes
from evalkit.cli.author import find_author
from evalkit.cli.weave_baseline import weave_baselines_of
from evalkit.errors import ConfigError, ExitCode, IncompleteError, StoreError
from evalkit.folders import find_run
from evalkit.history_registration import note_baseline
from evalkit.report.terminal import clean_text
from evalkit.store import RunFolder, write_atomically
from evalkit.stored_items import MetricItems, read_items
from evalkit.weave_io.baseline_reference import is_in_weave

__all__ = ["command"]


@click.command("set", help="Make a run the baseline: a small JSON file, to be reviewed and kept in git.")
@click.argument("run", metavar="RUN|weave:...")
@click.option("--config", type=click.Path(path_type=Path), help="Where weave:latest is looked for: its name and weave.")
@click.option("--reason", required=True, metavar="WHY", help="Why this run is what others are held to from now on.")
@click.option("--out", type=click.Path(path_type=Path), help="The file; baselines/NAME.json when left out.")
@click.option("--author", help="Who sets it; git's user.name and user.email when left out.")
@click.option("--yes", "--replace", "is_replacing", is_flag=True, help="Replace a baseline that is there.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(
    run: str,
    *,
    config: Path | None,
    reason: str,
    out: Path | None,
    author: str | None,
    is_replacing: bool,
    reports: Path,
) -> int:
    """Write the baseline and print its path; over another one, show what changes and ask for --replace.

    A published run is read from Weave, where its folder is on another machine.
    """
    if not reason.strip():
        raise ConfigError("--reason is empty; say why this run is what others are held to from now on")
    stored = None if is_in_weave(run) else find_run(run, reports)
    found = weave_baselines_of(config, name=None, reports=reports)(run, None) if stored is None else _read(stored)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = restate_baseline(found, author=author or find_author(), reason=reason.strip(), set_at=now)
    path = out or Path("baselines") / f"{made.name}.json"
    if path.exists():
        _show_changes(path, compare_baselines(_present(path, is_replacing=is_replacing), made.items()))
        if not is_replacing:
            raise ConfigError(f"{path}: another baseline is there, and the above would change; add --replace to do so")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, baseline_text(made))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    if stored is not None:
        _note(stored, made, path)
    click.echo(f"baseline {path}: run {made.run_id}, set by {made.author}; commit it", err=True)
    click.echo(str(path))
    return ExitCode.DONE


def _read(folder: RunFolder) -> Baseline:
    """Return a stored run as a baseline that nobody has set yet."""
    stored = folder.load()
    if stored.plan.get("shard"):
        raise ConfigError(f"{folder.path} is one shard of a run; join them with `evalkit merge`")
    if stored.status != "complete":
        raise IncompleteError(f"{folder.path} is {stored.status}; finish it with `evalkit run CONFIG --resume`")
    return make_baseline(stored, read_items(folder, stored), author="", reason="none yet", set_at="")


def _note(folder: RunFolder, made: Baseline, path: Path) -> None:
    about = {"path": str(path), "set_at": made.set_at, "author": made.author, "reason": made.reason}
    if (problem := note_baseline(folder, folder.load(), about, env=os.environ)) is not None:
        click.echo(problem, err=True)


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
