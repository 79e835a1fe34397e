"""What a leaderboard is to show: the metric that ranks, the groups whose macro averages it has, the order of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.config.schema import LeaderboardSpec
from evalkit.records import Json
from evalkit.results import RunResult

__all__ = ["BoardPlan", "plan_board", "read_board"]


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """The board's primary metric or group, its groups by name, and the metrics and groups to show, in order.

    `ranking_scorer` is the primary metric's; of a group that of its first metric, whose direction all have.
    """

    primary: str | None
    groups: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    ranking_scorer: str

    def members(self, name: str | None) -> tuple[str, ...]:
        """Return the metrics that a name of the board stands for: a group's, else itself."""
        return () if name is None else self.groups.get(name, (name,))

    def describe(self) -> dict[str, Json]:
        """Return the plan as run.json holds it."""
        groups = {name: list(metrics) for name, metrics in self.groups.items()}
        return {"primary": self.primary, "columns": list(self.columns), "groups": groups}


def plan_board(spec: LeaderboardSpec, metrics: Mapping[str, str]) -> BoardPlan:
    """Return the board of these metrics (evaluation.scorer to scorer, in order), without what they do not hold.

    A narrowed run measures less than its config names. Without a primary metric that can be had, the first one ranks.
    Without columns all are shown: the primary first, then groups, then metrics.
    """
    groups = {name: tuple(of) for name, of in (spec.groups or {}).items() if set(of) <= metrics.keys()}
    known = [*groups, *metrics]
    primary = spec.primary if spec.primary in known else next(iter(metrics), None)
    if spec.columns is None:
        shown = sorted(known, key=lambda name: name != primary)
    else:
        shown = [name for name in spec.columns if name in known]
    return _board(primary, groups, tuple(shown), metrics)


def read_board(run: RunResult) -> BoardPlan:
    """Return the board of a stored run, whose run.json may know nothing of columns and groups."""
    cells: Sequence[Mapping[str, Json]] = run.plan.get("cells") or ()
    metrics = {f"{cell['evaluation']}.{name}": str(name) for cell in cells for name in cell.get("scorers") or ()}
    stored: Mapping[str, Json] = run.plan.get("leaderboard") or {}
    listed: Mapping[str, Sequence[str]] = stored.get("groups") or {}
    shown: Sequence[str] = stored.get("columns") or sorted(metrics, key=lambda name: name != run.primary)
    groups = {name: tuple(of) for name, of in listed.items()}
    return _board(run.primary, groups, tuple(shown), metrics)


def _board(
    primary: str | None, groups: Mapping[str, tuple[str, ...]], columns: tuple[str, ...], metrics: Mapping[str, str]
) -> BoardPlan:
    first = groups.get(primary or "", (primary or "",))[0]
    return BoardPlan(primary, groups, columns, metrics.get(first, ""))
