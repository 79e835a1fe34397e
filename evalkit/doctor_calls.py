"""The tiny calls of a check-up, and what their answers say in a sentence."""

import asyncio
import re

from evalkit.config.schema import ModelSpec, ThrottleSpec
from evalkit.doctor_findings import Finding, Status
from evalkit.doctor_load import Load
from evalkit.errors import ExitCode
from evalkit.model_names import is_same_model
from evalkit.protocols import Model
from evalkit.records import CallKey, Failure, FailureKind, Message, Prediction, Request, Sample
from evalkit.triage import failed

__all__ = ["MOST_TOKENS", "about_call", "about_load", "access_check", "ask_little"]

MOST_TOKENS = 8
"""The longest answer that a check-up pays for."""

_NOT_FOUND = 404
_PROMPT = "Reply with the word ok."
_PERSONAL = re.compile(r"personal (?:account|entit)", re.IGNORECASE)
_REGION = re.compile(r"country|region|territory", re.IGNORECASE)
_DEFAULT_CONCURRENCY = 32
_BUSY = (Status.WARN, "somebody else uses the limit now, try again", ExitCode.DONE)
_OUTAGE = (Status.FAIL, "check the network, or try again later", ExitCode.INCOMPLETE)
_ADVICE = {
    FailureKind.UNKNOWN_MODEL: (Status.FAIL, "`evalkit models` shows what is served", ExitCode.ACCESS),
    FailureKind.QUOTA: (Status.FAIL, "add credits, or wait for the next period", ExitCode.INCOMPLETE),
    FailureKind.THROTTLE: _BUSY,
    FailureKind.RATE: _BUSY,
    FailureKind.TRANSIENT: _OUTAGE,
    FailureKind.OVERLOADED: _OUTAGE,
    FailureKind.REJECTED: (Status.FAIL, "change the model's params", ExitCode.USAGE),
}


async def ask_little(model: Model, spec: ModelSpec, deadline_s: float) -> Prediction:
    """Ask a model for a word, with the parameters that the config gives it but for the length."""
    cap = "max_completion_tokens" if "max_completion_tokens" in spec.params else "max_tokens"
    params = {**spec.params, cap: MOST_TOKENS}
    request = Request(
        spec.id, (Message("user", _PROMPT),), params, Sample("doctor", _PROMPT), CallKey("doctor", "doctor")
    )
    try:
        async with asyncio.timeout(deadline_s):
            return await model.predict(request)
    except TimeoutError:
        return failed(Failure(FailureKind.TRANSIENT, f"no answer within {deadline_s:g} s"))


def access_check(message: str) -> str:
    """Return what of the access a refusal is about: the account, the region, or all of it."""
    if _PERSONAL.search(message):
        return "account"
    return "region" if _REGION.search(message) else "access"


def about_call(place: str, model_id: str, answer: Prediction, seconds: float) -> Finding:
    """Return what one tiny call says."""
    failure, served = answer.failure, answer.served_model
    data = {"model": model_id, "seconds": round(seconds, 3), "served_model": served}
    if failure is not None:
        check, status, words, code = _read_failure(failure)
        return Finding(place, check, status, f"{model_id}: {words}", code, data)
    if served and not is_same_model(model_id, served):
        said = f"{model_id} is answered by {served!r}: name the model that you mean"
        return Finding(place, "call", Status.WARN, said, data=data)
    return Finding(place, "call", Status.OK, f"{model_id} answers in {seconds:.2f} s", data=data)


def _read_failure(failure: Failure) -> tuple[str, Status, str, ExitCode]:
    """Return the check that a failed call belongs to, how bad it is, what to do, and the exit code."""
    kind, words = failure.kind, failure.message
    if kind is FailureKind.ACCESS and failure.status != _NOT_FOUND:
        return access_check(words), Status.FAIL, words, ExitCode.ACCESS
    kind = FailureKind.UNKNOWN_MODEL if kind is FailureKind.ACCESS else kind
    status, advice, code = _ADVICE.get(kind, (Status.WARN, "", ExitCode.DONE))
    check = "quota" if kind is FailureKind.QUOTA else "call"
    return check, status, f"{words}: {advice}" if advice else words, code


def about_load(place: str, load: Load, throttle: ThrottleSpec) -> Finding:
    """Return what the measured concurrency says, beside the config's own limit."""
    most = throttle.max_concurrency or _DEFAULT_CONCURRENCY
    data = {"safe_concurrency": load.taken, "refused_at": load.refused_at or None, "calls": load.calls}
    if load.failure is not None:
        _, status, words, code = _read_failure(load.failure)
        return Finding(place, "limit", status, f"{_at_once(load.taken)} taken, then: {words}", code, data)
    if not load.refused_at:
        return Finding(place, "limit", Status.OK, f"at least {_at_once(load.taken)} taken", data=data)
    said = f"{_at_once(load.taken)} taken, {load.refused_at} at once refused"
    if throttle.adaptive:
        return Finding(place, "limit", Status.OK, f"{said}: a run learns this by itself", data=data)
    if most > load.taken:
        said = f"{said}: set throttle.max_concurrency to {max(1, load.taken)}, or adaptive: true"
        return Finding(place, "limit", Status.WARN, said, data=data)
    return Finding(place, "limit", Status.OK, f"{said}: max_concurrency {most} stays below", data=data)


def _at_once(count: int) -> str:
    return "1 call at once is" if count == 1 else f"{count} calls at once are"
