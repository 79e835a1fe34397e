"""The gate's section of the YAML: rules, and what an undecided one means."""

from typing import Literal

from pydantic import Field

from evalkit.config.spec import Spec

__all__ = ["FACTS", "GateRule", "GateSpec", "claims_of"]

FACTS = ("error_rate", "truncation_rate", "cost_usd", "cost_per_sample_usd", "latency_p95_s", "tokens")
"""What a rule can hold to a most, beside scores: figures of a model's calls over all its evaluations."""

_CLAIMS = ("max_drop", "min", "max")


class GateRule(Spec):
    """One rule of the gate, held by every model that it names; exactly one of max_drop, min and max."""

    name: str | None = Field(default=None, min_length=1, description="what it is called in the verdict; unique")
    metric: str = Field(description=f"evaluation.scorer, or {', '.join(FACTS[:-1])} or {FACTS[-1]}")
    model: str = Field(default="*", min_length=1, description="the models it holds for: a label or a glob")
    slice: str | None = Field(default=None, description="only these samples: key=value; the value may be a glob")
    max_drop: float | None = Field(
        default=None, ge=0, le=1, description="how much worse than the baseline a score may be"
    )
    detect: float | None = Field(
        default=None, gt=0, le=1, description="the drop that must be noticed with the gate's power"
    )
    min: float | None = Field(default=None, ge=0, le=1, description="the least mean score")
    max: float | None = Field(default=None, ge=0, description="the greatest mean score, rate, cost, time or count")
    strict_point: bool = Field(default=False, description="compare the bare number; a point rule has no error control")
    severity: Literal["fail", "warn"] = Field(default="fail", description="warn: told, and never the gate's verdict")


class GateSpec(Spec):
    """The rules a run is held to."""

    baseline: str | None = Field(
        default=None, description="a file of `evalkit baseline set`, a run folder or id, previous, or weave:latest"
    )
    rules: list[GateRule] = Field(default_factory=list[GateRule], description="what must hold")
    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="chance of any false alarm of the gate")
    power: float = Field(default=0.8, gt=0, lt=1, description="chance of noticing a drop of detect")
    on_inconclusive: Literal["warn", "fail", "pass"] = Field(
        default="warn", description="what an undecided rule means; fail ends with exit code 5"
    )
    max_missing: float = Field(
        default=0.02, ge=0, le=1, description="the share of samples without a score above which nothing is decided"
    )


def claims_of(rule: GateRule) -> tuple[str, ...]:
    """Return which of max_drop, min and max a rule has."""
    return tuple(name for name in _CLAIMS if getattr(rule, name) is not None)
