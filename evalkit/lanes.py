"""Opens a plan's providers, each behind its call stack, and lets the plan's cells queue for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import NamedTuple

from evalkit.config.schema import ModelSpec
from evalkit.engine import Lane
from evalkit.journal import Journal
from evalkit.journaled import Journaled
from evalkit.judge_tally import JudgeTally
from evalkit.judges import bind_judges
from evalkit.plan import Cell, Plan
from evalkit.preflight import Asked, check_all
from evalkit.protocols import Model, ProviderContext
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request
from evalkit.scoring import BoundScorer
from evalkit.stacks import Session, Stacks
from evalkit.throttle import Throttle

__all__ = ["OFFLINE_LANE", "Opened", "Session", "offline_lanes", "open_lanes"]

OFFLINE_LANE = "journal"
"""The name of the lane whose answers come from the journal alone."""


class Opened(NamedTuple):
    """Where a plan's cells queue, by name, a judge's own endpoint among them; and its scorers to ask about anchors."""

    lanes: dict[str, Lane]
    graders: Mapping[str, BoundScorer]


async def open_lanes(session: Session, opened: AsyncExitStack) -> Opened:
    """Return the lanes that the plan's cells queue in; `opened` closes what they need.

    Raises:
        AccessError: a key or a project is missing, or an endpoint does not list a model; nothing was sent.
        ProviderError: a provider cannot be started.
    """
    plan, stacks = session.plan, Stacks(session)
    asked: list[Asked] = []
    for name, provider in session.providers.items():
        ids = {cell.model.id for cell in session.cells_of(name)}
        ids |= {judge.model.id for judge in plan.judges if judge.model.provider == name}
        models, folder = tuple(sorted(ids)), session.folder
        context = ProviderContext(plan.config.weave.project, plan.base_dir, folder.path, models, folder.images)
        model = await opened.enter_async_context(provider.open(context))
        stacks.open(name, model)
        if getattr(provider, "check_models", False):
            asked.append(Asked(name, provider.url, model, models))
    await check_all(asked)
    await stacks.share_limits(opened)
    judges = {judge.key: stacks.judge(judge.model, judge.key) for judge in plan.judges}
    if session.asks_candidates:
        cells = _judged(plan, judges, session.tallies)
        found = Opened(dict(_lanes(stacks, cells)), _graders(plan, judges, session.tallies))
    else:
        found = _offline(plan, session.journal, judges, session.tallies)
    for judge in plan.judges:
        asker = stacks.asker(judge.model)
        found.lanes.setdefault(_lane_name(judge.model), Lane((), asker.throttle, asker.model, asker.cap))
    return found


def offline_lanes(plan: Plan, journal: Journal, tallies: Mapping[str, JudgeTally]) -> Opened:
    """Return one lane that answers from the journal alone, judges included."""
    asked = Journaled(_Offline(journal), journal, {})
    return _offline(plan, journal, {judge.key: asked for judge in plan.judges}, tallies)


def _offline(plan: Plan, journal: Journal, judges: Mapping[str, Model], tallies: Mapping[str, JudgeTally]) -> Opened:
    cells = _judged(plan, judges, tallies)
    lane = Lane(cells, Throttle(1), Journaled(_Offline(journal), journal, {}))
    return Opened({OFFLINE_LANE: lane}, _graders(plan, judges, tallies))


def _lanes(stacks: Stacks, cells: Iterable[Cell]) -> Iterator[tuple[str, Lane]]:
    """Yield a lane for each provider's cells, and one for each of its models that has a throttle of its own."""
    queues: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.model.provider):
        queues.setdefault(_lane_name(cell.model), []).append(cell)
    for name, queue in queues.items():
        asker = stacks.asker(queue[0].model)
        yield name, Lane(tuple(queue), asker.throttle, asker.model, asker.cap)


def _lane_name(model: ModelSpec) -> str:
    return model.provider if model.throttle is None else f"{model.provider}: {model.label}"


def _judged(plan: Plan, judges: Mapping[str, Model], tallies: Mapping[str, JudgeTally]) -> tuple[Cell, ...]:
    """Return the plan's cells with judges that can be asked."""
    if not plan.judges:
        return plan.cells
    scorers = bind_judges(plan.scorers, plan.judges, judges, tallies)
    return tuple(replace(cell, scorers=scorers) for cell in plan.cells)


def _graders(plan: Plan, judges: Mapping[str, Model], tallies: Mapping[str, JudgeTally]) -> Mapping[str, BoundScorer]:
    return bind_judges(plan.scorers, plan.judges, judges, tallies, purpose="anchor")


class _Offline:
    """A Model that asks nobody: a call without an answer ends as it did before, or is not run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        del on_text
        failure = Failure(FailureKind.NOT_RUN, "no answer to this call is in the journal")
        return self._journal.last(request.key) or Prediction(PredictionOutcome.NOT_RUN, failure=failure)
