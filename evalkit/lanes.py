"""Opens the providers of a plan and puts each behind its call stack: Journaled(Retrying(Throttled(Attempted(model))))."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from evalkit.engine import Lane
from evalkit.journal import Journal
from evalkit.journaled import Attempted, Journaled
from evalkit.plan import Plan
from evalkit.protocols import ProviderContext
from evalkit.records import CallKey, Prediction
from evalkit.retry import Retrying
from evalkit.stop import Stop
from evalkit.throttle import Throttle, Throttled, pace

__all__ = ["open_lanes"]

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
        deadline_s: float = spec.timeout or getattr(provider, "timeout", None) or _DEFAULT_DEADLINE_S
        retrying = Retrying(
            Throttled(Attempted(model, journal, deadline_s), throttle),
            spec.retry or plan.config.retry,
            is_stopped=lambda: bool(stop),
            sleep=stop.sleep,
        )
        lanes[name] = Lane(throttle, Journaled(retrying, journal, asked))
    return lanes
