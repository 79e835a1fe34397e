"""What was done differently on two sides of a comparison, and the figures of the two runs beside each other."""

from collections.abc import Mapping

from evalkit.comparison import Fact, Side, TreatmentChange
from evalkit.measures import as_text, differing_values
from evalkit.results import CellResult

__all__ = ["compare_facts", "compare_treatments"]


def compare_treatments(first: Side, second: Side) -> tuple[TreatmentChange, ...]:
    """Return what was done differently, cell by cell; what differs alike in all common evaluations is told once."""
    common = [evaluation for evaluation in first.cells if evaluation in second.cells]
    found: dict[tuple[str, str, str], list[str]] = {}
    for evaluation in common:
        for change in _changes(first, second, evaluation):
            found.setdefault(change, []).append(evaluation)
    versions = [("evalkit", side.run.versions.get("evalkit", "")) for side in (first, second)]
    if versions[0] != versions[1]:
        found["evalkit", versions[0][1], versions[1][1]] = common
    return tuple(
        TreatmentChange(*change, () if len(where) == len(common) else tuple(where)) for change, where in found.items()
    )


def _changes(first: Side, second: Side, evaluation: str) -> list[tuple[str, str, str]]:
    left, right = first.cells[evaluation], second.cells[evaluation]
    mine, theirs = first.plan(evaluation), second.plan(evaluation)
    served = (", ".join(cell.served_models) for cell in (left, right))
    texts = {
        "model": (left.model_id, right.model_id),
        "endpoint": (mine["url"], theirs["url"]),
        "served model": tuple(served),
        "system": (as_text(mine["system"]), as_text(theirs["system"])),
        "prompt": (as_text(mine["prompt"], is_digest=True), as_text(theirs["prompt"], is_digest=True)),
        "trials": (str(mine["trials"]), str(theirs["trials"])),
    }
    changed = [(what, before, after) for what, (before, after) in texts.items() if before != after]
    if mine["system"] != theirs["system"] and not any(what == "system" for what, _, _ in changed):
        changed.append(("system", as_text(mine["system"]), "another text that begins alike"))
    params = differing_values({"params": mine["params"]}, {"params": theirs["params"]})
    return [*changed, *params]


def compare_facts(first: CellResult, second: CellResult) -> tuple[Fact, ...]:
    """Return what the two cells cost and how long their calls took."""
    return (
        Fact("cost", "usd", first.cost_usd, second.cost_usd),
        Fact("cost of 1,000 predictions", "usd", _per_thousand(first), _per_thousand(second)),
        *(
            Fact(f"latency {name}", "s", first.latency_s.get(name), second.latency_s.get(name))
            for name in ("p50", "p95")
        ),
        Fact("output tokens p50", "tokens", first.output_tokens.get("p50"), second.output_tokens.get("p50")),
        *(Fact(name, "share", _share(first, name), _share(second, name)) for name in _ended(first, second)),
    )


def _per_thousand(cell: CellResult) -> float | None:
    calls = cell.samples * cell.trials
    return None if cell.cost_usd is None or not calls else 1000 * cell.cost_usd / calls


def _ended(first: CellResult, second: CellResult) -> list[str]:
    """Return the outcomes beside ok that a prediction of either side had."""
    names = dict.fromkeys([*first.outcomes, *second.outcomes])
    return [name for name in names if name != "ok" and (first.outcomes.get(name) or second.outcomes.get(name))]


def _share(cell: CellResult, outcome: str) -> float:
    outcomes: Mapping[str, int] = cell.outcomes
    return outcomes.get(outcome, 0) / max(1, sum(outcomes.values()))
