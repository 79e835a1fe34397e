"""`evalkit gate`: the verdict alone, from stored runs; no model call."""

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from evalkit.cli.ci_page import tell_ci
from evalkit.cli.weak_rules import allow_option, check_allowed
from evalkit.cli.weave_baseline import weave_baselines
from evalkit.config.gates import GateSpec
from evalkit.config.load import load_config
from evalkit.config.schema import WeaveSpec
from evalkit.errors import ConfigError, ExitCode, most_pressing
from evalkit.folders import find_run
from evalkit.garbage import rare_collections
from evalkit.gate_result import GateResult
from evalkit.gate_run import gate_stored_run, resolve_baseline
from evalkit.gate_words import describe_gate, gate_lines, weakness_line
from evalkit.report.terminal import clean_text
from evalkit.results import RunResult
from evalkit.stats.verdicts import Verdict

__all__ = ["command", "print_gate"]


@click.command("gate", help="Hold a stored run to its gate's rules; asks no model.")
@click.argument("run")
@click.option("--baseline", metavar="B", help="A baseline file, a run, previous, or weave:latest; else gate.baseline.")
@allow_option
@click.option("--config", type=click.Path(path_type=Path), help="Take the rules from this config, not from the run.")
@click.option("--profile", help="Partial config of that file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of that file.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print the gate block of run.json.")
def command(
    run: str,
    *,
    baseline: str | None,
    allow: tuple[str, ...],
    config: Path | None,
    profile: str | None,
    overrides: tuple[str, ...],
    reports: Path,
    as_json: bool,
) -> int:
    """Print the verdict and a line for each check; exit 1 for a proven FAIL, 5 for an undecided one that may not be.

    A rule that left open what it must notice, and could not have noticed, is an error unless --allow names it.
    """
    if config is None and (profile or overrides):
        raise ConfigError("--profile and --set change the rules of a config; name it with --config")
    folder = find_run(run, reports)
    stored = folder.load()
    gate, base_dir = _rules(stored, config, profile, overrides)
    check_allowed(gate, allow)
    with rare_collections():
        weave = WeaveSpec.model_validate(stored.config.get("weave", {}))
        held_to = resolve_baseline(
            gate,
            baseline,
            reports=reports,
            name=stored.name,
            before=folder,
            base_dir=base_dir,
            fetch=weave_baselines(weave, name=stored.name, reports=reports, env=os.environ),
        )
        result = gate_stored_run(folder, stored, gate, held_to)
    described = describe_gate(result)
    if as_json:
        click.echo(json.dumps(described, indent=1, ensure_ascii=False))
    print_gate(result)
    tell_ci(dataclasses.replace(stored, gate=described, verdict=result.verdict.value), os.environ)
    codes = [result.exit_code, *_weakness(result, allow)]
    if stored.status != "complete":
        click.echo(f"the run is {stored.status}: what is missing may still be asked", err=True)
        codes.append(ExitCode.INCOMPLETE)
    return most_pressing(*codes)


def print_gate(result: GateResult) -> None:
    """Print the verdict and its checks to stderr."""
    for line in gate_lines(result):
        click.echo(clean_text(line), err=True)


def _weakness(result: GateResult, allow: tuple[str, ...]) -> Iterator[ExitCode]:
    """Complain of rules that left open what they must notice, unless a FAIL is proven all the same."""
    if result.verdict is Verdict.FAIL:
        return
    for check in result.checks:
        if check.is_too_weak and check.name not in allow:
            click.echo(clean_text(f"error: {weakness_line(check, result)}"), err=True)
            yield ExitCode.USAGE


def _rules(
    run: RunResult, config: Path | None, profile: str | None, overrides: tuple[str, ...]
) -> tuple[GateSpec, Path]:
    """Return the rules, and the folder that their baseline's path starts from."""
    if config is not None:
        loaded = load_config(config, profile=profile, overrides=overrides, env=os.environ)
        if loaded.config.gate is None:
            raise ConfigError(f"{config}: has no gate; write one, with rules")
        return loaded.config.gate, config.parent
    stored = run.config.get("gate")
    if stored is None:
        raise ConfigError(f"run {run.run_id} was made without a gate; name a config with rules: --config FILE")
    return GateSpec.model_validate(stored), Path()
