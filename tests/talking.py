"""Models for tests of the chat: they say their pieces, attempt by attempt, at the times they are told to."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evalkit.config.schema import ModelSpec
from evalkit.listed_models import TokenPrice
from evalkit.opening import BoundModel
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request, Usage
from evalkit.triage import failed

__all__ = ["Attempt", "Talking", "bound", "broken"]

HANG = float("inf")


@dataclass(frozen=True)
class Attempt:
    """One attempt: pieces, each after `gap_s`, then the end; a gap of HANG never ends."""

    pieces: Sequence[str] = ()
    end: Prediction | None = None
    gap_s: float = 0.0
    usage: Usage | None = None


@dataclass
class Talking:
    """A Model that plays its attempts in order; the last one stays."""

    attempts: list[Attempt]
    requests: list[Request] = field(default_factory=list)
    cancelled: int = 0

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        self.requests.append(request)
        attempt = self.attempts[min(len(self.requests), len(self.attempts)) - 1]
        try:
            for piece in attempt.pieces:
                await asyncio.sleep(0 if attempt.gap_s == HANG else attempt.gap_s)
                if on_text is not None:
                    on_text(piece)
            if attempt.gap_s == HANG:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return attempt.end or Prediction(PredictionOutcome.OK, "".join(attempt.pieces), usage=attempt.usage)


def bound(model: Talking, label: str = "a", *, price: TokenPrice | None = None, **spec: object) -> BoundModel:
    """Return the model under a label."""
    return BoundModel(ModelSpec.model_validate({"id": f"id-of-{label}", "label": label, **spec}), model, price)


def broken(kind: FailureKind, message: str = "it broke") -> Prediction:
    """Return a failed prediction."""
    return failed(Failure(kind, message))
