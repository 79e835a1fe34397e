"""What the judges of a plan will ask and cost, before anything is sent; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from evalkit.bound_model import BoundModel, UnboundModel
from evalkit.forecast import CellForecast, answer_basis
from evalkit.judge_tally import JudgeTally
from evalkit.judges import PlannedJudge
from evalkit.plan import Cell, Plan
from evalkit.prices import Prices
from evalkit.records import CallKey, Message, Request, Sample
from evalkit.spending import cost_usd
from evalkit.tokens import FIRST_BYTES_PER_TOKEN, TokenEstimator

__all__ = ["count_judge_calls", "forecast_judges"]


def count_judge_calls(plan: Plan) -> int:
    """Return the most calls that a plan's judges take, reformats apart: equal answers are judged once."""
    return sum(_judgements(plan, judge) * judge.votes for judge in plan.judges) + sum(
        judge.anchor_calls for judge in plan.held_judges
    )


def forecast_judges(
    plan: Plan, prices: Prices, *, done: Mapping[str, int] = MappingProxyType({})
) -> tuple[CellForecast, ...]:
    """Return a line for each judge: what it is asked is made as it will be, with answers as long as they may become.

    `done` says how many calls of each scorer's judge the unfinished run that would go on has answered.

    Raises:
        ConfigError: a rubric cannot be rendered for a sample.
    """
    return tuple(_forecast(plan, judge, prices, done.get(judge.scorer, 0)) for judge in plan.judges)


def _judgements(plan: Plan, judge: PlannedJudge) -> int:
    return sum(plan.expected(cell) - _shared(plan, cell) for cell in _judged_cells(plan, judge))


def _judged_cells(plan: Plan, judge: PlannedJudge) -> list[Cell]:
    return [cell for cell in plan.cells if judge.scorer in cell.evaluation.scorers]


def _shared(plan: Plan, cell: Cell) -> int:
    """Return how many answers of a cell are those of an earlier cell with the same scorers."""
    earlier = plan.cells[: plan.cells.index(cell)]
    same = (cell.model.label, cell.dataset.name, cell.treatment["digest"], cell.evaluation.scorers)
    is_shared = any(
        (c.model.label, c.dataset.name, c.treatment["digest"], c.evaluation.scorers) == same for c in earlier
    )
    return plan.shared_trials(cell) * (plan.expected(cell) // cell.evaluation.trials) if is_shared else 0


@dataclass(slots=True)
class _Sums:
    calls: int = 0
    prompt: int = 0
    completion: int = 0

    def add(self, calls: int, prompt: int, completion: int) -> None:
        self.calls += calls
        self.prompt += calls * prompt
        self.completion += calls * completion


def _forecast(plan: Plan, judge: PlannedJudge, prices: Prices, done: int) -> CellForecast:
    sums, estimator = _Sums(), TokenEstimator()
    for request, calls in _requests(plan, judge):
        tokens = estimator.estimate(request)
        sums.add(calls, tokens.prompt, tokens.completion)
    left = max(0, sums.calls - done)
    share = left / sums.calls if sums.calls else 0.0
    prompt, completion = round(sums.prompt * share), round(sums.completion * share)
    price = prices.of(judge.model)
    cells = _judged_cells(plan, judge)
    return CellForecast(
        cell=judge.key,
        evaluation="",
        model=judge.model.label,
        provider=judge.model.provider,
        samples=sum(plan.expected(cell) // cell.evaluation.trials for cell in cells),
        trials=judge.votes,
        predictions=0,
        shared=0,
        in_journal=min(done, sums.calls),
        in_cache=0,
        calls=left,
        prompt_tokens=prompt,
        completion_tokens=completion,
        answers=answer_basis(judge.model.params),
        images=0,
        cost_usd=0.0 if not left else None if price is None else cost_usd(price, prompt, completion),
        price=None if price is None else {"input": price.input, "output": price.output},
        price_source=None if price is None else price.source,
    )


def _requests(plan: Plan, judge: PlannedJudge) -> Iterator[tuple[Request, int]]:
    """Yield what a judge is asked, each with how often."""
    bound = BoundModel(judge.model, judge.provider.url, UnboundModel(judge.model.label), judge.scorer, JudgeTally())
    ask = getattr(plan.scorers[judge.scorer].scorer, "request", _ask_about_input)
    for cell in _judged_cells(plan, judge):
        estimator = TokenEstimator()
        positions = list(plan.positions(cell))
        of_all = cell.evaluation.trials - (_shared(plan, cell) // len(positions) if positions else 0)
        for position in positions if of_all else ():
            sample = cell.present(cell.dataset.samples[position])
            length = int(estimator.estimate(cell.request(sample, 0)).completion * FIRST_BYTES_PER_TOKEN)
            yield bound.complete(ask(sample, "x" * length)), of_all * judge.votes
    if judge in plan.held_judges and judge.anchors is not None:
        for anchor in judge.anchors.anchors:
            yield bound.complete(ask(anchor.sample, anchor.answer)), judge.votes


def _ask_about_input(sample: Sample, answer: str) -> Request:
    """Stand in for what a scorer of someone else's asks its model: input and answer."""
    message = Message("user", f"{sample.input}\n{answer}")
    return Request("", (message,), {}, sample, CallKey("", sample.id))
