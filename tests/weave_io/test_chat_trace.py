"""A turn on its way to the tracing process."""

import json

from evalkit.records import Failure, FailureKind, Message, Prediction, PredictionOutcome, Timing, Usage
from evalkit.weave_io.chat_trace import TracedAnswer, TracedTurn

ANSWERED = Prediction(
    PredictionOutcome.OK, "four \ud800", usage=Usage(3, 4, 7), timing=Timing(1.5, 2.5, 1.0), reasoning="hm"
)
STOPPED = Prediction(PredictionOutcome.NOT_RUN, "fo", Failure(FailureKind.NOT_RUN, "interrupted"), attempts=1)
ASKED = (Message("system", "Be brief."), Message("user", "2 + 2?"))
TURN = TracedTurn(
    "2 + 2?",
    1.0,
    3.0,
    (TracedAnswer("A", "a", ASKED, {"stop": ["x"]}, ANSWERED), TracedAnswer("B", "b", ASKED, {}, STOPPED)),
)


def test_a_turn_arrives_as_it_was_sent() -> None:
    line = json.dumps(TURN.encode()).encode()
    assert b"\n" not in line
    assert TracedTurn.decode(json.loads(line)) == TURN


def test_what_weave_shows_of_an_answer() -> None:
    answered, stopped = TURN.answers
    assert answered.error is None
    assert stopped.said == "fo [interrupted]"
    assert str(stopped.error) == "not_run: interrupted"
