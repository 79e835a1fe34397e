"""One turn of a chat as Weave calls: `run_chat` over one chat completion a model, as an unpatched SDK would record."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evalkit.codec import decode_messages, decode_prediction, encode_messages, encode_prediction
from evalkit.records import Json, Message, Prediction
from evalkit.weave_io.summaries import valid_text

if TYPE_CHECKING:
    from weave.trace.call import Call
    from weave.trace.weave_client import WeaveClient

__all__ = ["NotAnsweredError", "TracedAnswer", "TracedTurn", "record_turn"]

_OP = "run_chat"


class NotAnsweredError(Exception):
    """What Weave shows of a call without a whole answer."""


@dataclass(frozen=True, slots=True)
class TracedAnswer:
    """One model's part of a turn: what it was sent, and how that ended."""

    label: str
    model_id: str
    messages: tuple[Message, ...]
    params: dict[str, Json]
    prediction: Prediction

    @property
    def said(self) -> str:
        """The text, or the sentence that says why there is none."""
        failure = self.prediction.failure
        return self.prediction.text if failure is None else f"{self.prediction.text} [{failure.message}]".lstrip()

    @property
    def error(self) -> Exception | None:
        """What its call ends with where there is no whole answer."""
        failure = self.prediction.failure
        return None if failure is None else NotAnsweredError(f"{failure.kind}: {failure.message}")


@dataclass(frozen=True, slots=True)
class TracedTurn:
    """One prompt and what every model made of it; times are Unix times."""

    prompt: str
    started_at: float
    ended_at: float
    answers: tuple[TracedAnswer, ...]

    def encode(self) -> dict[str, Json]:
        """Return the turn as JSON."""
        answers = [
            {
                "label": answer.label,
                "model_id": answer.model_id,
                "messages": encode_messages(answer.messages),
                "params": answer.params,
                "prediction": encode_prediction(answer.prediction),
            }
            for answer in self.answers
        ]
        return {
            "prompt": self.prompt,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "answers": answers,
        }

    @classmethod
    def decode(cls, plain: Json) -> "TracedTurn":
        """Read what `encode` wrote."""
        answers = tuple(
            TracedAnswer(
                answer["label"],
                answer["model_id"],
                decode_messages(answer["messages"]),
                answer["params"],
                decode_prediction(answer["prediction"]),
            )
            for answer in plain["answers"]
        )
        return cls(plain["prompt"], plain["started_at"], plain["ended_at"], answers)


def record_turn(client: "WeaveClient", turn: TracedTurn) -> "Call":
    """Record a turn with its true times and return its call; tokens roll up by model."""
    from evalkit.weave_io.traces import record_prediction

    sdk: Json = client  # its own types are partial
    inputs = valid_text({"prompt": turn.prompt, "models": [answer.model_id for answer in turn.answers]})
    call = sdk.create_call(_OP, inputs, started_at=_time(turn.started_at))
    for answer in turn.answers:
        asked = (answer.model_id, answer.messages, answer.params, answer.prediction)
        record_prediction(client, *asked, error=answer.error)
    said: Json = {answer.label: answer.said for answer in turn.answers}
    if len(turn.answers) == 1:
        said = turn.answers[0].said
    errors = [answer.error for answer in turn.answers]
    error = None if None in errors else errors[0]
    sdk.finish_call(call, valid_text(said), exception=error, ended_at=_time(turn.ended_at))
    return call


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
