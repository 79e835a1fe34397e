"""Which newly listed models join a night's run: those that a glob asks for, within a count and a budget. Pure."""

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from evalkit.catalog import CATALOG, known_price, takes_images
from evalkit.config.schema import Config, ModelSpec, PriceSpec
from evalkit.listed_models import TEXT, ListedModel
from evalkit.records import Json

__all__ = ["Arrival", "CostOf", "Joining", "join_models"]

CostOf = Callable[[ModelSpec], float | None]
"""Forecasts what a model costs in one night, in USD; None where its price is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A model that an endpoint lists and the config does not name: `seen` is the night on which it was new.

    `joined` is the night on which it first joined, None as long as it has not; `label` the name that it got then.
    """

    provider: str
    url: str
    row: ListedModel
    seen: str
    joined: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """The models that join tonight; `new` are those that never did before, `waiting` those that may on another night.

    `told` are sentences of what is new tonight, `noted` of what was so on an earlier night already.
    """

    models: tuple[ModelSpec, ...] = ()
    new: tuple[Arrival, ...] = ()
    waiting: tuple[Arrival, ...] = ()
    told: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()


def join_models(
    config: Config, arrivals: Iterable[Arrival], *, night: str, cost_of: CostOf, has_images: bool = False
) -> Joining:
    """Return the models that join a night of `config`; `has_images` says whether its samples hold some.

    Those that joined before come first, the oldest first: they go on as long as a list and a glob hold them. Then come
    the new ones, by the night they were seen and their id. All together stay within `max_cost` by forecast; at most
    `max_models` join for the first time in one night.
    """
    asked = [each for each in arrivals if _is_asked(each, config)]
    asked.sort(key=lambda each: (each.joined is None, each.joined or "", each.seen, each.row.id, each.provider))
    door = _Door(config, night, cost_of, has_images)
    door.entered = sum(each.joined == night for each in asked)
    for arrival in asked:
        door.let_in(arrival)
    return Joining(
        models=tuple(door.models),
        new=tuple(door.new),
        waiting=tuple(door.waiting),
        told=tuple(door.told),
        noted=tuple(door.noted),
    )


@dataclass(slots=True)
class _Door:
    """Lets models in, one after another, as long as there is room; `entered` counts tonight's newcomers."""

    config: Config
    night: str
    cost_of: CostOf
    has_images: bool
    entered: int = 0
    spent: float = 0.0
    models: list[ModelSpec] = field(default_factory=list[ModelSpec])
    new: list[Arrival] = field(default_factory=list[Arrival])
    waiting: list[Arrival] = field(default_factory=list[Arrival])
    told: list[str] = field(default_factory=list[str])
    noted: list[str] = field(default_factory=list[str])

    def let_in(self, arrival: Arrival) -> None:
        """Take a model in, or say why not."""
        if any((model.provider, model.id) == (arrival.provider, arrival.row.id) for model in self.models):
            return
        model = _model_of(arrival, self.config, self.models)
        cost = None
        reason = self._unfit(model, arrival)
        if reason is None:
            cost = self.cost_of(model)
            reason = self._too_dear(cost)
        if reason is None:
            self._take(arrival, model, cost)
            return
        told = self.told if self.night in {arrival.seen, arrival.joined} else self.noted
        verb = "did not join" if arrival.joined is None else "is left out tonight"
        told.append(f"{arrival.row.id} of {arrival.provider} {verb}: {reason}.")
        if arrival.joined is None:
            self.waiting.append(arrival)

    def _take(self, arrival: Arrival, model: ModelSpec, cost: float | None) -> None:
        self.models.append(model)
        self.spent += cost or 0.0
        forecast = "its price is not known" if cost is None else f"forecast {_usd(cost)}"
        if arrival.joined is None:
            self.entered += 1
            self.new.append(replace(arrival, joined=self.night, label=model.label))
        if arrival.joined in {None, self.night}:
            self.told.append(f"{model.id} of {arrival.provider} joins the run as {model.label} ({forecast}).")

    def _unfit(self, model: ModelSpec, arrival: Arrival) -> str | None:
        known = CATALOG.find(model.id)
        takes = arrival.row.modality or (None if known is None else known.modality)
        if takes is not None and TEXT not in takes:
            return f"it takes {' and '.join(sorted(takes))}, not text"
        if self.has_images and takes_images(model, arrival.row) is False:
            return "the samples hold images, and it takes none"
        limit = self.config.nightly.catalog.max_models
        if arrival.joined is None and self.entered >= limit:
            return f"nightly.catalog.max_models lets {limit} join in one night"
        return None

    def _too_dear(self, cost: float | None) -> str | None:
        limit = self.config.nightly.catalog.max_cost
        if cost is None:
            where = "nightly.catalog.max_cost" if limit is not None else "run.max_cost"
            is_limited = limit is not None or self.config.run.max_cost is not None
            return f"its price is not known, so {where} cannot be kept" if is_limited else None
        if limit is None or self.spent + cost <= limit:
            return None
        beside = f" beside the {_usd(self.spent)} of those that join" if self.spent else ""
        return f"it would cost {_usd(cost)}{beside}, and nightly.catalog.max_cost is {_usd(limit)}"


def _is_asked(arrival: Arrival, config: Config) -> bool:
    """Tell whether a glob asks for it and the config does not name it; an entry for many ids is no model."""
    name = arrival.row.id
    if "*" in name or not any(fnmatch.fnmatchcase(name, glob) for glob in config.nightly.catalog.join):
        return False
    return all((model.provider, model.id) != (arrival.provider, name) for model in config.models)


def _model_of(arrival: Arrival, config: Config, joined: Sequence[ModelSpec]) -> ModelSpec:
    """Return the model as the config would name it: with what all candidates of its provider are asked with."""
    beside = [each for each in config.models if each.provider == arrival.provider and each.role == "candidate"]
    systems = {each.system for each in beside}
    price = arrival.row.price if known_price(arrival.row.id, arrival.url) is None else None
    return ModelSpec(
        id=arrival.row.id,
        provider=arrival.provider,
        label=arrival.label or _free_label(arrival, {each.label for each in (*config.models, *joined)}),
        system=systems.pop() if len(systems) == 1 else None,
        params=_shared([each.params for each in beside]),
        price=None if price is None else PriceSpec(input=price.input, output=price.output),
    )


def _free_label(arrival: Arrival, taken: set[str]) -> str:
    name = arrival.row.id
    if name not in taken:
        return name
    first = f"{name} ({arrival.provider})"
    return next(label for label in (first, *(f"{first} {k}" for k in range(2, len(taken) + 3))) if label not in taken)


def _shared(params: Sequence[dict[str, Json]]) -> dict[str, Json]:
    if not params:
        return {}
    first, *others = params
    return {key: value for key, value in first.items() if all(key in each and each[key] == value for each in others)}


def _usd(cost: float) -> str:
    return f"${cost:.2f}" if cost >= 0.1 or cost == 0 else f"${cost:.2g}"  # noqa: PLR2004  below ten cents two digits say more
