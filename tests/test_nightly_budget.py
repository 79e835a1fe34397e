"""What of a night's budget is left for judging again, and what is said where that is too little."""

import pytest

from evalkit.config.schema import RunSpec
from evalkit.nightly_budget import JudgingNeed, Left, left_of
from evalkit.spending import Spending

SPENT = Spending(requests=400, tokens=9000, known_cost_usd=38.0, guessed_cost_usd=38.75, untold=0, unpriced=False)
NEED = JudgingNeed(requests=200, tokens=4500.0, cost_usd=37.91)


def test_without_limits_everything_is_left() -> None:
    left = left_of(RunSpec(), SPENT, elapsed_s=50.0)
    assert left == Left()
    assert NEED.beyond(left) is None


def test_what_is_left_becomes_the_limit() -> None:
    limits = RunSpec(max_cost=80.0, max_requests=610, max_tokens=20000, max_time=60)
    left = left_of(limits, SPENT, elapsed_s=50.0)
    assert left == Left(requests=210, tokens=11000, cost_usd=41.25, seconds=10.0)
    assert NEED.beyond(left) is None
    made = left.limit(limits)
    assert (made.max_requests, made.max_tokens, made.max_cost, made.max_time) == (210, 11000, 41.25, 10.0)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        pytest.param({"max_requests": 410}, "it takes 200 requests, and run.max_requests leaves 10", id="requests"),
        pytest.param({"max_requests": 300}, "it takes 200 requests, and run.max_requests leaves 0", id="overspent"),
        pytest.param({"max_tokens": 9500}, "it takes about 4,500 tokens, and run.max_tokens leaves 500", id="tokens"),
        pytest.param({"max_cost": 60}, "it costs about $37.91, and run.max_cost leaves $21.25", id="cost"),
        pytest.param({"max_time": 50}, "run.max_time is over", id="time"),
    ],
)
def test_too_little_is_said(limits: dict[str, float], why: str) -> None:
    assert NEED.beyond(left_of(RunSpec.model_validate(limits), SPENT, elapsed_s=50.0)) == why
