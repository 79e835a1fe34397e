"""The nouns of a gate: one check's answer with its evidence, and the verdict over all of them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from evalkit.errors import ExitCode
from evalkit.records import Json
from evalkit.stats.verdicts import Verdict

__all__ = ["Check", "GateResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule held by one model, on all samples or on a slice.

    `claim` is max_drop, min or max, `limit` its value. A difference is candidate minus baseline; it and its bounds
    stand in the metric's own direction. The bounds are one-sided at `alpha`, not adjusted; `p_adjusted` is Holm's over
    the gate. `mde` is the true drop (or shortfall) that is noticed with the gate's power, `items_needed` how many items
    notice `detect`, `items_to_pass` how many pass where nothing changed.
    `is_blind`: not even the worst level there is would be proven to fail. `standard_error` is that of the estimate.
    `trials_needed` and `trials_to_pass` are how many trials of these items on both sides would do instead: infinite
    where none do, None where the noise between trials is not known.
    `is_fact`: a figure of this run, compared directly; `is_point`: the bare number, no error control.
    """

    name: str
    metric: str
    model: str
    claim: str
    limit: float
    severity: str
    verdict: Verdict
    method: str
    slice: str | None = None
    unit: str = ""
    reason: str = ""
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    alpha: float | None = None
    p_raw: float | None = None
    p_adjusted: float | None = None
    items: int = 0
    clusters: int = 0
    trials: int = 1
    missing: int = 0
    missing_infra: int = 0
    missing_model: int = 0
    is_grouped: bool = False
    higher_is_better: bool = True
    is_fact: bool = False
    is_point: bool = False
    power: float | None = None
    detect: float | None = None
    standard_error: float | None = None
    mde: float | None = None
    is_blind: bool = False
    items_needed: int | None = None
    items_to_pass: int | None = None
    trials_needed: float | None = None
    trials_to_pass: float | None = None

    @property
    def is_too_weak(self) -> bool:
        """Whether the data left open what they were too few to notice; what is proven needs no more of them."""
        if self.detect is None or self.verdict is not Verdict.INCONCLUSIVE:
            return False
        return self.is_blind or (self.mde is not None and self.mde > self.detect)

    def describe(self) -> dict[str, Json]:
        """Return the check as run.json holds it: the figures every reader needs, under their textbook names."""
        plain: dict[str, Json] = {
            "name": self.name,
            "metric": self.metric,
            "model": self.model,
            "slice": self.slice,
            "claim": self.claim,
            "margin" if self.claim == "max_drop" else "threshold": self.limit,
            "severity": self.severity,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "estimate": self.estimate,
            "lower": self.lower,
            "upper": self.upper,
            "alpha": self.alpha,
            "p_raw": self.p_raw,
            "p_adj": self.p_adjusted,
            "n_items": self.items,
            "n_clusters": self.clusters,
            "trials": self.trials,
            "n_missing": self.missing,
            "n_missing_infra": self.missing_infra,
            "n_missing_model": self.missing_model,
        }
        plain |= {
            "higher_is_better": self.higher_is_better,
            "unit": self.unit,
            "power": self.power,
            "detect": self.detect,
            "standard_error": self.standard_error,
            "mde": self.mde,
            "is_blind": self.is_blind,
            "n_needed": self.items_needed,
            "n_to_pass": self.items_to_pass,
            "trials_needed": _count(self.trials_needed),
            "trials_to_pass": _count(self.trials_to_pass),
            "method": self.method,
            "seed": None,
            "looks": 1,
        }
        return plain


def _count(trials: float | None) -> int | None:
    return None if trials is None or math.isinf(trials) else int(trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The verdict over all checks, and what it rests on; `family` counts the claims that Holm adjusts for."""

    checks: tuple[Check, ...]
    alpha: float
    power: float
    on_inconclusive: str
    max_missing: float
    family: int
    baseline: Mapping[str, Json] | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """FAIL when a check of severity fail fails, else INCONCLUSIVE when one is undecided, else PASS."""
        verdicts = {check.verdict for check in self.checks if check.severity == "fail"}
        return next((each for each in (Verdict.FAIL, Verdict.INCONCLUSIVE) if each in verdicts), Verdict.PASS)

    @property
    def exit_code(self) -> ExitCode:
        """What the gate alone would end the process with."""
        if self.verdict is Verdict.FAIL:
            return ExitCode.GATE_FAILED
        is_refused = self.verdict is Verdict.INCONCLUSIVE and self.on_inconclusive == "fail"
        return ExitCode.INCONCLUSIVE if is_refused else ExitCode.DONE

    def describe(self) -> dict[str, Json]:
        """Return the gate as run.json holds it, without its sentences."""
        plain: dict[str, Json] = asdict(self)
        plain["verdict"] = self.verdict.value
        plain["adjustment"] = "holm"
        plain["notes"] = list(self.notes)
        plain["checks"] = [check.describe() for check in self.checks]
        return plain
