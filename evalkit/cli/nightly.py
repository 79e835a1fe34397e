"""`evalkit nightly`: tonight's run, held against the nights before; the morning report; alerts."""

import asyncio
import dataclasses
import json
import os
from contextlib import ExitStack
from pathlib import Path

import click

from evalkit.alert_channels import BoundChannel, build_channels, tell
from evalkit.baseline_source import PREVIOUS, has_previous
from evalkit.catalog_watch import CatalogWatch, watch_catalog, watched_plan
from evalkit.cli.night_files import write_night
from evalkit.cli.night_names import refuse_shared_name
from evalkit.cli.progress import watch_progress
from evalkit.cli.run import conclude, plan_config, resolve_weave
from evalkit.cli.weak_rules import allow_option, refuse_weak_rules
from evalkit.cli.weave_baseline import weave_baselines
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.errors import ConfigError, EvalkitError, ExitCode, LockedError
from evalkit.gate_run import RunGate, open_gate
from evalkit.history import History, history_path
from evalkit.night_folder import find_night, parse_night
from evalkit.night_lock import NightLock, night_lock
from evalkit.night_result import NightResult, NightState
from evalkit.nightly import Night, conduct_night, could_not_run, read_night_quarantine
from evalkit.nightly_alerts import find_alerts
from evalkit.past_runs import PastEvent
from evalkit.plan import Plan
from evalkit.prices import check_budget
from evalkit.report.night_claims import claim_night
from evalkit.runner import RunEnd

__all__ = ["command"]


@click.command("nightly", help="Run tonight's comparison: against the nights before, with a report and alerts.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it; nightly, where the file has one.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--night", "named", metavar="DATE", help="The night it is for, as in 2026-11-23; today in UTC.")
@click.option("--again", "is_again", is_flag=True, help="Run the night once more, though it has run already.")
@click.option("--baseline", metavar="B", help="What the gate holds the night to; else gate.baseline.")
@allow_option
@click.option("--no-publish", is_flag=True, help="Publish nothing to Weave.")
@click.option("--no-alerts", is_flag=True, help="Tell nobody.")
@click.option("--json", "as_json", is_flag=True, help="Print the night as JSON to stdout instead of the report's path.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders go.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    config: Path,
    *,
    profile: str | None,
    overrides: tuple[str, ...],
    named: str | None,
    is_again: bool,
    baseline: str | None,
    allow: tuple[str, ...],
    no_publish: bool,
    no_alerts: bool,
    as_json: bool,
    reports: Path,
) -> int:
    """Run a night and print the path of its report as the last line of stdout."""
    night = parse_night(named)
    loaded = _load(config, profile, overrides)
    channels = () if no_alerts else build_channels(loaded.config.nightly.alerts, loaded.path.parent)
    options = _Options(night, reports, baseline, allow, is_again=is_again, publishes=not no_publish)
    with ExitStack() as opened:
        history = opened.enter_context(History(history_path(os.environ, reports.resolve().parent)))
        refuse_shared_name(loaded, history, reports, os.environ)
        lock = opened.enter_context(night_lock(history, loaded.config.name, owner=f"the night of {night}"))
        _say_taken_over(lock)
        result, end = _conduct(loaded, history, lock, options)
        if end is not None:
            conclude(end, shows_path=False)
        page = write_night(result, reports, history)
        lock.check()
        said = asyncio.run(_tell(result, channels, history, page))
        write_night(result, reports, history, said)
    _, word, headline, detail = claim_night(result)
    for line in (f"{word}: {headline}", detail, *result.catalog, *result.notes, *said):
        click.echo(line, err=True)
    click.echo(json.dumps(result.describe(), indent=1) if as_json else str(page))
    return result.exit_code


@dataclasses.dataclass(frozen=True, slots=True)
class _Options:
    night: str
    reports: Path
    baseline: str | None
    allow: tuple[str, ...]
    is_again: bool = dataclasses.field(kw_only=True)
    publishes: bool = dataclasses.field(kw_only=True)


def _load(path: Path, profile: str | None, overrides: tuple[str, ...]) -> LoadedConfig:
    """Read the config; its profile `nightly` is the one to use unless another is named."""
    loaded = load_config(path, profile=profile, overrides=overrides, env=os.environ)
    if profile is None and "nightly" in loaded.config.profiles:
        loaded = load_config(path, profile="nightly", overrides=overrides, env=os.environ)
    if not loaded.config.history.enabled:
        raise ConfigError("history.enabled: a night is held against the nights before, so it needs history; remove it")
    return loaded


