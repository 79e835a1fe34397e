"""What a run came to: what is unknown is never counted as nothing."""

import pytest

from evalkit.listed_models import TokenPrice
from evalkit.spending import Account, PriceOf, total_spending

PRICE = TokenPrice(2.0, 8.0, "config")


def price_of(provider: str | None, model: str | None) -> TokenPrice | None:
    del provider
    return None if model == "unpriced" else PRICE


def test_told_tokens_have_a_cost() -> None:
    spending = total_spending({("p", "a"): Account(3, 100, 50), ("p", "b"): Account(1, 10, 5)}, price_of)
    assert spending.cost_usd == spending.known_cost_usd == spending.guessed_cost_usd == pytest.approx(660e-6)
    assert (spending.requests, spending.tokens, spending.untold) == (4, 165, 0)
    assert spending.describe() == {
        "tokens": 165,
        "cost_usd": spending.cost_usd,
        "known_cost_usd": spending.cost_usd,
        "guessed_cost_usd": spending.cost_usd,
        "without_usage": 0,
    }


def test_untold_tokens_make_the_cost_unknown_and_stand_as_guessed() -> None:
    account = Account(2, 100, 50)
    account.put((10, None), (99, 40))
    assert (account.tokens, account.untold) == (200, 1)
    spending = total_spending({("p", "a"): account}, price_of)
    assert spending.cost_usd is None
    assert spending.known_cost_usd == pytest.approx(620e-6)
    assert spending.guessed_cost_usd == pytest.approx(940e-6)


@pytest.mark.parametrize(
    ("account", "is_known"),
    [(Account(3), True), (Account(3, 1), False), (Account(3, untold=1), False)],
    ids=["only refusals", "tokens", "untold"],
)
def test_a_model_without_a_price_makes_the_cost_unknown_once_it_was_billed(account: Account, is_known: bool) -> None:
    spending = total_spending({("p", "unpriced"): account, ("p", "a"): Account(1, 100, 50)}, price_of)
    assert (spending.cost_usd is not None) is is_known
    assert spending.known_cost_usd == pytest.approx(600e-6)
    assert (spending.describe()["guessed_cost_usd"] is not None) is is_known


def test_nothing_asked_costs_nothing() -> None:
    asked_nobody: PriceOf = price_of
    assert total_spending({}, asked_nobody).cost_usd == 0.0
