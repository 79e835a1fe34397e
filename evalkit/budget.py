"""What a run may spend: every call is reserved before it is sent, and settled by what it took."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evalkit.config.schema import RunSpec
from evalkit.protocols import Model
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request
from evalkit.spending import Account, Caller, PriceOf, Spending, cost_usd, total_spending
from evalkit.stop import Stop, StopReason
from evalkit.tokens import TokenEstimator, Tokens, billed_tokens

__all__ = ["Budget", "Budgeted", "format_usd"]

_FEW_USD = 0.1


@dataclass(frozen=True, slots=True)
class _Hold:
    """What is kept back for one call in flight."""

    account: Account
    tokens: Tokens
    cost_usd: float


class Budget:
    """Lets a call start while what is spent, what is in flight at its estimate, and the call's own estimate fit.

    A call that does not fit beside those in flight waits for them to end, since most take less than was kept back for
    them; when nothing is in flight and it still does not fit, the run stops. So the limits are passed at most by what
    estimates fell short of, and `max_requests` never. A reply that says 400 or more costs a request and no tokens. One
    that is lost (a timeout, a dropped connection, a body that cannot be read) may have been billed: its estimate counts
    as spent. `max_time` counts from `start`, in this try alone; the others count over all tries of a run.
    """

    def __init__(self, limits: RunSpec, *, price_of: PriceOf, stop: Stop, estimator: TokenEstimator) -> None:
        self.limits = limits
        self.estimator = estimator
        self.in_flight = 0
        self._price_of = price_of
        self._stop = stop
        self._accounts: dict[Caller, Account] = {}
        self._held_tokens = 0
        self._held_usd = 0.0
        self._turn = asyncio.Lock()
        self._settled = asyncio.Event()
        self._began: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        stop.tell(self._settled.set)

    @property
    def accounts(self) -> Mapping[Caller, Account]:
        """What was spent so far, by provider and model; calls in flight have their requests in it."""
        return self._accounts

    @property
    def spending(self) -> Spending:
        """What was spent so far in all; of calls in flight, their requests alone."""
        return total_spending(self._accounts, self._price_of)

    @property
    def elapsed_s(self) -> float:
        """Seconds since `start`."""
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    def restore(self, accounts: Mapping[Caller, Account]) -> None:
        """Count what earlier tries of this run have spent."""
        self._accounts.update(accounts)

    def start(self) -> None:
        """Begin to count `max_time`; when it is over the run stops, whatever it waits for."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        if self.limits.max_time is not None:
            self._timer = loop.call_later(self.limits.max_time, self._end, self._time_is_over())

    def close(self) -> None:
        """Count no more time."""
        if self._timer is not None:
            self._timer.cancel()

    async def admit(self, provider: str, request: Request) -> _Hold | None:
        """Keep back what a call may take, when it fits; None when the run has stopped, or stops for want of it."""
        async with self._turn:
            while not self._stop:
                estimate = self.estimator.estimate(request)
                over = self._over(provider, request, estimate)
                if over is None:
                    return self._hold(provider, request, estimate)
                if not over.may_change or not self.in_flight:
                    self._end(over.message)
                    break
                self._settled.clear()
                await self._settled.wait()
        return None

    def settle(self, hold: _Hold, request: Request, prediction: Prediction | None) -> None:
        """Give back what was kept for a call and count what it took; without a prediction its estimate stands."""
        self.in_flight -= 1
        self._held_tokens -= hold.tokens.total
        self._held_usd = self._held_usd - hold.cost_usd if self.in_flight else 0.0
        told = (None, None) if prediction is None else billed_tokens(prediction)
        hold.account.put(told, (hold.tokens.prompt, hold.tokens.completion))
        if prediction is not None and prediction.failure is None:
            self.estimator.learn(request, prediction.usage)
        self._settled.set()

    def refusal(self) -> Failure:
        """Return why a call that was not admitted is not run."""
        is_spent = self._stop.reason is StopReason.BUDGET
        return Failure(FailureKind.BUDGET if is_spent else FailureKind.NOT_RUN, self._stop.message)

    def _hold(self, provider: str, request: Request, estimate: Tokens) -> _Hold:
        account = self._accounts.setdefault((provider, request.model), Account())
        account.requests += 1
        hold = _Hold(account, estimate, self._cost(provider, request, estimate))
        self.in_flight += 1
        self._held_tokens += estimate.total
        self._held_usd += hold.cost_usd
        return hold

    def _cost(self, provider: str, request: Request, tokens: Tokens) -> float:
        price = self._price_of(provider, request.model)
        return 0.0 if price is None else cost_usd(price, tokens.prompt, tokens.completion)

    def _over(self, provider: str, request: Request, need: Tokens) -> "_Over | None":
        """Return the first limit that a call would pass, None when it fits in all."""
        limits, accounts = self.limits, self._accounts.values()
        if limits.max_time is not None and self.elapsed_s >= limits.max_time:
            return _Over(self._time_is_over(), may_change=False)
        if limits.max_requests is not None:
            sent = sum(account.requests for account in accounts)
            if sent >= limits.max_requests:
                said = f"run.max_requests is {limits.max_requests:,} and {sent:,} requests were sent"
                return _Over(f"{said}; raise it to go on", may_change=False)
        if limits.max_tokens is not None:
            spent = sum(account.tokens for account in accounts)
            if spent + self._held_tokens + need.total > limits.max_tokens:
                guessed = self._untold(f"{sum(account.guessed_tokens for account in accounts):,}")
                said = f"run.max_tokens is {limits.max_tokens:,}, {spent:,} are spent{guessed}"
                return _Over(f"{said} and the next call may take {need.total:,}; raise it to go on")
        if limits.max_cost is not None:
            spending, next_usd = self.spending, self._cost(provider, request, need)
            spent_usd = spending.guessed_cost_usd
            if spent_usd + self._held_usd + next_usd > limits.max_cost:
                guessed = self._untold(format_usd(spent_usd - spending.known_cost_usd))
                said = f"run.max_cost is {format_usd(limits.max_cost)}, {format_usd(spent_usd)} is spent{guessed}"
                return _Over(f"{said} and the next call may cost {format_usd(next_usd)}; raise it to go on")
        return None

    def _untold(self, guessed: str) -> str:
        """Return which part of what is spent is a guess."""
        untold = sum(account.untold for account in self._accounts.values())
        return f" ({guessed} of it guessed, for {untold:,} requests whose tokens were never told)" if untold else ""

    def _time_is_over(self) -> str:
        return f"run.max_time is {self.limits.max_time:g} s and it is over"

    def _end(self, message: str) -> None:
        self._stop.request(StopReason.BUDGET, message)


@dataclass(frozen=True, slots=True)
class _Over:
    """Why a call does not fit; `may_change` when calls that end may make room for it."""

    message: str
    may_change: bool = True


class Budgeted:
    """A Model whose calls are paid from a budget; one that does not fit is not run."""

    __slots__ = ("_budget", "_model", "_provider")

    def __init__(self, model: Model, budget: Budget, *, provider: str) -> None:
        self._model, self._budget, self._provider = model, budget, provider

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the answer, or `not_run` when the budget does not hold it or the run has stopped."""
        hold = await self._budget.admit(self._provider, request)
        if hold is None:
            return Prediction(PredictionOutcome.NOT_RUN, failure=self._budget.refusal())
        try:
            prediction = await self._model.predict(request, on_text)
        except BaseException:
            self._budget.settle(hold, request, None)
            raise
        self._budget.settle(hold, request, prediction)
        return prediction


def format_usd(usd: float) -> str:
    """Return USD with as many digits as tell a small sum from nothing."""
    if usd >= _FEW_USD or usd <= 0:
        return f"${usd:,.2f}"
    return f"${usd:.{2 - math.floor(math.log10(usd))}f}".rstrip("0")
