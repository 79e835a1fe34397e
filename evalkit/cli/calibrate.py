"""`evalkit calibrate`: the gate's real false-alarm rate, from stored trials; asks no model."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from evalkit.calibration import Calibration, RuleCalibration, TrialPool, calibrate, pool_trials
from evalkit.config.gates import GateRule, GateSpec
from evalkit.config.load import load_config
from evalkit.errors import ConfigError
from evalkit.folders import find_run
from evalkit.report.numbers import plural
from evalkit.report.terminal import clean_text
from evalkit.results import RunResult
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, read_items

__all__ = ["command"]

_MAX_DROP = 0.02


@click.command("calibrate", help="Say how often each gate rule would fail with nothing changed; asks no model.")
@click.argument("run")
@click.argument("second", required=False, metavar="[RUN2]")
@click.option("--config", type=click.Path(path_type=Path), help="Take the gate's rules from here, not from the run.")
@click.option("--max-drop", type=click.FloatRange(0, 1), help="Try this tolerance in every rule.")
@click.option("--splits", type=click.IntRange(20), default=1000, show_default=True, help="Random splits to judge.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random splits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(
    run: str,
    second: str | None,
    *,
    config: Path | None,
    max_drop: float | None,
    splits: int,
    seed: int,
    as_json: bool,
    reports: Path,
) -> None:
    """Split RUN's trials, or those of two runs of one plan, into two sides at random and hold one to the other.

    Both sides are the same model, so every FAIL is a false alarm.
    """
    folder = find_run(run, reports)
    stored = folder.load()
    other = None if second is None else find_run(second, reports)
    gate = _with_drop(_rules(stored, config), stored, max_drop)
    pools = _pools(folder, stored, other)
    found = calibrate(gate, pools, splits=splits, seed=seed)
    if not found.rules:
        raise ConfigError("no rule with max_drop fits a metric of this run; --max-drop tries one in every metric")
    if as_json:
        click.echo(json.dumps(found.describe(), indent=1, ensure_ascii=False))
        return
    for line in _told(found, "the run's trials" if other is None else "the trials of both runs"):
        click.echo(clean_text(line))


def _rules(run: RunResult, config: Path | None) -> GateSpec | None:
    if config is not None:
        gate = load_config(config).config.gate
        if gate is None:
            raise ConfigError(f"{config}: it has no gate")
        return gate
    stored = run.config.get("gate")
    return None if stored is None else GateSpec.model_validate(stored)


def _with_drop(gate: GateSpec | None, run: RunResult, max_drop: float | None) -> GateSpec:
    """Return the gate's rules at another tolerance; without any, one rule for each metric."""
    if gate is None or not any(rule.max_drop is not None for rule in gate.rules):
        metrics = dict.fromkeys(f"{cell.evaluation}.{scorer}" for cell in run.cells for scorer in cell.metrics)
        rules = [GateRule(metric=name, max_drop=_MAX_DROP if max_drop is None else max_drop) for name in metrics]
        return (gate or GateSpec()).model_copy(update={"rules": rules})
    if max_drop is None:
        return gate
    changed = [rule if rule.max_drop is None else rule.model_copy(update={"max_drop": max_drop}) for rule in gate.rules]
    return gate.model_copy(update={"rules": changed})


def _pools(folder: RunFolder, run: RunResult, other: RunFolder | None) -> list[TrialPool]:
    items = read_items(folder, run)
    if other is None:
        found = [pool for each in items if (pool := pool_trials(each)) is not None]
        if not found:
            raise ConfigError(
                f"{folder.path} has 1 trial of each sample, and one alone cannot be split; run it with --trials 2 or "
                "more, or name a second run of the same plan"
            )
        return found
    second = other.load()
    if other.path.resolve() == folder.path.resolve():
        raise ConfigError("the two runs are one: name two runs of the same plan, or a run with 2 trials or more")
    if second.plan_digest != run.plan_digest:
        raise ConfigError(
            f"{folder.path} and {other.path} are of different plans: their models, prompts, data, scorers or trials "
            "differ, so a difference between them is no false alarm"
        )
    theirs = {(each.name, each.model): each for each in read_items(other, second)}
    return list(_both(items, theirs))


def _both(items: Sequence[MetricItems], theirs: dict[tuple[str, str], MetricItems]) -> Iterator[TrialPool]:
    for each in items:
        pool = pool_trials(each, theirs[each.name, each.model])
        if pool is not None:
            yield pool


def _told(found: Calibration, source: str) -> Iterator[str]:
    sides = sorted({rule.trials for rule in found.rules})
    size = " or ".join(plural(count, "trial") for count in sides)
    yield f"{source[0].upper()}{source[1:]}, split {found.splits:,} times at random (seed {found.seed}): {size} a side,"
    yield "the same model on both, so every FAIL is a false alarm."
    yield ""
    for rule in found.rules:
        yield from _about(rule, found)
    if len(found.rules) > 1:
        yield f"any of {len(found.rules)} rules"
        yield f"  FAIL {_rate(found.any_fail_rate, found)} after Holm; wanted: at most {found.alpha:.0%}"
        yield f"  the bare numbers would fail in {found.any_naive_rate:.1%}"
    if found.left_out:
        yield f"not looked at, having no max_drop: {', '.join(dict.fromkeys(found.left_out))}"


def _about(rule: RuleCalibration, found: Calibration) -> Iterator[str]:
    where = ", ".join(part for part in (rule.rule, rule.model, rule.slice or "") if part)
    yield f"{where}: max_drop {rule.max_drop:g}, {plural(rule.samples, 'sample')}"
    yield f"  FAIL {_rate(rule.fail_rate, found)}, INCONCLUSIVE {rule.inconclusive_rate:.1%}, PASS {rule.pass_rate:.1%}"
    yield f"  the bare number would fail in {rule.naive_fail_rate:.1%}; re-runs differ by {rule.noise:.3f} (sd)"
    if rule.observed is not None:
        yield f"  the two runs themselves differ by {rule.observed:+.3f}"
    yield f"  suggested max_drop {rule.suggested_max_drop:.3f}: an unchanged model passes in {found.power:.0%}"
    yield f"  with strict_point, {rule.suggested_point_drop:.3f} would fail in at most {found.alpha:.0%}"


def _rate(rate: float, found: Calibration) -> str:
    return f"{rate:.1%} (Monte Carlo error {found.monte_carlo_error(rate):.1%})"
