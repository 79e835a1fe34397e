"""What the requests of a run came to, by provider and model: what servers counted, and what stands for the untold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evalkit.listed_models import TokenPrice
from evalkit.records import Json

__all__ = ["Account", "Caller", "PriceOf", "Spending", "cost_usd", "total_spending"]

Caller = tuple[str | None, str | None]
"""A provider's name and a model's id; None where an older journal did not say."""

PriceOf = Callable[[str | None, str | None], TokenPrice | None]
"""Provider and model id to the price of a call, None where it is not known."""

_MILLION = 1e6


@dataclass(slots=True)
class Account:
    """The requests sent for one model.

    `prompt_tokens` and `completion_tokens` are what the server counted. Of `untold` requests it did not tell all, or
    no whole reply came back: they may have been billed, and the guesses made before they were sent stand for them.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    guessed_prompt: int = 0
    guessed_completion: int = 0
    untold: int = 0

    def put(self, told: tuple[int | None, int | None], guessed: tuple[int, int]) -> None:
        """Note the tokens of a request that has ended: what was told, and the guess for what was not."""
        prompt, completion = told
        self.untold += prompt is None or completion is None
        self.prompt_tokens += prompt or 0
        self.completion_tokens += completion or 0
        self.guessed_prompt += guessed[0] if prompt is None else 0
        self.guessed_completion += guessed[1] if completion is None else 0

    @property
    def guessed_tokens(self) -> int:
        """The tokens that stand for what was not told."""
        return self.guessed_prompt + self.guessed_completion

    @property
    def tokens(self) -> int:
        """Every token, told or guessed."""
        return self.prompt_tokens + self.completion_tokens + self.guessed_tokens

    def known_cost_usd(self, price: TokenPrice) -> float:
        """Return what the tokens that the server counted cost."""
        return cost_usd(price, self.prompt_tokens, self.completion_tokens)

    def guessed_cost_usd(self, price: TokenPrice) -> float:
        """Return what the guessed tokens would cost."""
        return cost_usd(price, self.guessed_prompt, self.guessed_completion)


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run has spent, over all its tries.

    `known_cost_usd` is what told tokens at known prices cost: the least that the run can have cost. `guessed_cost_usd`
    is that with the guesses for what was not told, which is what a budget counts. `unpriced` tells whether a model
    without a price was asked, `untold` how many requests did not tell their tokens.
    """

    requests: int
    tokens: int
    known_cost_usd: float
    guessed_cost_usd: float
    untold: int
    unpriced: bool

    @property
    def cost_usd(self) -> float | None:
        """The cost, None when any part of it is not known."""
        return None if self.untold or self.unpriced else self.known_cost_usd

    def describe(self) -> dict[str, Json]:
        """Return the spending as run.json keeps it among the calls."""
        return {
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
            "known_cost_usd": self.known_cost_usd,
            "guessed_cost_usd": None if self.unpriced else self.guessed_cost_usd,
            "without_usage": self.untold,
        }


def cost_usd(price: TokenPrice, prompt: int, completion: int) -> float:
    """Return what tokens cost."""
    return (prompt * price.input + completion * price.output) / _MILLION


def total_spending(accounts: Mapping[Caller, Account], price_of: PriceOf) -> Spending:
    """Return what all accounts come to; a model that was never billed a token needs no price."""
    known = guessed = 0.0
    unpriced = False
    for (provider, model), account in accounts.items():
        price = price_of(provider, model)
        if price is None:
            unpriced = unpriced or bool(account.tokens or account.untold)
        else:
            known += account.known_cost_usd(price)
            guessed += account.guessed_cost_usd(price)
    return Spending(
        requests=sum(account.requests for account in accounts.values()),
        tokens=sum(account.tokens for account in accounts.values()),
        known_cost_usd=known,
        guessed_cost_usd=known + guessed,
        untold=sum(account.untold for account in accounts.values()),
        unpriced=unpriced,
    )
