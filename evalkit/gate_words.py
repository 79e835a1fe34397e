"""A gate in sentences: its verdict in one, each check on a line, for a terminal, a report and a CI log."""

import math

from evalkit.gate_result import Check, GateResult
from evalkit.records import Json
from evalkit.stats.intervals import FEW_CLUSTERS
from evalkit.stats.power import MOST_TRIALS
from evalkit.stats.verdicts import Verdict

__all__ = [
    "blind_words",
    "check_line",
    "check_subject",
    "describe_gate",
    "gate_lines",
    "gate_sentence",
    "reach_words",
    "shift_noun",
    "too_weak_words",
    "weakness_line",
]

_TINY_P = 1e-4
_NAMED = 3
_LARGEST_LEVEL_P = 0.5
_CLAIMS = {"max_drop": "margin", "min": "at least", "max": "at most"}


def describe_gate(gate: GateResult) -> dict[str, Json]:
    """Return the gate as run.json holds it: every figure, and the sentences that say it."""
    plain = gate.describe()
    lines = [{**check.describe(), "line": check_line(check, gate)} for check in gate.checks]
    return {"verdict": plain.pop("verdict"), "sentence": gate_sentence(gate), **plain, "checks": lines}


def gate_lines(gate: GateResult) -> list[str]:
    """Return the verdict's sentence, then a line for each check."""
    return [gate_sentence(gate), *(check_line(check, gate) for check in gate.checks)]


def gate_sentence(gate: GateResult) -> str:
    """Return the verdict in one sentence."""
    held = [check for check in gate.checks if check.severity == "fail"]
    warned = [check for check in gate.checks if check.severity == "warn" and check.verdict is Verdict.FAIL]
    verdict, count = gate.verdict, len(held)
    found = [check for check in held if check.verdict is verdict]
    share = "the one check" if count == 1 else f"{len(found)} of {count} checks"
    if verdict is Verdict.PASS:
        said = "no rule of severity fail" if not held else _all(count)
    elif verdict is Verdict.FAIL:
        said = f"{share} {'is' if len(found) == 1 else 'are'} proven to fail: {_named(found, gate)}"
    else:
        said = f"nothing is proven to fail, and {share} cannot be decided: {_named(found, gate)}"
    warning = f"; {_plural(len(warned), 'warning')}: {_named(warned, gate)}" if warned else ""
    return f"{verdict.value.upper()}: {said}{warning}."


def check_subject(check: Check, gate: GateResult) -> str:
    """Return what a check is about; the model only where the gate is about several."""
    has_many = len({each.model for each in gate.checks}) > 1
    return ", ".join(part for part in (check.name, check.model if has_many else "", check.slice or "") if part)


def check_line(check: Check, gate: GateResult) -> str:
    """Return a check in one line: verdict, estimate, bounds, what they rest on, and what could have been noticed."""
    word = check.verdict.value.upper()
    if check.severity == "warn" and check.verdict is Verdict.FAIL:
        word = "WARN"
    head = f"{word} {check_subject(check, gate)}: {_figure(check)}{_bounds(check)} ({_basis(check, gate)})."
    return " ".join(part for part in (head, _because(check), *_reach(check)) if part)


def weakness_line(check: Check, gate: GateResult) -> str:
    """Return what is wrong with a check that is too weak for what it must notice, and what mends it."""
    assert check.detect is not None
    enough = ""
    if check.items_needed is not None:
        enough = f"about {_about(check.items_needed)} items{_or_trials(check.trials_needed, check.claim)}"
    elif check.clusters < FEW_CLUSTERS:
        enough = f"{FEW_CLUSTERS} {'groups' if check.is_grouped else 'items'} or more"
    would = blind_words(check.claim, check.limit) if check.mde is None else f"this run would notice {_reach_of(check)}"
    said = too_weak_words(check.claim, check.limit, enough)
    return (
        f"gate rule {check_subject(check, gate)} must notice {check.detect:g} and {would}: {said}; raise detect, "
        f"or say --allow {check.name}"
    )


def too_weak_words(claim: str, limit: float, enough: str) -> str:
    """Return what a rule that is too weak needs; `enough` says it, and is empty where no number does."""
    return f"that needs {enough}" if enough else f"no number does while {claim} is {limit:g}"


def shift_noun(claim: str, *, higher_is_better: bool = True) -> str:
    """Return, with its article, what a rule of this claim is to notice."""
    if claim == "max_drop" and not higher_is_better:
        return "a rise"
    return {"max_drop": "a drop", "min": "a shortfall", "max": "an excess"}[claim]


def reach_words(shift: float) -> str:
    """Return the smallest shift that would be noticed, with three decimals, or two digits where it is smaller."""
    if shift > 1.0:
        return "more than 1 (none)"
    return f"{shift:.{max(3, 1 - math.floor(math.log10(shift)))}f}" if shift > 0.0 else "0.000"


