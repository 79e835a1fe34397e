"""Opens a plan's providers, each behind its call stack: Journaled(Retrying(Throttled(Attempted(model))))."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from evalkit.engine import Lane
from evalkit.journal import Journal
from evalkit.journaled import Attempted, Journaled
from evalkit.plan import Plan
from evalkit.protocols import ProviderContext
from evalkit.records import CallKey, Failure, FailureKind, Prediction, PredictionOutcome, Request
from evalkit.retry import Retrying
from evalkit.stop import Stop, StopReason
from evalkit.throttle import Throttle, Throttled, pace

__all__ = ["offline_lanes", "open_lanes"]

_DEFAULT_CONCURRENCY = 32
_DEFAULT_DEADLINE_S = 120.0


async def open_lanes(
    plan: Plan, journal: Journal, stop: Stop, *, log_dir: Path, opened: AsyncExitStack
) -> dict[str, Lane]:
    """Return a lane for each provider the plan uses; `opened` closes them.

    Raises:
        AccessError: a key or a project is missing.
        ProviderError: a provider cannot be started.
    """
    asked: dict[CallKey, asyncio.Future[Prediction]] = {}
    heed = partial(_heed, stop)
    lanes: dict[str, Lane] = {}
    for name, provider in plan.providers.items():
        spec = plan.provider_specs[name]
        models = tuple(sorted({cell.model.id for cell in plan.cells if cell.model.provider == name}))
        context = ProviderContext(plan.config.weave.project, plan.base_dir, log_dir, models)
        model = await opened.enter_async_context(provider.open(context))
        limits = spec.throttle or plan.config.throttle
        throttle = Throttle(
            limits.max_concurrency or provider.concurrency or _DEFAULT_CONCURRENCY,
            start_concurrency=limits.start_concurrency,
            adaptive=limits.adaptive,
            pacer=None if limits.requests_per_second is None else pace(limits.requests_per_second),
        )
        stop.tell(throttle.close)
        deadline_s: float = spec.timeout or getattr(provider, "timeout", None) or _DEFAULT_DEADLINE_S
        retrying = Retrying(
            Throttled(Attempted(model, journal, deadline_s=deadline_s, heed=heed), throttle),
            spec.retry or plan.config.retry,
            is_stopped=lambda: bool(stop),
            sleep=stop.sleep,
        )
        lanes[name] = Lane(throttle, Journaled(retrying, journal, asked))
    return lanes


def _heed(stop: Stop, failure: Failure) -> None:
    """Stop the run for what no other call can get around."""
    if failure.kind is FailureKind.ACCESS:
        stop.request(StopReason.ACCESS, failure.message)
    elif failure.kind is FailureKind.QUOTA:
        stop.request(StopReason.QUOTA, failure.message)


def offline_lanes(plan: Plan, journal: Journal) -> dict[str, Lane]:
    """Return lanes that answer from the journal alone."""
    return {name: Lane(Throttle(1), Journaled(_Offline(journal), journal, {})) for name in plan.providers}


class _Offline:
    """A Model that asks nobody: a call without an answer ends as it did before, or is not run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        del on_text
        failure = Failure(FailureKind.NOT_RUN, "no answer to this call is in the journal")
        return self._journal.last(request.key) or Prediction(PredictionOutcome.NOT_RUN, failure=failure)
