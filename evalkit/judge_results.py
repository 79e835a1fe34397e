"""What judges did in a run, as run.json tells it, and what of it has no answer yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.anchors import AnchorCheck
from evalkit.journal import ASK_AGAIN
from evalkit.judge_tally import JudgeTally
from evalkit.plan import Plan
from evalkit.prices import Prices
from evalkit.records import Json, PredictionOutcome, ScoreOutcome
from evalkit.results import CellResult

__all__ = ["JudgeGaps", "describe_judges", "find_judge_gaps"]

_UNANSWERED = tuple(sorted(ASK_AGAIN))


@dataclass(frozen=True, slots=True)
class JudgeGaps:
    """Of `asked` judgements, anchors included, those whose judge was not asked, and those that it gave no answer to."""

    asked: int = 0
    not_run: int = 0
    failed: int = 0


def find_judge_gaps(plan: Plan, cells: Sequence[CellResult], checks: Mapping[str, AnchorCheck]) -> JudgeGaps:
    """Return what judges were asked for and did not answer; an answer that cannot be read is an answer."""
    asked = not_run = failed = 0
    for name in {judge.scorer for judge in plan.judges}:
        for cell in cells:
            if name in cell.metrics:
                missing = _unanswered(cell, name)
                asked += sum(cell.outcomes.values()) - sum(cell.outcomes[outcome] for outcome in _UNANSWERED)
                not_run += missing[PredictionOutcome.NOT_RUN]
                failed += sum(missing.values()) - missing[PredictionOutcome.NOT_RUN]
    for check in checks.values():
        asked += check.n
        failed += check.unanswered
    return JudgeGaps(asked, not_run, failed)


def _unanswered(cell: CellResult, scorer: str) -> dict[str, int]:
    """Return the judgements without an answer, by outcome; a prediction without one hands its own down."""
    outcomes = cell.metrics[scorer].outcomes
    return {outcome: outcomes.get(outcome, 0) - cell.outcomes[outcome] for outcome in _UNANSWERED}


def describe_judges(
    plan: Plan,
    cells: Sequence[CellResult],
    tallies: Mapping[str, JudgeTally],
    checks: Mapping[str, AnchorCheck],
    *,
    prices: Prices,
) -> tuple[dict[str, Json], ...]:
    """Return each judge's part in a run."""
    found: list[dict[str, Json]] = []
    for judge in plan.judges:
        judged = [cell for cell in cells if judge.scorer in cell.metrics]
        failed = sum(cell.metrics[judge.scorer].outcomes.get(ScoreOutcome.JUDGE_FAILED, 0) for cell in judged)
        check = checks.get(judge.key)
        found.append(
            {
                "scorer": judge.scorer,
                "model": judge.model.label,
                "model_id": judge.model.id,
                "provider": judge.model.provider,
                "url": judge.provider.url,
                "votes": judge.votes,
                "judgements": sum(cell.metrics[judge.scorer].outcomes.get(ScoreOutcome.SCORED, 0) for cell in judged),
                "failed": {
                    "unparseable": failed,
                    "unanswered": sum(sum(_unanswered(cell, judge.scorer).values()) for cell in judged),
                },
                **tallies[judge.key].describe(prices.of(judge.model)),
                "anchors": None if check is None else check.describe(),
            }
        )
    return tuple(found)
