"""How many calls an endpoint takes at once, found with few and tiny calls."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from evalkit.records import Failure, FailureKind, Prediction

__all__ = ["Load", "measure_load", "most_calls"]

_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured: `taken` calls at once were all answered, `refused_at` at once were not (0: never refused).

    `failure` is another reason than concurrency for which the measuring ended early.
    """

    taken: int = 0
    refused_at: int = 0
    calls: int = 0
    failure: Failure | None = None


def rounds(most: int) -> list[int]:
    """Return the numbers of calls at once to try: doubled from one, up to `most`."""
    tried = [1]
    while tried[-1] < most:
        tried.append(min(most, tried[-1] * 2))
    return tried


def most_calls(most: int) -> int:
    """Return the most calls that measuring takes: all rounds, and one between two of them."""
    return sum(rounds(most)) + max(0, most - 1)


async def measure_load(ask: Callable[[], Awaitable[Prediction]], most: int) -> Load:
    """Ask 1, 2, 4, ... times at once until a call is refused for concurrency; then once as often as was taken then."""
    taken = calls = 0
    for at_once in rounds(most):
        answers = await asyncio.gather(*(ask() for _ in range(at_once)))
        calls += at_once
        refusals = [answer.failure for answer in answers if _kind(answer) is FailureKind.THROTTLE]
        other = next((a.failure for a in answers if a.failure and _kind(a) is not FailureKind.THROTTLE), None)
        if other is not None:
            return Load(taken, at_once if refusals else 0, calls, other)
        if refusals:
            between = at_once - len(refusals)
            if taken < between:
                await asyncio.sleep(min(_LONGEST_PAUSE_S, max(f.retry_after_s or 0.0 for f in refusals if f)))
                answers = await asyncio.gather(*(ask() for _ in range(between)))
                calls += between
                taken = taken if any(answer.failure for answer in answers) else between
            return Load(taken, at_once, calls)
        taken = at_once
    return Load(taken, 0, calls)


def _kind(answer: Prediction) -> FailureKind | None:
    return None if answer.failure is None else answer.failure.kind
