"""What a night came to: every metric against other nights, what moved and why, and whether there was a night at all."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from evalkit.drift_parts import Cause, ChangePart, ChangeSplit
from evalkit.errors import ExitCode
from evalkit.flip_ledger import FlipLedger
from evalkit.night_changes import Against
from evalkit.night_folder import Rejudged
from evalkit.night_measured import Shift
from evalkit.night_moves import StandingMove
from evalkit.night_series import SeriesState
from evalkit.past_runs import PastMetric
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.trend import ChangePoint, Trend

__all__ = ["JUMP_LEVEL", "MetricNight", "NightResult", "NightState"]

JUMP_LEVEL = 0.001
"""Chance that any metric of a quiet night is said to have jumped: one night in a thousand."""

_SAME_MOVE = 2


class NightState(StrEnum):
    """How a night ended: `ran` to its end, ended early and can go on, or could not run."""

    RAN = "ran"
    INCOMPLETE = "incomplete"
    COULD_NOT_RUN = "could_not_run"


@dataclass(frozen=True, eq=False, kw_only=True)
class MetricNight:
    """One metric of one model tonight; its `trend` ends with this night.

    `split` explains the change since the night `since`: the night before, or the last one before a drift that was
    found tonight. `jump_level` is the level at which a cause counts as a jump since the night before, where no drift
    was found. `standing` is a move for the worse that an earlier night told and that is not over. `set_aside` says what
    a quarantine leaves out of every claim here.
    """

    tonight: PastMetric
    against: tuple[Against, ...]
    trend: Trend
    split: ChangeSplit | None
    since: str | None
    jump_level: float = JUMP_LEVEL
    standing: StandingMove | None = None
    ledger: FlipLedger | None = field(default=None, repr=False)
    set_aside: str = ""

    @property
    def title(self) -> str:
        """The metric and its model."""
        return f"{self.tonight.name} of {self.tonight.model}"

    @property
    def found_tonight(self) -> ChangePoint | None:
        """The drift that tonight gave away; None when there is none, or an earlier night did."""
        last = len(self.trend.points) - 1
        return next((change for change in self.trend.changes if change.alarm == last), None)

    @property
    def is_worse(self) -> bool:
        """Whether tonight's drift, or the jump since the night before, is one for the worse.

        Of a jump, what other samples did counts only where nothing else is blamed.
        """
        drift = self.found_tonight
        if drift is not None:
            return (drift.direction == "down") == self.tonight.higher_is_better
        own = [part for part in self.causes if part.cause is not Cause.SAMPLES] or self.causes
        change = math.fsum(part.estimate for part in own)
        return change != 0.0 and (change < 0.0) == self.tonight.higher_is_better

    @property
    def is_held(self) -> bool:
        """Whether any other night could be compared with it."""
        return any(each.paired is not None and each.is_night for each in self.against)

    @property
    def is_learning(self) -> bool:
        """Whether the drift rule has seen too few nights to say anything."""
        return self.trend.state is SeriesState.LEARNING

    @property
    def causes(self) -> tuple[ChangePart, ...]:
        """The causes that are blamed, the largest first: those of a drift, or of a jump since the night before."""
        named = () if self.split is None else self.split.named
        if self.found_tonight is not None:
            return named
        return tuple(part for part in named if part.p_adjusted is not None and part.p_adjusted < self.jump_level)

    @property
    def has_moved(self) -> bool:
        """Whether tonight gave a drift away that no earlier night told, or the metric jumped since the night before."""
        return not self._is_known_drift and (self.found_tonight is not None or bool(self.causes))

    @property
    def _is_known_drift(self) -> bool:
        """Whether tonight's drift is the move that an earlier night told as a jump and that still stands."""
        drift, standing = self.found_tonight, self.standing
        if drift is None or standing is None or not self.is_worse:
            return False
        nights = [point.night for point in self.trend.points]
        return nights.index(standing.since) >= drift.first - _SAME_MOVE

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "metric": self.tonight.name,
            "model": self.tonight.model,
            "mean": self.tonight.mean,
            "lower": self.tonight.lower,
            "upper": self.tonight.upper,
            "n": self.tonight.n,
            "against": [_describe_against(each) for each in self.against],
            "drift": self.trend.describe()["drift"],
            "drift_found": None if self.found_tonight is None else self.trend.describe()["changes"][-1],
            "moved": self.has_moved,
            "standing": None if self.standing is None else self.standing.describe(),
            "since": self.since,
            "split": None if self.split is None else self.split.describe(),
            "set_aside": self.set_aside,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class NightResult:
    """One night of one config. `why` says what kept it from running, `notes` what else there is to say.

    `catalog` are sentences about the endpoints' lists of models, `unavailable` the models of the config that they lack.
    `shifts` are what else changed since the night before. `cost_usd` is what the night cost in all, None where that is
    not known; `rejudged` is what judging stored answers again took of it.
    """

    name: str
    night: str
    state: NightState
    exit_code: ExitCode
    why: str = ""
    run: RunResult | None = None
    folder: str | None = None
    metrics: tuple[MetricNight, ...] = ()
    catalog: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()
    cost_usd: float | None = None
    rejudged: Rejudged | None = None

    @property
    def moved(self) -> tuple[MetricNight, ...]:
        """The metrics that moved, drifts found tonight first."""
        found = [each for each in self.metrics if each.has_moved]
        return tuple(sorted(found, key=lambda each: each.found_tonight is None))

    @property
    def standing(self) -> tuple[MetricNight, ...]:
        """The metrics that did not move tonight and are still worse than before an earlier move, unsettled first."""
        found = [each for each in self.metrics if each.standing is not None and not each.has_moved]
        return tuple(sorted(found, key=lambda each: each.standing is not None and each.standing.is_settled))

    @property
    def failed_checks(self) -> tuple[Mapping[str, Json], ...]:
        """The gate's checks that failed and count."""
        return tuple(
            check for check in self.checks if check["verdict"] == "fail" and check.get("severity", "fail") == "fail"
        )

    @property
    def checks(self) -> tuple[Mapping[str, Json], ...]:
        """The gate's checks, none without a gate."""
        gate = None if self.run is None else self.run.gate
        return () if gate is None else tuple(gate["checks"])

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "schema_version": 1,
            "name": self.name,
            "night": self.night,
            "state": self.state.value,
            "exit_code": int(self.exit_code),
            "why": self.why,
            "run_id": None if self.run is None else self.run.run_id,
            "folder": self.folder,
            "verdict": None if self.run is None else self.run.verdict,
            "cost_usd": self.cost_usd,
            "rejudged": None if self.rejudged is None else asdict(self.rejudged),
            "metrics": [each.describe() for each in self.metrics],
            "catalog": list(self.catalog),
            "unavailable": list(self.unavailable),
            "notes": list(self.notes),
            "shifts": [each.describe() for each in self.shifts],
        }


def _describe_against(against: Against) -> dict[str, Json]:
    paired = against.paired
    return {
        "what": against.what,
        "run_id": against.run_id,
        "night": against.night,
        "difference": None if paired is None else paired.difference,
        "lower": None if paired is None else paired.lower,
        "upper": None if paired is None else paired.upper,
        "confidence": None if paired is None else paired.confidence,
        "p": None if paired is None else paired.p,
        "paired": 0 if paired is None else paired.n,
        "refused": against.refused,
    }
