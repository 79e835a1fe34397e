"""The call stack over each provider's model, and the limits that all stacks of a run share.

A stack is Journaled(Cached?(Retrying(Throttled(Budgeted(Attempted(model)))))): each layer speaks Model. Candidates and
judges of one endpoint wait at one throttle, spend from one budget and write to one journal.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from evalkit.budget import Budget, Budgeted
from evalkit.cache import Cached, SharedCache
from evalkit.config.schema import ModelSpec, ThrottleSpec
from evalkit.halts import Halt, Halts
from evalkit.journal import Journal
from evalkit.journaled import Attempted, Journaled
from evalkit.judge_tally import JudgeTally
from evalkit.lease import share_limit
from evalkit.lease_names import lease_folder, lease_of
from evalkit.pacing import pace
from evalkit.plan import Cell, Plan
from evalkit.protocols import Model, Provider
from evalkit.records import CallKey, Failure, FailureKind, Json, Prediction, PredictionOutcome, Request
from evalkit.retry import Retrying
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder
from evalkit.throttle import Throttle, Throttled

__all__ = ["Asker", "Session", "Stacks"]

_DEFAULT_CONCURRENCY = 32
_DEFAULT_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Session:
    """What the parts of one try of a run share.

    Unless it `asks_candidates`, their answers come from the journal alone, and judges alone are asked. `tallies` count
    what judges do, by their keys.
    """

    plan: Plan
    folder: RunFolder
    journal: Journal
    budget: Budget
    stop: Stop
    halts: Halts
    cache: SharedCache | None = None
    asks_candidates: bool = True
    tallies: Mapping[str, JudgeTally] = field(default_factory=dict[str, JudgeTally])

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Whoever is to be opened."""
        of_judges = {judge.model.provider: judge.provider for judge in self.plan.judges}
        return self.plan.providers if self.asks_candidates else of_judges

    def cells_of(self, provider: str) -> tuple[Cell, ...]:
        """Return the cells that a provider answers."""
        cells = self.plan.cells if self.asks_candidates else ()
        return tuple(cell for cell in cells if cell.model.provider == provider)


@dataclass(frozen=True, slots=True)
class Asker:
    """One model's way to its endpoint: the whole stack, the throttle it shares, and the limit of its own."""

    model: Model
    throttle: Throttle
    cap: Throttle | None = None


