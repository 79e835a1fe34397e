"""How many calls at once an endpoint takes, measured with few of them."""

import asyncio

import pytest

from evalkit.doctor_load import Load, measure_load, most_calls
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome
from tests.virtual_time import run_virtual

OK = Prediction(PredictionOutcome.OK, "ok")


def failing(kind: FailureKind) -> Prediction:
    return Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(kind, "no", 429))


class Server:
    def __init__(self, limit: int, *, fails_after: int = 10**6) -> None:
        self.limit, self.fails_after = limit, fails_after
        self.in_flight = self.calls = 0

    async def ask(self) -> Prediction:
        self.calls += 1
        if self.calls > self.fails_after:
            return failing(FailureKind.QUOTA)
        self.in_flight += 1
        try:
            if self.in_flight > self.limit:
                return failing(FailureKind.THROTTLE)
            await asyncio.sleep(1)
            return OK
        finally:
            self.in_flight -= 1


@pytest.mark.parametrize(
    ("limit", "most", "load"),
    [
        pytest.param(0, 16, Load(0, 1, 1), id="nothing is taken"),
        pytest.param(1, 16, Load(1, 2, 3), id="1"),
        pytest.param(3, 16, Load(3, 4, 10), id="3"),
        pytest.param(5, 16, Load(5, 8, 20), id="5"),
        pytest.param(16, 16, Load(16, 0, 31), id="as many as are tried"),
        pytest.param(15, 16, Load(15, 16, 46), id="the most calls that it takes"),
        pytest.param(100, 20, Load(20, 0, 51), id="no power of two"),
        pytest.param(9, 1, Load(1, 0, 1), id="one"),
    ],
)
def test_measures(limit: int, most: int, load: Load) -> None:
    server = Server(limit)
    assert run_virtual(measure_load(server.ask, most)) == load
    assert server.calls == load.calls <= most_calls(most)


def test_another_refusal_ends_it() -> None:
    load = run_virtual(measure_load(Server(100, fails_after=5).ask, 16))
    assert (load.taken, load.refused_at, load.calls) == (2, 0, 7)
    assert load.failure is not None
    assert load.failure.kind is FailureKind.QUOTA
