"""A model inside a scorer: a label while a config is checked, the whole call stack while a run goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from evalkit.config.schema import ModelSpec
from evalkit.digest import digest_json
from evalkit.judge_tally import JudgeTally
from evalkit.protocols import Model
from evalkit.reasoning import strip_reasoning
from evalkit.records import CallKey, Failure, FailureKind, Message, Prediction, PredictionOutcome, Request

__all__ = ["REFORMAT", "BoundModel", "UnboundModel"]

REFORMAT = "again"
"""The last part of the slot of a call that asks a judge to state its verdict once more."""

_NOBODY = Failure(FailureKind.NOT_RUN, "no judge is asked here")


@dataclass(frozen=True, slots=True)
class UnboundModel:
    """What a field annotated `Model` holds until a run fills it in: the label of a model. It asks nobody."""

    label: str

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return that nobody was asked."""
        del request, on_text
        return Prediction(PredictionOutcome.NOT_RUN, failure=_NOBODY)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read it from a text."""
        del source, handler
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(min_length=1))


@dataclass(frozen=True, slots=True)
class BoundModel:
    """One model of the config as a scorer's own: it fills in who is asked, with which params, and under which key.

    A scorer leaves `Request.model` and `key.request` empty and gives `key.slot` what tells its own calls of one sample
    and trial apart, such as the number of a vote; in the journal the slot is `<purpose>:<scorer>:<slot>`. The params
    of the config win over the scorer's. Reasoning is taken off the reply.
    """

    spec: ModelSpec
    url: str
    model: Model
    scorer: str
    tally: JudgeTally
    purpose: str = "judge"

    def complete(self, request: Request) -> Request:
        """Return a scorer's request as it is sent."""
        messages = request.messages
        if self.spec.system:
            messages = (Message("system", self.spec.system), *messages)
        params = {**request.params, **self.spec.params}
        content = [self.url, self.spec.id, [[turn.role, turn.content] for turn in messages], params]
        slot = f"{self.purpose}:{self.scorer}:{request.key.slot}"
        key = CallKey(digest_json(content), request.key.sample_id, request.key.trial, slot)
        return replace(request, model=self.spec.id, messages=messages, params=params, key=key)

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the reply without its reasoning; reasoning that was never closed leaves no text."""
        sent = self.complete(request)
        prediction = await self.model.predict(sent, on_text)
        if prediction.outcome is not PredictionOutcome.NOT_RUN:
            self.tally.put(sent.key, prediction, is_reformat=sent.key.slot.endswith(f":{REFORMAT}"))
        reasoning = self.spec.reasoning
        if reasoning.strip == "never" or "<" not in prediction.text:
            return prediction
        return replace(prediction, text=strip_reasoning(prediction.text, reasoning.tags) or "")