def blind_words(claim: str, limit: float) -> str:
    """Return that not even the worst level there is would be proven to fail: there are too few scores for it."""
    worst, side = ("0", "below") if claim == "min" else ("1", "above")
    return f"not even a score of {worst} would be proven to lie {side} {limit:g}"


def _figure(check: Check) -> str:
    return "no figure" if check.estimate is None else _number(check.estimate, check)


def _bounds(check: Check) -> str:
    if check.lower is None and check.upper is None:
        return ""
    lower, upper = ("?" if bound is None else _number(bound, check) for bound in (check.lower, check.upper))
    return f" [{lower}, {upper}]"


def _basis(check: Check, gate: GateResult) -> str:
    parts: list[str] = []
    if check.lower is not None or check.upper is not None:
        parts.append(f"one-sided {100 * (1 - (check.alpha or gate.alpha)):g}% bounds")
    limit = f"{check.limit:.3f}" if check.claim == "max_drop" else _number(check.limit, check)
    parts.append(f"{_CLAIMS[check.claim]} {limit}")
    if not check.higher_is_better and not check.unit:
        parts.append("lower is better")
    if check.unit:
        noun = "sample" if check.metric == "cost_per_sample_usd" else "call"
        parts.append(
            f"{_plural(check.items, noun)}; a fact of this run" if check.is_fact else _plural(check.items, noun)
        )
    else:
        groups = f" in {_plural(check.clusters, 'group')}" if check.is_grouped else ""
        parts.append(f"{_plural(check.items, 'item')}{groups} x {_plural(check.trials, 'trial')}")
    if check.missing:
        parts.append(f"{check.missing} missing")
    if check.is_point:
        parts.append("point rule, no error control")
    if check.p_raw is not None:
        parts.append(_p_text(check, gate))
    return "; ".join(parts)


def _p_text(check: Check, gate: GateResult) -> str:
    is_floor = check.claim != "max_drop" and check.p_raw == _LARGEST_LEVEL_P
    raw = "p 0.50 or more" if is_floor else f"p {_p(check.p_raw)}"
    if gate.family <= 1 or check.p_adjusted is None:
        return raw
    return f"{raw}, {_p(check.p_adjusted)} adjusted for {gate.family} claims; bounds not adjusted"


def _because(check: Check) -> str:
    return f"{check.reason[0].upper()}{check.reason[1:]}." if check.reason else ""


def _reach(check: Check) -> list[str]:
    """Return what this many items could have noticed, and how many would notice more."""
    if check.power is None or (check.mde is None and not check.is_blind):
        return []
    if check.mde is None:
        blind = blind_words(check.claim, check.limit)
        said = [f"{blind[0].upper()}{blind[1:]} (power {check.power:.0%})."]
    else:
        noun = shift_noun(check.claim, higher_is_better=check.higher_is_better)
        said = [f"This run would notice {noun} of {_reach_of(check)} (power {check.power:.0%})."]
    if check.detect is not None and check.items_needed is not None and check.items_needed > check.items:
        trials = _or_trials(check.trials_needed, check.claim)
        said.append(f"To detect {check.detect:.3f}: about {_about(check.items_needed)} items{trials}.")
    if check.verdict is Verdict.INCONCLUSIVE and check.detect is None and check.items_to_pass is not None:
        trials = _or_trials(check.trials_to_pass, check.claim)
        said.append(f"To pass where nothing changed: about {_about(check.items_to_pass)} items{trials}.")
    return said


def _reach_of(check: Check) -> str:
    assert check.mde is not None
    return reach_words(check.mde)


def _or_trials(trials: float | None, claim: str) -> str:
    """Return how many trials would do as well, in words; nothing where the noise between trials is not known."""
    if trials is None:
        return ""
    if trials > MOST_TRIALS:
        return f"; {MOST_TRIALS} trials would not do, so much do the items themselves differ"
    return f" or {trials:.0f} trials{' on both sides' if claim == 'max_drop' else ''}"


def _number(value: float, check: Check) -> str:
    if check.unit == "usd":
        return f"${value:.4g}"
    if check.unit == "s":
        return f"{value:.3g} s"
    if check.unit == "tokens":
        return f"{value:,.0f} tokens"
    if check.unit == "share":
        return f"{value:.4f}"
    return f"{value:+.3f}" if check.claim == "max_drop" else f"{value:.3f}"


def _p(value: float | None) -> str:
    assert value is not None
    return "<1e-4" if value < _TINY_P else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"  # noqa: PLR2004  two digits


def _about(count: int) -> str:
    """Return a count in two digits: what it rests on is no more exact."""
    unit = 10 ** max(0, math.floor(math.log10(max(count, 1))) - 1)
    return f"{math.ceil(count / unit) * unit:,}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _all(count: int) -> str:
    return "the one check holds" if count == 1 else f"all {count} checks hold"


def _named(checks: list[Check], gate: GateResult) -> str:
    names = list(dict.fromkeys(check_subject(check, gate) for check in checks))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
