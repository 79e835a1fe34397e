"""Opens a plan's providers, each behind its call stack, and lets the plan's cells queue for them.

A stack is Journaled(Cached?(Retrying(Throttled(Budgeted(Attempted(model)))))): each layer speaks Model.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from evalkit.budget import Budget, Budgeted
from evalkit.cache import Cached, SharedCache
from evalkit.config.schema import ThrottleSpec
from evalkit.engine import Lane
from evalkit.halts import Halt, Halts
from evalkit.journal import Journal
from evalkit.journaled import Attempted, Journaled
from evalkit.lease import share_limit
from evalkit.lease_names import lease_folder, lease_of
from evalkit.pacing import pace
from evalkit.plan import Cell, Plan
from evalkit.preflight import Asked, check_all
from evalkit.protocols import Model, Provider, ProviderContext
from evalkit.records import CallKey, Failure, FailureKind, Json, Prediction, PredictionOutcome, Request
from evalkit.retry import Retrying
from evalkit.stop import Stop, StopReason
from evalkit.store import RunFolder
from evalkit.throttle import Throttle, Throttled

__all__ = ["Session", "offline_lanes", "open_lanes"]

_DEFAULT_CONCURRENCY = 32
_DEFAULT_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Session:
    """What the parts of one try of a run share."""

    plan: Plan
    folder: RunFolder
    journal: Journal
    budget: Budget
    stop: Stop
    halts: Halts
    cache: SharedCache | None = None


async def open_lanes(session: Session, opened: AsyncExitStack) -> dict[str, Lane]:
    """Return the lanes that the plan's cells queue in; `opened` closes what they need.

    Raises:
        AccessError: a key or a project is missing, or an endpoint does not list a model; nothing was sent.
        ProviderError: a provider cannot be started.
    """
    plan, opener = session.plan, _Opener(session)
    lanes: dict[str, Lane] = {}
    asked: list[Asked] = []
    for name, provider in plan.providers.items():
        cells = tuple(cell for cell in plan.cells if cell.model.provider == name)
        models = tuple(sorted({cell.model.id for cell in cells}))
        folder = session.folder
        context = ProviderContext(plan.config.weave.project, plan.base_dir, folder.path, models, folder.images)
        model = await opened.enter_async_context(provider.open(context))
        lanes.update(opener.lanes_of(name, model, cells))
        if getattr(provider, "check_models", False):
            asked.append(Asked(name, provider.url, model, models))
    await check_all(asked)
    await opener.share_limits(opened)
    return lanes


class _Opener:
    """Stacks the layers over each provider's model; what all lanes share is here."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plan, self._stop = session.plan, session.stop
        self._asked: dict[CallKey, asyncio.Future[Prediction]] = {}
        self._throttles: dict[Json, Throttle] = {}
        self._leases: dict[str, Throttle] = {}

    def lanes_of(self, name: str, model: Model, cells: Sequence[Cell]) -> Iterator[tuple[str, Lane]]:
        """Yield the lane of a provider's cells, and one for each of its models that has a throttle of its own."""
        journal, retry = self._session.journal, self._plan.provider_specs[name].retry or self._plan.config.retry
        throttle = self._shared_throttle(name)
        gone: dict[str, Failure] = {}
        sent = Throttled(_Known(self._paid(name, model, cells, gone), gone), throttle, self._tokens)
        capped: dict[str, list[Cell]] = {}
        for cell in cells:
            capped.setdefault("" if cell.model.throttle is None else cell.model.label, []).append(cell)
        for label, queue in capped.items():
            cap = self._cap(queue[0].model.throttle)
            paced = sent if cap is None else Throttled(sent, cap, self._tokens)
            retrying = Retrying(paced, retry, is_stopped=lambda: bool(self._stop), sleep=self._stop.sleep)
            stack = Journaled(self._cached(name, retrying), journal, self._asked)
            yield f"{name}: {label}" if label else name, Lane(tuple(queue), throttle, stack, cap)

    def _cached(self, name: str, model: Model) -> Model:
        """Return a model that may answer from the shared cache, where the run has one."""
        cache, url = self._session.cache, self._plan.providers[name].url
        refresh = self._plan.config.run.cache == "refresh"
        return model if cache is None else Cached(model, cache, url=url, refresh=refresh)

    async def share_limits(self, opened: AsyncExitStack) -> None:
        """Share the limits of endpoints with other processes of this user, for as long as `opened` is."""
        for lease, throttle in self._leases.items():
            await opened.enter_async_context(share_limit(throttle, name=lease, folder=lease_folder()))

    def _paid(self, name: str, model: Model, cells: Sequence[Cell], gone: dict[str, Failure]) -> Budgeted:
        """Return the part of the stack that sends a request: paid for, written down, and under a deadline."""
        session, spec = self._session, self._plan.provider_specs[name]
        timeout: float | None = spec.timeout or getattr(self._plan.providers[name], "timeout", None)
        attempted = Attempted(
            model,
            session.journal,
            deadline_s=timeout or _DEFAULT_DEADLINE_S,
            heed=partial(self._heed, cells, gone),
            provider=name,
            guess=session.budget.estimator.estimate,
        )
        return Budgeted(attempted, session.budget, provider=name)

    def _heed(self, cells: Sequence[Cell], gone: dict[str, Failure], request: Request, failure: Failure) -> None:
        """Stop the run for what no other call can get around, and a model's cells for what only they meet."""
        if failure.kind is FailureKind.ACCESS:
            self._stop.request(StopReason.ACCESS, failure.message)
        elif failure.kind is FailureKind.QUOTA:
            self._stop.request(StopReason.QUOTA, failure.message)
        elif failure.kind is FailureKind.UNKNOWN_MODEL:
            gone[request.model] = Failure(FailureKind.NOT_RUN, failure.message)
            meant = [cell.key for cell in cells if cell.model.id == request.model]
            self._session.halts.give_up(meant, Halt(failure.message, is_access=True))

    def _tokens(self, request: Request) -> int:
        return self._session.budget.estimator.estimate(request).total

    def _shared_throttle(self, name: str) -> Throttle:
        """Return the throttle of a provider's endpoint; two entries with one endpoint and project share it."""
        provider = self._plan.providers[name]
        endpoint = _endpoint(provider)
        if endpoint not in self._throttles:
            sharing = [n for n, other in self._plan.providers.items() if _endpoint(other) == endpoint]
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


def offline_lanes(plan: Plan, journal: Journal) -> dict[str, Lane]:
    """Return one lane that answers from the journal alone."""
    return {"journal": Lane(plan.cells, Throttle(1), Journaled(_Offline(journal), journal, {}))}


class _Known:
    """A Model that asks nothing more of a model that the endpoint has said it does not know."""

    __slots__ = ("_gone", "_model")

    def __init__(self, model: Model, gone: Mapping[str, Failure]) -> None:
        self._model, self._gone = model, gone

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        if (failure := self._gone.get(request.model)) is not None:
            return Prediction(PredictionOutcome.NOT_RUN, failure=failure)
        return await self._model.predict(request, on_text)


class _Offline:
    """A Model that asks nobody: a call without an answer ends as it did before, or is not run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        del on_text
        failure = Failure(FailureKind.NOT_RUN, "no answer to this call is in the journal")
        return self._journal.last(request.key) or Prediction(PredictionOutcome.NOT_RUN, failure=failure)
