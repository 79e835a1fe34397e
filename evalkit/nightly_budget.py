"""What of a run's budget is left for judging stored answers again, and what that takes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.budget import format_usd
from evalkit.config.schema import RunSpec
from evalkit.judge_forecast import count_judge_calls
from evalkit.plan import Plan
from evalkit.prices import Prices
from evalkit.records import Json
from evalkit.spending import Account, Caller, Spending, total_spending
from evalkit.store import RunFolder

__all__ = ["JudgingNeed", "Left", "judging_need", "left_of", "rejudged_folders", "spending_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a night may still spend; None where there is no limit."""

    requests: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None

    def limit(self, limits: RunSpec) -> RunSpec:
        """Return the limits of a run that may spend what is left."""
        update: dict[str, Json] = {
            "max_requests": self.requests,
            "max_tokens": self.tokens,
            "max_cost": self.cost_usd,
            "max_time": self.seconds,
        }
        return limits.model_copy(update=update)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingNeed:
    """What judging stored answers again takes: the most requests, and what tonight's judgements took for as many."""

    requests: int
    tokens: float
    cost_usd: float

    def beyond(self, left: Left) -> str | None:
        """Return the first limit that it would pass, as a clause; None where it fits."""
        if left.requests is not None and self.requests > left.requests:
            return f"it takes {self.requests:,} requests, and run.max_requests leaves {max(0, left.requests):,}"
        if left.tokens is not None and self.tokens > left.tokens:
            return f"it takes about {self.tokens:,.0f} tokens, and run.max_tokens leaves {max(0, left.tokens):,}"
        if left.cost_usd is not None and self.cost_usd > left.cost_usd:
            return f"it costs about {format_usd(self.cost_usd)}, and run.max_cost leaves {_usd(left.cost_usd)}"
        if left.seconds is not None and left.seconds <= 0.0:
            return "run.max_time is over"
        return None


def left_of(limits: RunSpec, spent: Spending, *, elapsed_s: float) -> Left:
    """Return what is left of a run's limits when so much is spent, and so many seconds are over."""
    return Left(
        requests=None if limits.max_requests is None else limits.max_requests - spent.requests,
        tokens=None if limits.max_tokens is None else limits.max_tokens - spent.tokens,
        cost_usd=None if limits.max_cost is None else limits.max_cost - spent.guessed_cost_usd,
        seconds=None if limits.max_time is None else limits.max_time - elapsed_s,
    )


def judging_need(plan: Plan, done: int, tonight: Mapping[Caller, Account], prices: Prices) -> JudgingNeed:
    """Return what the judges of a plan of stored answers take, of which `done` calls have been made.

    A call counts with the mean of what `tonight`, the accounts of the night's own run, says of the same judge.
    """
    wanted = count_judge_calls(plan)
    left = max(0, wanted - done)
    callers = {(judge.model.provider, judge.model.id) for judge in plan.judges}
    known = {caller: account for caller, account in tonight.items() if caller in callers}
    spent = total_spending(known, prices.of_call)
    share = left / spent.requests if spent.requests else 0.0
    return JudgingNeed(requests=left, tokens=spent.tokens * share, cost_usd=spent.guessed_cost_usd * share)


def spending_of(folders: Iterable[RunFolder], prices: Prices) -> Spending:
    """Return what the runs in these folders have spent together.

    Raises:
        StoreError: a journal cannot be read.
    """
    accounts: dict[Caller, Account] = {}
    for folder in folders:
        with folder.reader() as reader:
            for caller, account in reader.accounts().items():
                accounts[caller] = _sum(accounts[caller], account) if caller in accounts else account
    return total_spending(accounts, prices.of_call)


def rejudged_folders(folder: Path) -> Iterator[RunFolder]:
    """Yield where stored answers were judged again for the run in a folder."""
    return (RunFolder(path.parent) for path in sorted(folder.glob("rejudged/*/*/calls.sqlite")))


def _sum(one: Account, other: Account) -> Account:
    return Account(
        one.requests + other.requests,
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.guessed_prompt + other.guessed_prompt,
        one.guessed_completion + other.guessed_completion,
        one.untold + other.untold,
    )


def _usd(usd: float) -> str:
    return format_usd(max(0.0, usd))
