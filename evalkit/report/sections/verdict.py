"""The verdict: what this run may claim, and the numbers of the whole run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from evalkit.records import Json
from evalkit.report.blocks import Block, Fact, Facts, Inline, Link, RunLine, Section, Verdict
from evalkit.report.claims import claim_best, claim_cached, claim_detail, claim_served
from evalkit.report.gate_table import build_gate_table
from evalkit.report.numbers import NOTHING, format_count, format_duration, format_money, plural
from evalkit.report.standings import count_failed, lead_outcomes, primary_metrics, read_standings, read_state
from evalkit.results import RunResult

__all__ = ["VerdictSection"]

_NAMED = 3
_KINDS: Mapping[str, Literal["FAIL", "INCONCLUSIVE", "PASS"]] = {
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "pass": "PASS",
}
"""A gate's verdicts as the page marks them, the gravest first."""


@dataclass(frozen=True, slots=True)
class VerdictSection:
    """The first section; without a gate its headline is the leaderboard's claim."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the run's line, its verdict and its facts."""
        is_empty = read_state(run) == "empty"
        is_complete = run.status == "complete" and not is_empty
        word = "No gate in this run" if is_complete else f"Run {'incomplete' if is_empty else run.status}"
        detail = " ".join((claim_detail(run), *claim_cached(run), *claim_served(run)))
        if not is_complete and not is_empty:
            ended = " ".join(("The run did not end as planned, so the numbers below may change.", *_reasons(run)))
            detail = f"{detail} {ended}"
        verdict = Verdict("NONE" if is_complete else "FAIL", word, claim_best(run), detail)
        if run.gate is not None:
            verdict = _gate_verdict(run.gate, verdict)
        checks = () if run.gate is None else build_gate_table(run.gate)
        return (Section("verdict", "Verdict", "", (_run_line(run), verdict, *checks, _facts(run))),)


def _gate_verdict(gate: Mapping[str, Json], board: Verdict) -> Verdict:
    """Return the gate's answer; what the board claims, and how a run ended that is not complete, follows it."""
    kind = _KINDS[gate["verdict"]]
    ended = "" if board.kind == "NONE" else f"{board.word}. "
    headline: str = gate["sentence"].partition(": ")[2]
    held = gate["baseline"]
    against = "" if held is None else f"Held to run {held['run_id']} of {str(held['started_at'])[:10]}. "
    headline = f"{headline[:1].upper()}{headline[1:]}"
    return Verdict(kind, f"Gate: {gate['verdict']}", headline, f"{ended}{against}{board.headline} {board.detail}")


def _reasons(run: RunResult) -> Iterator[str]:
    stopped = run.stopped or {}
    if stopped.get("reason"):
        yield f"It stopped: {stopped['message']}."
    cells: dict[str, str] = stopped.get("cells", {})
    for key, message in list(cells.items())[:_NAMED]:
        yield f"It gave up {key}: {message}."
    if len(cells) > _NAMED:
        yield f"It gave up {plural(len(cells) - _NAMED, 'more cell')}."


def _run_line(run: RunResult) -> RunLine:
    started = datetime.fromisoformat(run.started_at).astimezone(UTC)
    commit = (run.git or {}).get("commit")
    codes = (f"run {run.run_id}", *(() if not commit else (f"commit {str(commit)[:7]}",)))
    return RunLine((run.name, f"{started:%d %B %Y, %H:%M} UTC".lstrip("0")), codes)


def _facts(run: RunResult) -> Facts:
    counts = [lead_outcomes(cell, primary_metrics(run)) for cell in run.cells]
    calls = sum(sum(outcomes.values()) for outcomes in counts)
    failed = sum(sum(count_failed(outcomes)) for outcomes in counts)
    models = len({cell.model for cell in run.cells})
    evaluations = len({cell.evaluation for cell in run.cells})
    not_scored: Inline = Link(format_count(failed), {"outcome": "failed"}) if failed else "0"
    return Facts(
        (
            Fact("Models, evaluations", f"{models} × {evaluations}"),  # noqa: RUF001  a product
            Fact("Samples", format_count(_samples(run)), _trials(run)),
            Fact("Scored", format_count(calls - failed), f"of {format_count(calls)}"),
            Fact("Not scored", not_scored),
            Fact("Cost", _cost(run)),
            Fact("Took", _took(run)),
        ),
        f"{_asked(run, models, evaluations)}. {_of_all(calls - failed, calls)} scored. {_bill(run)}",
    )


def _samples(run: RunResult) -> int:
    """Return how many samples the explorer lists: each evaluation's own."""
    return sum({cell.evaluation: cell.samples for cell in run.cells}.values())


def _asked(run: RunResult, models: int, evaluations: int) -> str:
    asked = f"{plural(models, 'model')} on {plural(_samples(run), 'sample')} of {plural(evaluations, 'evaluation')}"
    return ", ".join(part for part in (asked, _trials(run)) if part)


def _trials(run: RunResult) -> str:
    trials = sorted({cell.trials for cell in run.cells})
    if not trials:
        return ""
    return "1 trial each" if trials == [1] else f"{' or '.join(str(number) for number in trials)} trials each"


def _cost(run: RunResult) -> str:
    """Return what this run has spent, where it says so; else what the answers on its board cost.

    An answer from an earlier run costs this one nothing, and an attempt that failed may cost though it gave no answer.
    """
    if (known := run.calls.get("known_cost_usd")) is not None:
        if run.calls.get("cost_usd") is not None:
            return format_money(run.calls["cost_usd"])
        if known:
            return f"at least {format_money(known)}"
    spent = [standing.spending for standing in read_standings(run)]
    known = [each.cost_usd for each in spent if each.cost_usd is not None]
    if len(known) < len(spent) and all(each.cost_usd is not None or each.without_usage for each in spent):
        return "unknown"
    return format_money(sum(known) if spent and len(known) == len(spent) else None)


def _of_all(scored: int, calls: int) -> str:
    if calls <= 1:
        return f"{scored} of 1 prediction was" if calls else "No prediction was"
    whole = "All" if scored == calls else f"{format_count(scored)} of"
    return f"{whole} {format_count(calls)} predictions were"


def _bill(run: RunResult) -> str:
    cost, took = _cost(run), _took(run)
    ended = "The run has not ended" if run.ended_at is None else f"The run took {took}"
    if cost == "unknown":
        return f"{ended}; its cost is unknown, because some calls did not tell their tokens."
    is_known = cost.startswith(("$", "at least"))
    return f"{ended} and cost {cost}." if is_known else f"{ended}; not every model has a price."


def _took(run: RunResult) -> str:
    if run.ended_at is None:
        return NOTHING
    took = datetime.fromisoformat(run.ended_at) - datetime.fromisoformat(run.started_at)
    return format_duration(took.total_seconds())
