"""The child call of a prediction: the request as it was sent, with the times, tokens and model of the answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from weave.trace.weave_client import WeaveClient

from evalkit.digest import digest_text
from evalkit.journal_reader import StoredResult
from evalkit.records import NOT_ANSWERED, Json, Message, Prediction
from evalkit.weave_io.summaries import valid_text

__all__ = ["SAMPLE_SHARE", "is_traced", "record_call", "record_prediction"]

SAMPLE_SHARE = 10
"""`traces: sample` records one call in this many."""

_OP = "openai.chat.completions.create"


def is_traced(traces: str, stored: StoredResult) -> bool:
    """Return whether a result gets a child call: it was answered, and `traces` (all, sample, none) asks for it.

    An answer out of the shared cache was paid for, and recorded, by an earlier run.
    """
    prediction = stored.result.prediction
    answered = prediction.outcome not in NOT_ANSWERED or prediction.usage is not None
    if traces == "none" or not answered or prediction.from_cache:
        return False
    key = f"{stored.result.sample_id}:{stored.result.trial}"
    return traces == "all" or int(digest_text(key)[:8], 16) % SAMPLE_SHARE == 0


def record_call(client: WeaveClient, model_id: str, stored: StoredResult) -> None:
    """Put the call of a stored result under the op that is running."""
    record_prediction(client, model_id, stored.messages, stored.params, stored.result.prediction)


def record_prediction(
    client: WeaveClient,
    model_id: str,
    messages: Sequence[Message],
    params: Mapping[str, Json],
    prediction: Prediction,
    *,
    error: Exception | None = None,
) -> None:
    """Put a call under the op that is running: its times are the answering attempt's, its attributes the rest."""
    timing = prediction.timing
    sent = [{"role": message.role, "content": message.content} for message in messages]
    inputs = valid_text({"model": model_id, "messages": sent, **params})
    sdk: Json = client  # its own types are partial
    call = sdk.create_call(_OP, inputs, attributes={"timing": _times(prediction)}, started_at=_time(timing.started_at))
    sdk.finish_call(call, _output(model_id, prediction), exception=error, ended_at=_time(timing.ended_at))


def _times(prediction: Prediction) -> dict[str, Json]:
    """Return what the call's own start and end do not say; nothing is told of what was not measured."""
    timing = prediction.timing
    times = {name: getattr(timing, name) for name in ("queue_s", "backoff_s", "first_byte_s", "first_token_s")}
    return {name: value for name, value in times.items() if value is not None} | {"attempts": prediction.attempts}


def _output(model_id: str, prediction: Prediction) -> dict[str, Json]:
    message: dict[str, Json] = {"role": "assistant", "content": valid_text(prediction.text)}
    optional = {"reasoning_content": prediction.reasoning, "tool_calls": prediction.tool_calls}
    message.update({name: valid_text(value) for name, value in optional.items() if value is not None})
    choice: dict[str, Json] = {"index": 0, "message": message, "finish_reason": prediction.finish_reason}
    if prediction.logprobs is not None:
        choice["logprobs"] = valid_text(prediction.logprobs)
    output: dict[str, Json] = {"model": prediction.served_model or model_id, "choices": [choice]}
    if prediction.fingerprint is not None:
        output["system_fingerprint"] = valid_text(prediction.fingerprint)
    if prediction.usage is not None:
        usage: Mapping[str, int | None] = {
            "prompt_tokens": prediction.usage.prompt_tokens,
            "completion_tokens": prediction.usage.completion_tokens,
            "total_tokens": prediction.usage.total_tokens,
        }
        output["usage"] = {name: count for name, count in usage.items() if count is not None}
    return output


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
