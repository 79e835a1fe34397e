"""A cell is given up for a reason that its other calls share, and for nothing else."""

import pytest

from evalkit.halts import ALIKE, Halt, Halts
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome

OK = Prediction(PredictionOutcome.OK, text="4")


def rejection(message: str = "temperature is too high", status: int = 400) -> Prediction:
    return Prediction(PredictionOutcome.REJECTED, failure=Failure(FailureKind.REJECTED, message, status))


def failed(kind: FailureKind) -> Prediction:
    return Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(kind, "the same words", 500))


MOST = ALIKE - 1


@pytest.mark.parametrize(
    ("answers", "given_up"),
    [
        pytest.param([rejection()] * ALIKE, True, id="as many alike as it takes"),
        pytest.param([rejection()] * MOST, False, id="one fewer"),
        pytest.param([rejection()] * MOST + [OK] + [rejection()] * MOST, False, id="an answer between"),
        pytest.param([rejection("a"), rejection("b")] * ALIKE, False, id="other words each time"),
        pytest.param([rejection(status=400 + n) for n in range(ALIKE)], False, id="other status each time"),
        pytest.param([rejection(f"row {n}: bad") for n in range(ALIKE)], True, id="alike but for a number"),
        pytest.param([failed(FailureKind.TRANSIENT)] * ALIKE, False, id="an outage is no rejection"),
        pytest.param([failed(FailureKind.TOO_LONG)] * ALIKE, False, id="too long is a sample of its own"),
    ],
)
def test_a_row_of_rejections_alike_gives_a_cell_up(answers: list[Prediction], given_up: bool) -> None:
    halts = Halts()
    for answer in answers:
        halts.note("qa/m", answer)
    assert ("qa/m" in halts) == given_up


def test_each_cell_counts_for_itself() -> None:
    halts = Halts()
    for _ in range(MOST):
        halts.note("qa/a", rejection())
        halts.note("qa/b", rejection())
    halts.note("qa/a", rejection())
    assert list(halts.cells) == ["qa/a"]
    assert "temperature is too high" in halts.cells["qa/a"].message


def test_what_an_earlier_try_met_is_not_counted_again() -> None:
    halts = Halts()
    kept = Prediction(PredictionOutcome.REJECTED, failure=rejection().failure, from_journal=True)
    for _ in range(2 * ALIKE):
        halts.note("qa/m", kept)
    assert not halts.cells


def test_the_first_reason_stands() -> None:
    halts = Halts()
    halts.give_up(["qa/m"], Halt("no such model", is_access=True))
    halts.give_up(["qa/m", "qb/m"], Halt("later"))
    assert {key: halt.message for key, halt in halts.cells.items()} == {"qa/m": "no such model", "qb/m": "later"}
