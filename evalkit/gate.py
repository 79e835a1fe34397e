"""A gate: rules held against a run's stored scores, and against a baseline's, to a verdict; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from evalkit.config.gates import GateSpec
from evalkit.gate_budgets import BUDGETS, read_budget
from evalkit.gate_facts import judge_fact, read_fact
from evalkit.gate_plan import PlannedCheck, plan_checks
from evalkit.gate_reach import reach_of
from evalkit.gate_result import Check, GateResult
from evalkit.gate_scores import Evidence, weigh
from evalkit.records import Json
from evalkit.results import CellResult
from evalkit.stats.multiple import holm
from evalkit.stats.verdicts import Claim, Verdict
from evalkit.stored_items import MetricItems

__all__ = ["judge_gate"]


def judge_gate(
    gate: GateSpec,
    cells: Sequence[CellResult],
    candidate: Sequence[MetricItems],
    baseline: Sequence[MetricItems] | None = None,
    *,
    about_baseline: Mapping[str, Json] | None = None,
    costs: Mapping[str, Sequence[float]] = MappingProxyType({}),
    distrusted: Mapping[str, str] = MappingProxyType({}),
) -> GateResult:
    """Return the verdict on a run: a check for each rule, model and slice.

    `costs` are the costs of each cell's samples, which only a rule on cost_per_sample_usd needs. `distrusted` says of
    scorers why nothing may be decided by them.

    FAIL and PASS are claims proven at `alpha`, else a check is INCONCLUSIVE. Over all claims that scores decide, FAIL
    is Holm's: no more than `alpha` of gates raise any false alarm. A verdict that missing scores could turn is none.

    Raises:
        ConfigError: a rule cannot be held against these runs.
    """
    planned = plan_checks(gate, candidate, baseline)
    evidence = {id(check): weigh(check, alpha=gate.alpha) for check in planned if check.items is not None}
    family = [check for check in planned if check.items is not None and not check.rule.strict_point]
    raw = _adjusted([evidence[id(check)].observed for check in family])
    bounded = _adjusted([_least_favourable(evidence[id(check)]) for check in family])
    proofs = {
        id(check): _Proof(p, p_at_best, len(family)) for check, p, p_at_best in zip(family, raw, bounded, strict=True)
    }
    checks: list[Check] = []
    for check in planned:
        if check.items is None:
            checks.append(_fact_check(check, [cell for cell in cells if cell.model == check.model], costs, gate))
        elif check.rule.strict_point:
            checks.append(_point_check(check, evidence[id(check)], gate))
        else:
            checks.append(_score_check(check, evidence[id(check)], proofs[id(check)], gate))
    return GateResult(
        checks=tuple(_trusted(check, each, distrusted) for check, each in zip(checks, planned, strict=True)),
        alpha=gate.alpha,
        power=gate.power,
        on_inconclusive=gate.on_inconclusive,
        max_missing=gate.max_missing,
        family=len(family),
        baseline=about_baseline if any(check.claim == "max_drop" for check in planned) else None,
    )


def _trusted(check: Check, planned: PlannedCheck, distrusted: Mapping[str, str]) -> Check:
    """Return a check, undecided where its scorer is not to be trusted."""
    why = None if planned.items is None else distrusted.get(planned.items.scorer)
    return check if why is None else replace(check, verdict=Verdict.INCONCLUSIVE, reason=why)


@dataclass(frozen=True, slots=True)
class _Proof:
    """The adjusted p-value of "the rule holds", as observed and with every missing score at its best."""

    p: float
    p_at_best: float
    family: int


def _adjusted(claims: Sequence[Claim]) -> list[float]:
    return holm([1.0 if claim.p is None else claim.p for claim in claims])


def _least_favourable(evidence: Evidence) -> Claim:
    """Return the claim whose p is larger: the observed one, or that with the missing scores at their best."""
    return max(evidence.observed, evidence.best, key=lambda claim: 1.0 if claim.p is None else claim.p)


def _decide(evidence: Evidence, proof: _Proof, gate: GateSpec) -> tuple[Verdict, str]:
    observed = evidence.observed
    if (reason := _undecidable(evidence, gate)) is not None:
        return Verdict.INCONCLUSIVE, reason
    verdict, reason = observed.verdict, ""
    if proof.p < gate.alpha:
        verdict = Verdict.FAIL if proof.p_at_best < gate.alpha else Verdict.INCONCLUSIVE
        reason = "" if verdict is Verdict.FAIL else f"{_lost(evidence)}; at their best they would undo the FAIL"
    elif verdict is Verdict.FAIL:
        verdict, reason = Verdict.INCONCLUSIVE, f"a FAIL taken alone, not among {proof.family} claims"
    elif verdict is Verdict.PASS and evidence.worst.verdict is not Verdict.PASS:
        verdict, reason = Verdict.INCONCLUSIVE, f"{_lost(evidence)}; at their worst they would undo the PASS"
    return verdict, reason


def _undecidable(evidence: Evidence, gate: GateSpec) -> str | None:
    """Return why nothing can be decided; None where something can."""
    observed = evidence.observed
    if not evidence.n:
        return "there is no sample to judge"
    if observed.estimate is None:
        return f"no sample has a score to judge; {_lost(evidence)}"
    if evidence.share_missing > gate.max_missing:
        return f"{_lost(evidence)}, and max_missing is {gate.max_missing:.1%}"
    if observed.lower is None:
        grouped = f" in {observed.clusters} groups" if evidence.is_grouped else ""
        return f"{observed.n} samples{grouped} are too few to judge"
    return None


def _lost(evidence: Evidence) -> str:
    return f"missing data: {evidence.missing} of {evidence.n} samples lack a score ({evidence.share_missing:.1%})"


def _score_check(check: PlannedCheck, evidence: Evidence, proof: _Proof, gate: GateSpec) -> Check:
    verdict, reason = _decide(evidence, proof, gate)
    observed = evidence.observed
    lower, upper = observed.lower, observed.upper
    if lower is not None and upper is not None and observed.estimate is not None:
        lower, upper = min(lower, observed.estimate), max(upper, observed.estimate)
    return _assemble(
        check,
        evidence,
        verdict=verdict,
        reason=reason,
        bounds=(lower, upper),
        method=observed.method,
        alpha=gate.alpha,
        p_raw=observed.p,
        p_adjusted=None if observed.p is None else proof.p,
        **reach_of(check, evidence, family=proof.family, gate=gate),
    )


def _point_check(check: PlannedCheck, evidence: Evidence, gate: GateSpec) -> Check:
    """Compare the bare numbers, missing scores at their worst and best beside them."""
    limit = -check.limit if check.claim == "max_drop" else evidence.limit
    points = [claim.estimate for claim in (evidence.observed, evidence.worst, evidence.best)]
    if any(point is None for point in points):
        verdict, reason = Verdict.INCONCLUSIVE, "no sample has a score"
    elif evidence.share_missing > gate.max_missing:
        verdict, reason = Verdict.INCONCLUSIVE, f"{_lost(evidence)}, and max_missing is {gate.max_missing:.1%}"
    else:
        holds = {point is not None and point >= limit - 1e-12 for point in points}
        verdict = Verdict.INCONCLUSIVE if len(holds) > 1 else Verdict.PASS if holds.pop() else Verdict.FAIL
        reason = "missing data could turn it" if verdict is Verdict.INCONCLUSIVE else ""
    return _assemble(
        check, evidence, verdict=verdict, reason=reason, bounds=(None, None), method="point", is_point=True
    )


def _assemble(
    check: PlannedCheck,
    evidence: Evidence,
    *,
    verdict: Verdict,
    reason: str,
    bounds: tuple[float | None, float | None],
    **more: Json,
) -> Check:
    """Return a check on scores, turned back into its metric's own direction."""
    assert check.items is not None
    estimate, (lower, upper) = evidence.observed.estimate, bounds
    if check.claim == "max_drop" and not check.items.higher_is_better:
        estimate, lower, upper = _negative(estimate), _negative(upper), _negative(lower)
    elif check.claim == "max":
        estimate, lower, upper = _complement(estimate), _complement(upper), _complement(lower)
    return Check(
        name=check.name,
        metric=check.rule.metric,
        model=check.model,
        slice=check.slice,
        claim=check.claim,
        limit=check.limit,
        severity=check.rule.severity,
        verdict=verdict,
        reason=reason,
        estimate=estimate,
        lower=lower,
        upper=upper,
        items=evidence.observed.n,
        clusters=evidence.observed.clusters,
        trials=evidence.trials,
        missing=evidence.missing,
        missing_infra=evidence.missing_infra,
        missing_model=evidence.missing_model,
        is_grouped=evidence.is_grouped,
        higher_is_better=check.items.higher_is_better,
        **more,
    )


def _fact_check(
    check: PlannedCheck, cells: Sequence[CellResult], costs: Mapping[str, Sequence[float]], gate: GateSpec
) -> Check:
    metric = check.rule.metric
    found: dict[str, Json]
    if metric in BUDGETS:
        budget = read_budget(metric, cells, costs, gate)
        verdict, reason = budget.judge(check.limit)
        found = {"estimate": budget.value, "lower": budget.lower, "upper": budget.upper, "unit": budget.unit}
        found |= {"items": budget.n, "method": budget.method, "alpha": budget.alpha}
    else:
        figure = read_fact(metric, cells)
        verdict, reason = judge_fact(figure, check.limit)
        found = {"estimate": figure.value, "items": figure.calls, "unit": figure.unit, "method": "fact"}
    return Check(
        name=check.name,
        metric=metric,
        model=check.model,
        claim=check.claim,
        limit=check.limit,
        severity=check.rule.severity,
        verdict=verdict,
        reason=reason,
        higher_is_better=False,
        is_fact=metric not in BUDGETS,
        **found,
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else 0.0 - value


def _complement(value: float | None) -> float | None:
    return None if value is None else 1.0 - value