class Stacks:
    """Stacks the layers over each provider's model; what all stacks share is here."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plan, self._stop = session.plan, session.stop
        self._asked: dict[CallKey, asyncio.Future[Prediction]] = {}
        self._sent: dict[str, tuple[Model, Throttle]] = {}
        self._askers: dict[tuple[str, str], Asker] = {}
        self._throttles: dict[Json, Throttle] = {}
        self._leases: dict[str, Throttle] = {}

    def open(self, name: str, model: Model) -> None:
        """Take a provider's model, once it is open."""
        throttle = self._shared_throttle(name)
        gone: dict[str, Failure] = {}
        self._sent[name] = Throttled(_Known(self._paid(name, model, gone), gone), throttle, self._tokens), throttle

    def asker(self, spec: ModelSpec) -> Asker:
        """Return the way to a model: that of its provider, or one of its own where it has a throttle of its own."""
        label = "" if spec.throttle is None else spec.label
        place = (spec.provider, label)
        if place not in self._askers:
            self._askers[place] = self._stacked(spec.provider, self._cap(spec.throttle))
        return self._askers[place]

    def judge(self, spec: ModelSpec, key: str) -> Model:
        """Return the way to a judge, which is given up like a cell when it cannot be had."""
        return _GivenUp(self.asker(spec).model, key, self._session)

    async def share_limits(self, opened: AsyncExitStack) -> None:
        """Share the limits of endpoints with other processes of this user, for as long as `opened` is."""
        for lease, throttle in self._leases.items():
            await opened.enter_async_context(share_limit(throttle, name=lease, folder=lease_folder()))

    def _stacked(self, name: str, cap: Throttle | None) -> Asker:
        sent, throttle = self._sent[name]
        retry = self._plan.provider_specs[name].retry or self._plan.config.retry
        paced = sent if cap is None else Throttled(sent, cap, self._tokens)
        retrying = Retrying(paced, retry, is_stopped=lambda: bool(self._stop), sleep=self._stop.sleep)
        return Asker(Journaled(self._cached(name, retrying), self._session.journal, self._asked), throttle, cap)

    def _cached(self, name: str, model: Model) -> Model:
        """Return a model that may answer from the shared cache, where the run has one."""
        cache, url = self._session.cache, self._session.providers[name].url
        refresh = self._plan.config.run.cache == "refresh"
        return model if cache is None else Cached(model, cache, url=url, refresh=refresh)

    def _paid(self, name: str, model: Model, gone: dict[str, Failure]) -> Budgeted:
        """Return the part of the stack that sends a request: paid for, written down, and under a deadline."""
        session, spec = self._session, self._plan.provider_specs[name]
        timeout: float | None = spec.timeout or getattr(session.providers[name], "timeout", None)
        attempted = Attempted(
            model,
            session.journal,
            deadline_s=timeout or _DEFAULT_DEADLINE_S,
            heed=partial(self._heed, name, gone),
            provider=name,
            guess=session.budget.estimator.estimate,
        )
        return Budgeted(attempted, session.budget, provider=name)

    def _heed(self, name: str, gone: dict[str, Failure], request: Request, failure: Failure) -> None:
        """Stop the run for what no other call can get around, and a model's cells for what only they meet."""
        if failure.kind is FailureKind.ACCESS:
            self._stop.request(StopReason.ACCESS, failure.message)
        elif failure.kind is FailureKind.QUOTA:
            self._stop.request(StopReason.QUOTA, failure.message)
        elif failure.kind is FailureKind.UNKNOWN_MODEL:
            gone[request.model] = Failure(FailureKind.NOT_RUN, failure.message)
            meant = [cell.key for cell in self._session.cells_of(name) if cell.model.id == request.model]
            judges = (each for each in self._plan.judges if each.model.provider == name)
            meant += [judge.key for judge in judges if judge.model.id == request.model]
            self._session.halts.give_up(meant, Halt(failure.message, is_access=True))

    def _tokens(self, request: Request) -> int:
        return self._session.budget.estimator.estimate(request).total

    def _shared_throttle(self, name: str) -> Throttle:
        """Return the throttle of a provider's endpoint; two entries with one endpoint and project share it."""
        providers = self._session.providers
        provider = providers[name]
        endpoint = _endpoint(provider)
        if endpoint not in self._throttles:
            sharing = [n for n, other in providers.items() if _endpoint(other) == endpoint]
            specs = [self._plan.provider_specs[n].throttle or self._plan.config.throttle for n in sharing]
            most = _least(spec.max_concurrency for spec in specs) or provider.concurrency or _DEFAULT_CONCURRENCY
            self._throttles[endpoint] = self._throttle(specs, int(most))
            lease = lease_of(provider, self._plan.config.weave.project)
            if lease is not None:
                self._leases[lease] = self._throttles[endpoint]
        return self._throttles[endpoint]

    def _cap(self, spec: ThrottleSpec | None) -> Throttle | None:
        """Return a model's own limits; learning the server's is the shared throttle's business."""
        if spec is None:
            return None
        most = spec.max_concurrency or _DEFAULT_CONCURRENCY
        return self._throttle([spec.model_copy(update={"adaptive": False})], most)

    def _throttle(self, specs: Sequence[ThrottleSpec], most: int) -> Throttle:
        """Return a throttle that keeps within the strictest of `specs`."""
        per_second = _least(spec.requests_per_second for spec in specs)
        start = _least(spec.start_concurrency for spec in specs)
        throttle = Throttle(
            most,
            start_concurrency=None if start is None else int(start),
            adaptive=all(spec.adaptive for spec in specs),
            pacer=None if per_second is None else pace(per_second),
            tokens_per_minute=_least(spec.tokens_per_minute for spec in specs),
        )
        self._stop.tell(throttle.close)
        return throttle


def _endpoint(provider: Provider) -> Json:
    """Return what says that two providers call one endpoint with one key for one project."""
    return provider.url, getattr(provider, "key_variable", None), getattr(provider, "project_header", False)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


class _Known:
    """A Model that asks nothing more of a model that the endpoint has said it does not know."""

    __slots__ = ("_gone", "_model")

    def __init__(self, model: Model, gone: Mapping[str, Failure]) -> None:
        self._model, self._gone = model, gone

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        if (failure := self._gone.get(request.model)) is not None:
            return Prediction(PredictionOutcome.NOT_RUN, failure=failure)
        return await self._model.predict(request, on_text)


class _GivenUp:
    """A judge that is asked nothing new once all it is asked is rejected, or it is not there at all.

    A rejected schema is no sign of that: the judge is asked in prose then.
    """

    __slots__ = ("_key", "_model", "_session")

    def __init__(self, model: Model, key: str, session: Session) -> None:
        self._model, self._key, self._session = model, key, session

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        halts = self._session.halts
        halt = halts.cells.get(self._key)
        if halt is not None and self._session.journal.find(request.key) is None:
            failure = Failure(FailureKind.NOT_RUN, halt.message)
            return Prediction(PredictionOutcome.NOT_RUN, failure=failure)
        prediction = await self._model.predict(request, on_text)
        if "response_format" not in request.params:
            halts.note(self._key, prediction)
        return prediction