def _say_taken_over(lock: NightLock) -> None:
    before = lock.taken_from
    if before is not None:
        click.echo(f"taken over from {before}: it ended, or fell silent, without letting go", err=True)


def _conduct(
    loaded: LoadedConfig, history: History, lock: NightLock, options: _Options
) -> tuple[NightResult, RunEnd | None]:
    """Run the night; whatever keeps it from running is the night's result."""
    watched = CatalogWatch()
    name = loaded.config.name
    try:
        plan = plan_config(loaded, loaded.profile)
        watched = asyncio.run(watch_catalog(plan, history, options.night, project=plan.config.weave.project))
        opened = _open(plan, history, lock, options, watched)
        return conduct_night(dataclasses.replace(opened, config=loaded.path.resolve()), anew=options.is_again)
    except LockedError:
        raise
    except EvalkitError as error:
        if error.exit_code is ExitCode.BUG:
            raise
        ran = history.night(name, options.night)
        if ran is not None and ran.status == "complete":
            click.echo(
                f"the night of {options.night} has run, and stays as it is; once more, it could not:",
                err=True,
            )
            raise
        told = PastEvent(
            name=name,
            at=options.night,
            kind="could_not_run",
            text=str(error),
            about={"night": options.night, "exit_code": int(error.exit_code)},
        )
        history.note(told)
        return could_not_run(name, options.night, str(error), error.exit_code, watched.told), None


def _open(plan: Plan, history: History, lock: NightLock, options: _Options, watched: CatalogWatch) -> Night:
    """Return the night that is to be run: the plan without the models that are gone, with those that joined."""
    plan = watched_plan(plan, watched)
    check_budget(plan)
    read_night_quarantine(plan)
    gate, not_judged = _open_gate(plan, options)
    weave, why = resolve_weave(plan.config, os.environ, publish=options.publishes)
    click.echo(f"the night of {options.night}: {plan.calls:,} calls; weave backend {weave.backend} ({why})", err=True)
    return Night(
        plan=plan,
        night=options.night,
        reports=options.reports,
        history=history,
        weave=weave,
        gate=gate,
        hold=lock.check,
        watch=watch_progress,
        catalog=watched.told,
        notes=(*watched.noted, *not_judged),
        unavailable=watched.unavailable,
    )


def _open_gate(plan: Plan, options: _Options) -> tuple[RunGate | None, tuple[str, ...]]:
    """Return the night's gate, and which of its rules nobody can judge yet, for want of an earlier run."""
    rules, name, not_judged = plan.config.gate, plan.config.name, ()
    before = find_night(options.reports, name, options.night)
    if rules is not None and (options.baseline or rules.baseline) == PREVIOUS:
        relative = [rule for rule in rules.rules if rule.max_drop is not None]
        if relative and not has_previous(options.reports, name, before):
            named = ", ".join(dict.fromkeys(rule.name or rule.metric for rule in relative))
            not_judged = (f"No baseline yet, since no earlier run is here: the gate does not judge {named} by it.",)
            rules = rules.model_copy(update={"rules": [rule for rule in rules.rules if rule.max_drop is None]})
            plan = dataclasses.replace(plan, config=plan.config.model_copy(update={"gate": rules}))
    if rules is None or not rules.rules:
        return None, not_judged
    fetch = weave_baselines(plan.config.weave, name=name, reports=options.reports, env=os.environ)
    baseline = None if not_judged else options.baseline
    gate = open_gate(plan, baseline, reports=options.reports, before=before, fetch=fetch)
    judged = {rule.name or rule.metric for rule in rules.rules}
    allow = [name for name in options.allow if not not_judged or name in judged]
    refuse_weak_rules(plan, gate, reports=options.reports, allow=allow)
    return gate, not_judged


async def _tell(
    result: NightResult, channels: tuple[BoundChannel, ...], history: History, page: Path
) -> tuple[str, ...]:
    if result.state is NightState.INCOMPLETE and result.exit_code is ExitCode.INTERRUPTED:
        return ()
    return await tell(find_alerts(result, report=str(page)), channels, history)
