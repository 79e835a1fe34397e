"""All that is foreseen of a run, in one value: what it asks, how long it takes, what ends it, what its gate sees."""

from dataclasses import dataclass

from evalkit.forecast import Forecast
from evalkit.forecast_gate import RulePower
from evalkit.forecast_time import BudgetEnd, LaneTime
from evalkit.records import Json

__all__ = ["Outlook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A plan's forecast; `latency_run` is the run whose calls were timed, `unfinished` the one that would go on."""

    forecast: Forecast
    lanes: tuple[LaneTime, ...]
    latency_run: str | None
    budgets: tuple[BudgetEnd, ...]
    rules: tuple[RulePower, ...]
    unfinished: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the run takes: its slowest limit's time, since they run side by side."""
        return max((lane.seconds for lane in self.lanes), default=0.0)

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            **self.forecast.describe(),
            "is_estimate": True,
            "seconds": self.seconds,
            "limits": [lane.describe() for lane in self.lanes],
            "latency_from": self.latency_run,
            "budgets": [budget.describe() for budget in self.budgets],
            "unfinished_run": self.unfinished,
            "gate": [rule.describe() for rule in self.rules],
            "notes": list(self.notes),
        }
