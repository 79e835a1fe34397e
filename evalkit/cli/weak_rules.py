"""Gate rules that a run would be too small for: refused before anything is spent, unless they are allowed by name."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from evalkit.cli.plan_sources import read_stored
from evalkit.config.gates import GateSpec
from evalkit.errors import ConfigError
from evalkit.forecast_gate import RulePower, forecast_gate
from evalkit.gate_run import RunGate
from evalkit.gate_words import blind_words, reach_words, too_weak_words
from evalkit.plan import Plan
from evalkit.registry import nearest

__all__ = ["ASSUMED_SCORE", "allow_option", "check_allowed", "complaint", "refuse_weak_rules"]

ASSUMED_SCORE = 0.8
"""The score that stands for those no run tells, unless another is named."""

_Command = TypeVar("_Command", bound=Callable[..., object])


def allow_option(command: _Command) -> _Command:
    """Give a command the option that lets a rule notice less than it must."""
    told = "Let this gate rule notice less than its detect."
    return click.option("--allow", multiple=True, metavar="RULE", help=told)(command)


def check_allowed(gate: GateSpec | None, allow: Sequence[str]) -> None:
    """Refuse to allow what is no rule.

    Raises:
        ConfigError: naming the rule that is nearest.
    """
    known = [] if gate is None else [rule.name or rule.metric for rule in gate.rules]
    for name in allow:
        if name not in known:
            raise ConfigError(f"--allow {name!r}: no gate rule is called that{nearest(name, known)}")


def refuse_weak_rules(plan: Plan, gate: RunGate, *, reports: Path, allow: Sequence[str]) -> None:
    """Refuse a run whose gate has a rule that must notice less than this many samples and trials could.

    The figures are those of `evalkit plan`; stored runs are read only where a rule says what it must notice.

    Raises:
        ConfigError: a line for each such rule that `allow` does not name, or a name there that is no rule.
    """
    check_allowed(gate.rules, allow)
    if all(rule.detect is None for rule in gate.rules.rules):
        return
    rules = forecast_gate(plan, gate.rules, read_stored(plan, reports, gate.held_to), score=ASSUMED_SCORE)
    if weak := [complaint(rule) for rule in rules if rule.is_too_weak and rule.rule not in allow]:
        raise ConfigError("\n".join(weak))


def complaint(rule: RulePower) -> str:
    """Return what is wrong with a rule that is too weak, and what mends it."""
    where = f" ({rule.model}{f', {rule.slice}' if rule.slice else ''})"
    enough = too_weak_words(rule.claim, rule.limit, rule.enough)
    basis = f" ({rule.basis})" if rule.is_assumed else ""
    would = f"this plan would notice {reach_words(rule.mde)}" if rule.mde is not None else ""
    would = would or blind_words(rule.claim, rule.limit)
    return (
        f"gate rule {rule.rule}{where} must notice {rule.detect:g} and {would}{basis}: "
        f"{enough}; raise detect, or say --allow {rule.rule}"
    )
