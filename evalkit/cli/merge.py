"""`evalkit merge`: the shards of one plan, joined into one run; no model call."""

import asyncio
import os
from pathlib import Path

import click

from evalkit.cli.run import conclude, load_plan, resolve_weave
from evalkit.config.questions import TRIALS_LIMIT
from evalkit.errors import ConfigError
from evalkit.folders import find_run, new_run_folder
from evalkit.image_store import ImageStore
from evalkit.merge import merge_journals
from evalkit.runner import run_plan

__all__ = ["command"]


@click.command("merge", help="Join the shards of a split run into one run; asks no model.")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("runs", nargs=-1, required=True)
@click.option("--profile", help="The profile the shards were run with.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--models", multiple=True, metavar="LABEL", help="As the shards were run.")
@click.option("--evaluations", multiple=True, metavar="NAME", help="As the shards were run.")
@click.option("--limit", type=click.IntRange(1), help="As the shards were run.")
@click.option("--trials", type=click.IntRange(1, TRIALS_LIMIT), help="As the shards were run.")
@click.option("--no-publish", is_flag=True, help="Publish nothing to Weave.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders go.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    config: Path,
    runs: tuple[str, ...],
    *,
    profile: str | None,
    overrides: tuple[str, ...],
    models: tuple[str, ...],
    evaluations: tuple[str, ...],
    limit: int | None,
    trials: int | None,
    no_publish: bool,
    reports: Path,
) -> int:
    """Join runs and print the new run folder's path as the last line of stdout."""
    plan = load_plan(config, profile, overrides, models=models, evaluations=evaluations, limit=limit, trials=trials)
    parts = [find_run(run, reports) for run in runs]
    for part in parts:
        if part.load().plan_digest != plan.digest:
            raise ConfigError(f"{part.path} was another plan than {config} describes now; merge shards of one plan")
    folder = new_run_folder(reports, plan.config.name)
    merge_journals([part.journal for part in parts], folder.journal)
    for part in parts:
        ImageStore(folder.images).take_over(ImageStore(part.images))
    weave, _ = resolve_weave(plan.config, os.environ, publish=not no_publish)
    return conclude(asyncio.run(run_plan(plan, folder, weave=weave, offline=True)))
