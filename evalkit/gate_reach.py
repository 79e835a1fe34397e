"""What a check's data could have noticed, and how many samples or trials would notice more."""

import math
from dataclasses import dataclass

from evalkit.config.gates import GateSpec
from evalkit.gate_plan import PlannedCheck
from evalkit.gate_scores import Evidence
from evalkit.records import Json
from evalkit.stats.level_power import LevelTest
from evalkit.stats.power import items_needed, smallest_detectable, trials_needed

__all__ = ["reach_of"]


@dataclass(frozen=True, slots=True)
class _Goal:
    """A true drop to be told from a tolerated one, one-sided at `alpha`, with the chance `power`."""

    drop: float
    margin: float
    alpha: float
    power: float

    def items(self, evidence: Evidence) -> int | None:
        assert evidence.standard_error is not None
        deviation = evidence.standard_error * math.sqrt(evidence.observed.n)
        found = items_needed(self.drop, deviation, alpha=self.alpha, power=self.power, margin=self.margin)
        return math.ceil(found) if math.isfinite(found) else None

    def trials(self, evidence: Evidence) -> float | None:
        """Return how many trials on both sides do; infinite where none do, None where that is not known."""
        spread, n = evidence.spread, evidence.observed.n
        if spread is None:
            return None
        found = trials_needed(self.drop, spread, n, alpha=self.alpha, power=self.power, margin=self.margin)
        return float(max(1, math.ceil(found))) if math.isfinite(found) else found


def reach_of(check: PlannedCheck, evidence: Evidence, *, family: int, gate: GateSpec) -> dict[str, Json]:
    """Return the fields of a Check that tell its reach: FAIL at Holm's hardest step, PASS where nothing changed."""
    alpha = gate.alpha / max(1, family)
    found: dict[str, Json] = {"power": gate.power, "detect": check.rule.detect}
    if evidence.standard_error is not None:
        found["standard_error"] = evidence.standard_error
    if check.claim != "max_drop":
        return found | _reach_of_level(check, evidence, LevelTest(evidence.limit, alpha, gate.power))
    return found | _reach_of_difference(check, evidence, alpha, gate)


def _reach_of_level(check: PlannedCheck, evidence: Evidence, test: LevelTest) -> dict[str, Json]:
    sample, detect = evidence.sample, check.rule.detect
    if sample is None:
        return {"is_blind": evidence.observed.n > 0}
    mde = test.smallest_shortfall(sample)
    found: dict[str, Json] = {"mde": mde, "is_blind": mde is None}
    if detect is not None:
        times = test.samples_needed(sample, detect)
        found["items_needed"] = math.ceil(times * evidence.observed.n) if math.isfinite(times) else None
        found["trials_needed"] = test.trials_needed(sample, evidence.trials, detect)
    return found


def _reach_of_difference(check: PlannedCheck, evidence: Evidence, alpha: float, gate: GateSpec) -> dict[str, Json]:
    error, detect = evidence.standard_error, check.rule.detect
    if error is None or not evidence.observed.n:
        return {}
    margin = check.limit
    found: dict[str, Json] = {"mde": smallest_detectable(error, alpha=alpha, power=gate.power, margin=margin)}
    if detect is not None:
        goal = _Goal(detect, margin, alpha, gate.power)
        found |= {"items_needed": goal.items(evidence), "trials_needed": goal.trials(evidence)}
    goal = _Goal(margin, 0.0, gate.alpha, gate.power)
    return found | {"items_to_pass": goal.items(evidence), "trials_to_pass": goal.trials(evidence)}
