"""A run and its gate as the cases a CI page lists: each passed, failed, was skipped, or could not be measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from evalkit.records import Json
from evalkit.report.numbers import format_count, plural
from evalkit.report.standings import count_failed, lead_outcomes, primary_metrics
from evalkit.results import CellResult, RunResult
from evalkit.stats.verdicts import Verdict

__all__ = ["Case", "Outcome", "gate_cases", "run_cases", "weigh_check"]

Outcome = Literal["passed", "failure", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a CI page: what it is about, how it ended, and why in one line; `seconds` where time was taken.

    `found` is the line without what it is about. No two cases of a group have one name: pages tell cases apart by it.
    """

    group: str
    name: str
    outcome: Outcome
    message: str
    seconds: float | None = None
    found: str = ""


def weigh_check(check: Mapping[str, Json], *, on_inconclusive: str) -> Outcome:
    """Return how a check of run.json's gate counts on a CI page.

    A failure is a proven FAIL of severity fail. What could not be measured is an error, and so is an undecided check
    under `on_inconclusive: fail`: it ends the job, though nothing is proven. Any other undecided check is skipped, and
    so is a FAIL that only warns.
    """
    if check["verdict"] == Verdict.PASS.value:
        return "passed"
    if check["severity"] != "fail":
        return "skipped"
    if check["verdict"] == Verdict.FAIL.value:
        return "failure"
    return "error" if check["estimate"] is None or on_inconclusive == "fail" else "skipped"


def gate_cases(run: RunResult) -> Iterator[Case]:
    """Yield a case for each check of the run's gate, in its order; nothing without a gate."""
    gate: Mapping[str, Json] = run.gate or {}
    checks: list[Mapping[str, Json]] = gate.get("checks", [])
    has_many = len({check["model"] for check in checks}) > 1
    subjects = [_subject(check, has_many=has_many) for check in checks]
    taken: set[str] = set()
    for subject, check in zip(subjects, checks, strict=True):
        name = f"{subject}, {_claim(check)}" if subjects.count(subject) > 1 else subject
        while name in taken:
            name += " (again)"
        taken.add(name)
        outcome = weigh_check(check, on_inconclusive=gate["on_inconclusive"])
        line = str(check["line"])
        yield Case("gate", name, outcome, line, found=line.partition(f"{subject}: ")[2] or line)


def _subject(check: Mapping[str, Json], *, has_many: bool) -> str:
    """Return what a check is about, as its line says it."""
    about = (check["name"], check["model"] if has_many else "", check["slice"] or "")
    return ", ".join(part for part in about if part)


def _claim(check: Mapping[str, Json]) -> str:
    if check["claim"] == "max_drop":
        return f"margin {check['margin']:g}"
    return f"at {'least' if check['claim'] == 'min' else 'most'} {check['threshold']:g}"


def run_cases(run: RunResult) -> Iterator[Case]:
    """Yield a case for each cell: an error where nothing of it was scored, or where the run gave it up."""
    given_up = (run.stopped or {}).get("cells", {})
    for cell in run.cells:
        reason = given_up.get(cell.key)
        outcome, message = _weigh_cell(run, cell)
        if reason is not None:
            outcome, message = "error", f"given up: {reason}"
        seconds = cell.latency_s.get("mean")
        spent = None if seconds is None else seconds * cell.samples * cell.trials
        yield Case(f"run.{cell.evaluation}", cell.model, outcome, message, spent)
    if run.status != "complete":
        why = (run.stopped or {}).get("message") or "some calls have no answer"
        yield Case("run", "complete", "error", f"the run is {run.status}: {why}")


def _weigh_cell(run: RunResult, cell: CellResult) -> tuple[Outcome, str]:
    outcomes = lead_outcomes(cell, primary_metrics(run))
    calls, failed = sum(outcomes.values()), sum(count_failed(outcomes))
    if failed == calls:
        return "error", f"none of {plural(calls, 'prediction')} was scored"
    return "passed", f"{format_count(calls - failed)} of {plural(calls, 'prediction')} scored"
