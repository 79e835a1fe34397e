"""`evalkit score`: the answers of a stored run, scored again into a run of its own; no model call but of judges."""

import asyncio
import dataclasses
import json
import os
from pathlib import Path

import click
from pydantic import ValidationError

from evalkit.check import check_scorers
from evalkit.cli.run import conclude, load_plan, refuse_unfit, resolve_weave
from evalkit.config.schema import ScorerSpec
from evalkit.errors import ConfigError
from evalkit.folders import find_run, new_run_folder
from evalkit.journal import ASK_AGAIN
from evalkit.plan import Plan
from evalkit.records import Json
from evalkit.rescore import (
    check_judges_can_be_asked,
    check_same_questions,
    stored_config,
    stored_datasets,
    stored_plan,
    take_answers,
    with_scorers,
)
from evalkit.runner import RunEnd, run_plan
from evalkit.store import RunFolder

__all__ = ["command"]


@click.command("score", help="Score the stored answers of a run again, into a new run; asks no model but judges.")
@click.argument("run")
@click.option("--config", type=click.Path(path_type=Path), help="Score as this config says; it must ask the same.")
@click.option("--profile", help="The config's profile.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config.")
@click.option(
    "--scorer",
    "scorers",
    multiple=True,
    metavar="NAME=USE[,OPTION=VALUE]...",
    help="Add a scorer to every evaluation; one of the same name is replaced.",
)
@click.option("--no-publish", is_flag=True, help="Publish nothing to Weave.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(
    run: str,
    *,
    config: Path | None,
    profile: str | None,
    overrides: tuple[str, ...],
    scorers: tuple[str, ...],
    no_publish: bool,
    reports: Path,
) -> int:
    """Score a run again and print the new run folder's path as the last line of stdout."""
    if config is None and (profile or overrides):
        raise ConfigError("--profile and --set belong to a config; name it with --config")
    if config is not None and scorers:
        raise ConfigError("--scorer adds to the run's own scorers and --config replaces them: give one of them")
    parent = find_run(run, reports)
    plan = _stored(parent, scorers) if config is None else _configured(parent, config, profile, overrides)
    weave, _ = resolve_weave(plan.config, os.environ, publish=not no_publish)
    folder = new_run_folder(reports, plan.config.name)
    take_answers(parent, folder)
    _tell_of_judges(plan)
    asking = run_plan(
        plan, folder, weave=weave, offline=True, ask_judges=bool(plan.judges), parent_run=parent.load().run_id
    )
    end = asyncio.run(asking)
    for judge in end.run.judges:
        new = judge["calls"] - judge["from_journal"]
        click.echo(f"judge {judge['model']}: {new:,} calls; {judge['from_journal']:,} were stored already", err=True)
    if end.run.status == "incomplete" and not _is_answered(end):
        missing = f"{parent.path} lacks answers, so this run does too; finish it with `evalkit run CONFIG --resume"
        end = dataclasses.replace(end, messages=(f"{missing} {parent.path}`, then score it again",))
    return conclude(end)


def _tell_of_judges(plan: Plan) -> None:
    """Say who is asked, since every other scorer asks nobody."""
    for label in dict.fromkeys(judge.model.label for judge in plan.judges):
        click.echo(f"asks judge {label} about the stored answers, where no reply of it is stored", err=True)


def _is_answered(end: RunEnd) -> bool:
    """Tell whether every answer is there, and what is missing are scores."""
    return not any(cell.outcomes.get(outcome) for cell in end.run.cells for outcome in ASK_AGAIN)


def _stored(parent: RunFolder, scorers: tuple[str, ...]) -> Plan:
    run = parent.load()
    config = with_scorers(stored_config(run), dict(map(parse_scorer, scorers)))
    datasets = stored_datasets(parent, run)
    refuse_unfit(check_scorers(config, datasets, Path()))
    plan = stored_plan(run, config, datasets, base_dir=Path())
    check_same_questions(plan, run)
    check_judges_can_be_asked(plan)
    return plan


def _configured(parent: RunFolder, config: Path, profile: str | None, overrides: tuple[str, ...]) -> Plan:
    plan = load_plan(config, profile, overrides)
    check_same_questions(plan, parent.load())
    return plan


def parse_scorer(text: str) -> tuple[str, ScorerSpec]:
    """Read `NAME=USE[,OPTION=VALUE]...`; a value is JSON, or else a text.

    Raises:
        ConfigError: it is not written so, or a common option has a wrong value.
    """
    name, equals, rest = text.partition("=")
    use, *options = _split(rest)
    spec: dict[str, Json] = {"use": use}
    for option in options:
        key, has_value, value = option.partition("=")
        if not has_value:
            raise ConfigError(f"--scorer {text!r}: write OPTION=VALUE, not {option!r}")
        spec[key.strip()] = _value(value)
    if not (equals and name and use):
        raise ConfigError(f"--scorer {text!r}: write NAME=USE, such as loose=exact,ignore_case=true")
    try:
        return name, ScorerSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"--scorer {text!r}: {where}: {first['msg']}") from None


def _split(text: str) -> list[str]:
    """Return the parts between the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _value(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text
