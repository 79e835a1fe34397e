"""`evalkit plan`: calls, tokens, cost, time, and what each gate rule could notice, before anything is spent."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import click

from evalkit.cli.plan_page import print_plan
from evalkit.cli.plan_sources import find_held_to, known_calls, read_latencies, read_stored, read_unfinished
from evalkit.cli.run import load_plan
from evalkit.cli.weak_rules import ASSUMED_SCORE, allow_option, check_allowed, complaint
from evalkit.config.questions import TRIALS_LIMIT
from evalkit.errors import ExitCode
from evalkit.forecast import forecast_plan
from evalkit.forecast_gate import RulePower, forecast_gate
from evalkit.forecast_outlook import Outlook
from evalkit.forecast_time import Spent, find_budget_ends, forecast_time
from evalkit.judge_forecast import forecast_judges
from evalkit.plan import Plan
from evalkit.prices import price_plan

__all__ = ["command"]


@click.command("plan", help="Say what a run would take, and what its gate could notice; asks no model.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it (smoke, ci, nightly).")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--models", multiple=True, metavar="LABEL", help="Only these models (labels or globs).")
@click.option("--evaluations", multiple=True, metavar="NAME", help="Only these evaluations (names or globs).")
@click.option("--limit", type=click.IntRange(1), help="At most this many samples of each dataset.")
@click.option("--trials", type=click.IntRange(1, TRIALS_LIMIT), help="Trials of each sample.")
@click.option("--baseline", metavar="B", help="A baseline file, a run, previous, or weave:latest; else gate.baseline.")
@allow_option
@click.option(
    "--assume-score",
    type=click.FloatRange(0.01, 0.99),
    default=ASSUMED_SCORE,
    show_default=True,
    help="The score that stands for those no run tells, when a rule's reach is worked out.",
)
@click.option("--fresh", is_flag=True, help="As if nothing was left unfinished.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    config: Path,
    *,
    profile: str | None,
    overrides: tuple[str, ...],
    models: tuple[str, ...],
    evaluations: tuple[str, ...],
    limit: int | None,
    trials: int | None,
    baseline: str | None,
    allow: tuple[str, ...],
    assume_score: float,
    fresh: bool,
    as_json: bool,
    reports: Path,
) -> ExitCode:
    """Print what CONFIG would ask, cost and last, and the smallest drop that each gate rule could notice.

    A rule that must notice less than it can is an error, unless --allow names it.
    """
    plan = load_plan(config, profile, overrides, models=models, evaluations=evaluations, limit=limit, trials=trials)
    check_allowed(plan.config.gate, allow)
    source = _Source(reports, baseline, assume_score, fresh)
    outlook = _look_out(plan, source)
    if as_json:
        click.echo(json.dumps(outlook.describe(), indent=1, ensure_ascii=False))
    else:
        print_plan(plan, outlook)
    weak = [rule for rule in outlook.rules if rule.is_too_weak and rule.rule not in allow]
    for rule in weak:
        click.echo(f"error: {complaint(rule)}", err=True)
    return ExitCode.USAGE if weak else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an outlook is read from."""

    reports: Path
    baseline: str | None
    score: float
    is_fresh: bool


def _look_out(plan: Plan, source: _Source) -> Outlook:
    prices = price_plan(plan)
    unfinished = None if source.is_fresh else read_unfinished(plan, source.reports, prices)
    with known_calls(plan, source.reports, unfinished) as is_known:
        forecast = forecast_plan(plan, prices, is_known=is_known)
    done = None if unfinished is None else unfinished.judge_calls
    forecast = dataclasses.replace(forecast, judges=forecast_judges(plan, prices, done=done or {}))
    latencies, latency_run = read_latencies(plan, source.reports)
    lanes = forecast_time(plan, forecast, latencies)
    seconds = max((lane.seconds for lane in lanes), default=0.0)
    spent = Spent() if unfinished is None else unfinished.spent
    rules: tuple[RulePower, ...] = ()
    notes: list[str] = []
    gate = plan.config.gate
    if gate is not None and gate.rules:
        held_to, why = find_held_to(plan, source.reports, source.baseline)
        rules = forecast_gate(plan, gate, read_stored(plan, source.reports, held_to), score=source.score)
        notes += [] if why is None else [f"the baseline was not read: {why}"]
        if source.baseline is None and gate.baseline is None and any(rule.max_drop is not None for rule in gate.rules):
            notes.append("no baseline is named; max_drop needs one when the gate is held: gate.baseline or --baseline")
    return Outlook(
        forecast=forecast,
        lanes=lanes,
        latency_run=latency_run,
        budgets=find_budget_ends(plan.config.run, forecast, seconds, spent),
        rules=rules,
        unfinished=None if unfinished is None else str(unfinished.folder.path),
        notes=tuple(notes),
    )
