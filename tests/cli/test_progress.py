"""The spending that the live display shows: beside its limits, and never as nothing where it is not known."""

import asyncio
import io
import re
from collections.abc import Callable

import pytest

from evalkit.budget import Budget
from evalkit.cli.progress import describe_spending, watch_progress
from evalkit.config.schema import RunSpec
from evalkit.engine import Lane, Progress
from evalkit.listed_models import TokenPrice
from evalkit.records import Prediction, Request
from evalkit.spending import Account
from evalkit.stop import Stop
from evalkit.throttle import Throttle
from evalkit.tokens import TokenEstimator
from tests.virtual_time import run_virtual, virtual_now

PRICE = TokenPrice(1_000.0, 1_000.0, "config")
TOLD, UNTOLD = Account(3, 1_000, 500), Account(3, 1_000, 500, 100, 100, 1)


@pytest.mark.parametrize(
    ("limits", "account", "price", "shown"),
    [
        ({}, TOLD, PRICE, "1,500 tokens, $1.50"),
        ({}, TOLD, None, "1,500 tokens, cost unknown"),
        ({}, UNTOLD, PRICE, "1,700 tokens, at least $1.50"),
        ({}, TOLD, TokenPrice(0, 0, "config"), "1,500 tokens"),
        ({"max_cost": 5}, UNTOLD, PRICE, "1,700 tokens, $1.70 of $5.00"),
        (
            {"max_requests": 2_000, "max_tokens": 9_000},
            TOLD,
            PRICE,
            "1,500 of 9,000 tokens, 3 of 2,000 requests, $1.50",
        ),
        ({"max_time": "10m"}, TOLD, PRICE, "1,500 tokens, $1.50, 1:15 of 10:00"),
    ],
    ids=["known", "no price", "untold", "free", "cost", "requests and tokens", "time"],
)
def test_spending(limits: dict[str, object], account: Account, price: TokenPrice | None, shown: str) -> None:
    async def main() -> str:
        stop, spec = Stop(), RunSpec(**limits)
        budget = Budget(spec, price_of=lambda provider, model: price, stop=stop, estimator=TokenEstimator())
        budget.restore({("p", "m"): account})
        budget.start()
        await asyncio.sleep(75)
        text = describe_spending(budget)
        budget.close()
        return text

    assert run_virtual(main()) == shown


def test_the_line_says_while_the_server_has_calls_wait() -> None:
    out = io.StringIO()

    async def main() -> None:
        throttle = Throttle(4, clock=virtual_now)
        async with watch_progress(Progress(), {"lane": Lane((), throttle, NoModel())}, stream=out):
            await asyncio.sleep(11)
            throttle.hold(20)
            await asyncio.sleep(40)

    run_virtual(main())
    before, during, *_, after = out.getvalue().splitlines()
    assert re.search(r"in flight of \d+, the server has calls wait 0:1\d, ", during)
    assert "server" not in before + after


class NoModel:
    """Stands where a lane has its model; nothing asks it."""

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        raise AssertionError(request)
