"""`evalkit baseline diff`: what changes from a baseline to a run, or to another baseline."""

import dataclasses
import json
from pathlib import Path

import click

from evalkit.baseline import read_baseline
from evalkit.baseline_changes import compare_baselines, describe_changes
from evalkit.baseline_source import find_baseline
from evalkit.cli.weave_baseline import weave_baselines_of
from evalkit.errors import ExitCode
from evalkit.report.terminal import clean_text

__all__ = ["command"]


@click.command("diff", help="Show what changes from a baseline to a run or another baseline; no verdict.")
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("other", metavar="RUN|BASELINE|weave:...")
@click.option("--config", type=click.Path(path_type=Path), help="Where weave:latest is looked for: its name and weave.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def command(baseline: Path, other: str, *, config: Path | None, reports: Path, as_json: bool) -> int:
    """Print a line for each metric: its means, and how many samples changed."""
    found = read_baseline(baseline)
    fetch = weave_baselines_of(config, name=found.name, reports=reports)
    held_to = find_baseline(other, reports=reports, name=found.name, before=None, base_dir=Path(), fetch=fetch)
    changes = compare_baselines(found.items(), held_to.items)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(change) for change in changes], indent=1, ensure_ascii=False))
        return ExitCode.DONE
    for line in describe_changes(changes):
        click.echo(clean_text(line))
    return ExitCode.DONE
