"""`evalkit plan`: calls, tokens, cost, time, and what each gate rule could notice, before anything is spent."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from evalkit.cli.plan_page import print_plan
from evalkit.cli.plan_sources import known_calls, read_latencies, read_stored, read_unfinished
from evalkit.cli.run import load_plan
from evalkit.config.gates import GateSpec
from evalkit.errors import ConfigError, ExitCode
from evalkit.forecast import forecast_plan
from evalkit.forecast_gate import RulePower, forecast_gate
from evalkit.forecast_outlook import Outlook
from evalkit.forecast_time import Spent, find_budget_ends, forecast_time
from evalkit.judge_forecast import forecast_judges
from evalkit.plan import Plan
from evalkit.prices import price_plan
from evalkit.registry import nearest

__all__ = ["command"]

_ASSUMED_SCORE = 0.8


@click.command("plan", help="Say what a run would take, and what its gate could notice; asks no model.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it (smoke, ci, nightly).")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--models", multiple=True, metavar="LABEL", help="Only these models (labels or globs).")
@click.option("--evaluations", multiple=True, metavar="NAME", help="Only these evaluations (names or globs).")
@click.option("--limit", type=click.IntRange(1), help="At most this many samples of each dataset.")
@click.option("--trials", type=click.IntRange(1), help="Trials of each sample.")
@click.option("--baseline", metavar="B", help="A baseline file, a run, previous, or weave:latest; else gate.baseline.")
@click.option("--allow", multiple=True, metavar="RULE", help="Let this gate rule notice less than its detect.")
@click.option(
    "--assume-score",
    type=click.FloatRange(0.01, 0.99),
    default=_ASSUMED_SCORE,
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
    _check_allowed(plan.config.gate, allow)
    source = _Source(reports, baseline, assume_score, fresh)
    outlook = _look_out(plan, source)
    if as_json:
        click.echo(json.dumps(outlook.describe(), indent=1, ensure_ascii=False))
    else:
        print_plan(plan, outlook)
    weak = [rule for rule in outlook.rules if rule.is_too_weak and rule.rule not in allow]
    for rule in weak:
        click.echo(_complaint(rule), err=True)
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
        stored, why = read_stored(plan, source.reports, source.baseline)
        rules = forecast_gate(plan, gate, stored, score=source.score)
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


def _check_allowed(gate: GateSpec | None, allow: Sequence[str]) -> None:
    known = [] if gate is None else [rule.name or rule.metric for rule in gate.rules]
    for name in allow:
        if name not in known:
            raise ConfigError(f"--allow {name!r}: no gate rule is called that{nearest(name, known)}")


def _complaint(rule: RulePower) -> str:
    assert rule.mde is not None
    where = f" ({rule.model}{f', {rule.slice}' if rule.slice else ''})"
    enough = f"{rule.enough} would do" if rule.enough else f"no number does while max_drop is {rule.limit:g}"
    return (
        f"error: gate rule {rule.rule}{where} must notice {rule.detect:g} and this plan would notice {rule.mde:.3f}: "
        f"{enough}; raise detect, or say --allow {rule.rule}"
    )
