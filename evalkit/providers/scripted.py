"""Answers, latencies and faults from the config: for tests, examples and trying a gate without paying for it."""

import asyncio
import dataclasses
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from evalkit.digest import canonical_json, digest_json
from evalkit.errors import DatasetError
from evalkit.expressions import compile_pick
from evalkit.listed_models import ListedModel
from evalkit.protocols import Model, ProviderContext
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Json,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Timing,
    Usage,
)
from evalkit.triage import failed, triage

__all__ = ["Scripted"]

_CHARS_PER_TOKEN = 4
_STATUSES: Mapping[str, tuple[int, str]] = {
    "401": (401, "Invalid Authentication"),
    "403": (403, "Country, region, or territory not supported"),
    "404": (404, "The model does not exist"),
    "429": (429, "Concurrency limit reached for requests"),
    "quota": (429, "You exceeded your current quota, please check your plan and billing details"),
    "500": (500, "The server had an error while processing your request"),
    "503": (503, "The engine is currently overloaded, please try again later"),
    "rejected": (400, "the script rejects this request"),
    "too_long": (400, "the prompt exceeds the maximum context length"),
}
_FAILURES: Mapping[str, Failure] = {
    "reset": Failure(FailureKind.TRANSIENT, "no reply: the connection was reset"),
    "malformed": Failure(FailureKind.TRANSIENT, "reply with status 200 but a body that is not JSON", 200),
    "refused": Failure(FailureKind.REFUSED, "the script refuses", 200),
    "filtered": Failure(FailureKind.FILTERED, "the script filters", 200),
}
_KINDS = (*_STATUSES, *_FAILURES, "hang", "truncated")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A fault: at `rate` of the calls, on a call's first `attempts` attempts, on the samples `on`."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  pydantic's way to refuse unknown keys

    kind: str | int
    rate: float = 1.0
    attempts: int | None = None
    on: tuple[str, ...] | None = None
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if str(self.kind) not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, not {self.kind!r}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must lie in [0, 1], not {self.rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """Answer as the config says; nothing is sent anywhere, and the same seed gives the same run.

    A text may be a template over the sample's columns, `id`, `input`, `target`, `model` and `trial`, `prompt`, which is
    the last message as it was sent, and `slot`, which is empty for a candidate and names a judge's call.

    Attributes:
        answers: the answer by sample id, or by input.
        default: the answer to every other sample.
        wrong: the answer where `accuracy` says that the model is wrong.
        accuracy: the share answered with `default`, for all models or by model id ("*" for the rest).
        latency: seconds an answer takes.
        faults: what goes wrong, the first that applies.
        seed: changes which samples are answered wrong and which calls meet a fault.
        usage: count tokens, four characters each.
        served_model: which model the answers claim to come from; the one asked for when left out.
        fingerprint: the system fingerprint that the answers claim.
        address: the endpoint's name, under which a script may change as what a real one serves does; left out, another
            script is another endpoint.
    """

    answers: Mapping[str, str] = field(default_factory=dict[str, str])
    default: str = "{{ target }}"
    wrong: str = "(a scripted wrong answer)"
    accuracy: float | Mapping[str, float] = 1.0
    latency: float = 0.0
    faults: tuple[_Fault, ...] = ()
    seed: int = 0
    usage: bool = True
    served_model: str | None = None
    fingerprint: str | None = None
    address: str | None = None

    takes_images: ClassVar[bool] = True
    """A script looks at nothing, so it takes anything."""

    def __post_init__(self) -> None:
        shares = self.accuracy.values() if isinstance(self.accuracy, Mapping) else (self.accuracy,)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("accuracy must lie in [0, 1]")
        if self.latency < 0:
            raise ValueError("latency must be at least 0 seconds")
        for text in (*self.answers.values(), self.default, self.wrong):
            _compile(text)

    @property
    def url(self) -> str:
        """What the answers depend on; latency and faults are left out, as they would be of a real endpoint."""
        if self.address is not None:
            return f"scripted:{self.address}"
        accuracy = dict(self.accuracy) if isinstance(self.accuracy, Mapping) else self.accuracy
        return f"scripted:{digest_json([dict(self.answers), self.default, self.wrong, accuracy, self.seed])}"

    @property
    def concurrency(self) -> int | None:
        """None: a script takes any number of calls."""
        return None

    def open(self, context: ProviderContext) -> AbstractAsyncContextManager[Model]:
        """Yield the script's Model."""
        del context
        return _opened(self)


@asynccontextmanager
async def _opened(script: Scripted) -> AsyncGenerator[Model]:
    yield _ScriptedModel(script)


class _ScriptedModel:
    """Plays a script."""

    def __init__(self, script: Scripted) -> None:
        self._script = script
        self._attempts: Counter[CallKey] = Counter()
        self._texts = {text: _compile(text) for text in (*script.answers.values(), script.default, script.wrong)}

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the scripted answer after the scripted latency, or the scripted fault."""
        self._attempts[request.key] += 1
        fault = self._fault(request, self._attempts[request.key])
        if fault is not None and str(fault.kind) == "hang":
            await asyncio.Event().wait()
        if self._script.latency:
            await asyncio.sleep(self._script.latency)
        if fault is not None and str(fault.kind) != "truncated":
            return failed(_failure(fault))
        try:
            text = self._text(request)
        except DatasetError as error:
            return failed(Failure(FailureKind.REJECTED, f"the script has no answer for this sample: {error}"))
        if on_text is not None and text:
            on_text(text)
        return Prediction(
            PredictionOutcome.OK if fault is None else PredictionOutcome.TRUNCATED,
            text=text,
            usage=_count(request, text) if self._script.usage else None,
            timing=Timing(first_token_s=self._script.latency) if on_text is not None and text else Timing(),
            finish_reason="stop" if fault is None else "length",
            served_model=self._script.served_model or request.model,
            fingerprint=self._script.fingerprint,
        )

    async def list_models(self) -> tuple[ListedModel, ...] | None:
        """Return None: any model id is played."""
        return None

    def _fault(self, request: Request, attempt: int) -> _Fault | None:
        for place, fault in enumerate(self._script.faults):
            if fault.attempts is not None and attempt > fault.attempts:
                continue
            if fault.on is not None and request.sample.id not in fault.on:
                continue
            if fault.rate >= 1 or self._share("fault", place, request, attempt) < fault.rate:
                return fault
        return None

    def _text(self, request: Request) -> str:
        sample, script = request.sample, self._script
        text = script.answers.get(sample.id)
        if text is None and isinstance(sample.input, str):
            text = script.answers.get(sample.input)
        if text is None:
            text = script.default if self._is_right(request) else script.wrong
        key, prompt = request.key, request.messages[-1].content if request.messages else ""
        return self._texts[text](
            sample, {"model": request.model, "trial": key.trial, "slot": key.slot, "prompt": prompt}
        )

    def _is_right(self, request: Request) -> bool:
        accuracy = self._script.accuracy
        if isinstance(accuracy, Mapping):
            accuracy = accuracy.get(request.model, accuracy.get("*", 1.0))
        return accuracy >= 1 or self._share("accuracy", 0, request, 0) < accuracy

    def _share(self, purpose: str, place: int, request: Request, attempt: int) -> float:
        """Return a number in [0, 1) that depends on the call, the attempt and the seed alone."""
        parts = (self._script.seed, purpose, place, request.model, request.sample.id, request.key.trial, attempt)
        return int.from_bytes(hashlib.sha256(canonical_json(parts).encode()).digest()[:7]) / 2**56


_Text = Callable[[Sample, Mapping[str, Json]], str]


def _compile(text: str) -> _Text:
    if "{{" not in text and "{%" not in text:
        return lambda _sample, _names: text
    pick = compile_pick(text, "the script's text")

    def render(sample: Sample, names: Mapping[str, Json]) -> str:
        own = {"id": sample.id, "input": sample.input, "target": sample.target}
        value = pick({**sample.fields, **own, **names}, sample.index)
        return value if isinstance(value, str) else canonical_json(value)

    return render


def _failure(fault: _Fault) -> Failure:
    kind = str(fault.kind)
    if kind in _FAILURES:
        return _FAILURES[kind]
    status, message = _STATUSES[kind]
    return dataclasses.replace(triage(status, {"error": {"message": message}}), retry_after_s=fault.retry_after)


def _count(request: Request, text: str) -> Usage:
    asked = sum(len(str(message.content)) for message in request.messages)
    prompt, completion = asked // _CHARS_PER_TOKEN + 1, len(text) // _CHARS_PER_TOKEN + 1
    return Usage(prompt, completion, prompt + completion)
