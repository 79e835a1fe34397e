"""Asks a plan's endpoints for their lists of models, and takes in what is new since the last night."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalkit.catalog_changes import ListChanges, list_sentences
from evalkit.catalog_endpoint import JOINED, WAITING, WatchedEndpoint
from evalkit.catalog_join import Arrival, CostOf, Joining, join_models
from evalkit.config.schema import ModelSpec
from evalkit.errors import AccessError, ProviderError
from evalkit.forecast import forecast_plan
from evalkit.history import History
from evalkit.judge_forecast import forecast_judges
from evalkit.listed_models import ListedModel
from evalkit.past_runs import PastEvent
from evalkit.plan import Plan, make_plan
from evalkit.preflight import fetch_models
from evalkit.prices import price_plan
from evalkit.protocols import Provider, ProviderContext

__all__ = ["CatalogWatch", "watch_catalog", "watched_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogWatch:
    """What the endpoints' lists have shown: `told` is worth telling somebody, `noted` is for the night's page alone.

    `joined` are the models that join tonight beside the config's; `unavailable` are the labels of the config's models
    that an endpoint does not list, and which therefore cannot run.
    """

    changes: tuple[ListChanges, ...] = ()
    joined: tuple[ModelSpec, ...] = ()
    unavailable: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()


async def watch_catalog(plan: Plan, history: History, night: str, *, project: str | None = None) -> CatalogWatch:
    """Hold the lists of a plan's endpoints against the last ones of earlier nights, and keep tonight's.

    The first list of a night decides what is new on it, so that the same night run again has the same models. Nothing
    is asked of a provider whose kind keeps no list; one that cannot be asked tonight is noted.

    Raises:
        AccessError: an endpoint refuses the key, the project or this place.
        StoreError: history cannot be read or written.
    """
    if not plan.config.nightly.catalog.watch:
        return CatalogWatch()
    watched = [name for name, provider in plan.providers.items() if hasattr(provider, "check_models")]
    answers = await asyncio.gather(*(_fetch(plan.providers[name], project) for name in watched))
    if refused := [str(each) for each in answers if isinstance(each, AccessError)]:
        raise AccessError("\n".join(dict.fromkeys(refused)))
    changes: list[ListChanges] = []
    arrivals: list[Arrival] = []
    noted: list[str] = []
    for name, listed in zip(watched, answers, strict=True):
        endpoint = WatchedEndpoint(name, plan, history, night)
        if isinstance(listed, Exception):
            noted.append(f"The list of models of {name} could not be had: {listed}.")
            arrivals += endpoint.joined_before()
        elif listed or (listed is not None and endpoint.before is not None):
            changes.append(endpoint.compare(listed))
            arrivals += endpoint.arrivals(listed, changes[-1])
            noted += endpoint.say_first(changes[-1])
        else:
            noted += endpoint.say_no_list()
            arrivals += endpoint.joined_before()
    joining = join_models(plan.config, arrivals, night=night, cost_of=_cost_of(plan), has_images=_has_images(plan))
    _remember(joining, plan.config.name, night, history)
    told = [sentence for each in changes for sentence in list_sentences(each)]
    return CatalogWatch(
        changes=tuple(changes),
        joined=joining.models,
        unavailable=tuple(label for each in changes for label in each.unavailable),
        told=(*told, *joining.told),
        noted=(*noted, *joining.noted),
    )


def watched_plan(plan: Plan, watch: CatalogWatch) -> Plan:
    """Return the plan without the candidates that are not listed, and with the models that join.

    Raises:
        AccessError: no candidate is left, or a judge is not listed: nothing can be measured.
    """
    if not watch.joined and not watch.unavailable:
        return plan
    gone = set(watch.unavailable)
    kept = [model for model in plan.config.models if model.label not in gone]
    lacks_judge = any(judge.model.label in gone for judge in plan.judges)
    if lacks_judge or not any(model.role == "candidate" for model in (*kept, *watch.joined)):
        raise AccessError(" ".join(watch.told))
    return _with_models(plan, [*kept, *watch.joined])


async def _fetch(
    provider: Provider, project: str | None
) -> tuple[ListedModel, ...] | AccessError | ProviderError | None:
    try:
        async with provider.open(ProviderContext(project)) as model:
            return await fetch_models(model)
    except (AccessError, ProviderError) as error:
        return error


def _remember(joining: Joining, name: str, night: str, history: History) -> None:
    """Keep who joined tonight, and who may join another night: each once."""
    known = {
        (event.kind, event.about["provider"], event.about["id"])
        for kind in (JOINED, WAITING)
        for event in history.events(name, kind=kind)
    }
    for kind, arrivals in ((JOINED, joining.new), (WAITING, joining.waiting)):
        for each in arrivals:
            if (kind, each.provider, each.row.id) in known:
                continue
            price = each.row.price
            about = {
                "url": each.url,
                "provider": each.provider,
                "id": each.row.id,
                "label": each.label,
                "seen": each.seen,
                "price": None if price is None else [price.input, price.output, price.source],
            }
            said = f"{each.row.id} of {each.provider} {'joined' if kind == JOINED else 'waits to join'}"
            history.note(PastEvent(name=name, at=night, kind=kind, text=said, about=about))


def _cost_of(plan: Plan) -> CostOf:
    """Return a forecast of what one more model adds to a night of a plan, its judging included."""

    def cost_of(model: ModelSpec) -> float | None:
        wider = _with_models(plan, [*plan.config.models, model])
        cells = tuple(cell for cell in wider.cells if cell.model.label == model.label)
        alone = replace(wider, cells=cells, judges=tuple(replace(judge, anchors=None) for judge in wider.judges))
        prices = price_plan(alone)
        forecast = replace(forecast_plan(alone, prices), judges=forecast_judges(alone, prices))
        return None if forecast.unpriced else forecast.known_cost_usd

    return cost_of


def _with_models(plan: Plan, models: Sequence[ModelSpec]) -> Plan:
    config = plan.config.model_copy(update={"models": list(models)})
    return make_plan(config, plan.datasets, base_dir=plan.base_dir, profile=plan.profile, providers=plan.providers)


def _has_images(plan: Plan) -> bool:
    return any(sample.images for cell in plan.cells for sample in cell.dataset.samples)
