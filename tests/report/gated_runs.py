"""A stored run with a gate's checks in every state, hostile texts among them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.gate_result import Check, GateResult
from evalkit.gate_words import describe_gate
from evalkit.results import RunResult
from evalkit.stats.verdicts import Verdict
from tests.report.stored_runs import fix_facts, make_run

HOSTILE = "a|b `c`\n::error::<script>\x1b[31m\u202e%,:--> & \ud800 @team"


def check(name: str, verdict: Verdict, **given: Any) -> Check:
    return Check(
        **{
            "name": name,
            "metric": "qa.exact",
            "model": "a",
            "claim": "max_drop",
            "limit": 0.02,
            "severity": "fail",
            "verdict": verdict,
            "method": "augmented_t",
            "estimate": -0.101,
            "lower": -0.141,
            "upper": -0.059,
            "alpha": 0.05,
            "p_raw": 0.0007,
            "p_adjusted": 0.0027,
            "items": 297,
            "clusters": 297,
            "power": 0.8,
            "mde": 0.064,
            **given,
        }
    )


CHECKS = (
    check("held", Verdict.PASS, estimate=0.004, lower=-0.011, upper=0.02),
    check("dropped", Verdict.FAIL),
    check("undecided", Verdict.INCONCLUSIVE, estimate=-0.012, lower=-0.041, upper=0.017),
    check("unmeasured", Verdict.INCONCLUSIVE, estimate=None, lower=None, upper=None, p_raw=None, reason="no sample"),
    check("only warned", Verdict.FAIL, severity="warn"),
    check(HOSTILE, Verdict.FAIL, reason=HOSTILE, slice="topic=x"),
    check(
        "error_rate",
        Verdict.PASS,
        metric="error_rate",
        claim="max",
        method="fact",
        unit="share",
        is_fact=True,
        estimate=0.0,
        lower=None,
        upper=None,
        p_raw=None,
        mde=None,
        higher_is_better=False,
    ),
)


def gate_of(*checks: Check, on_inconclusive: str = "warn") -> GateResult:
    return GateResult(checks=checks, alpha=0.05, power=0.8, on_inconclusive=on_inconclusive, max_missing=0.02, family=4)


def gated_run(tmp_path: Path, gate: GateResult | None = None, **made: Any) -> RunResult:
    run = fix_facts(make_run(tmp_path, **made).load())
    return replace(run, gate=describe_gate(gate_of(*CHECKS) if gate is None else gate))
