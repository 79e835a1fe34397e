"""Before the first call: a model that the endpoint does not list is refused while nothing has been spent."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.catalog import CATALOG, is_wandb_inference
from evalkit.errors import AccessError, ProviderError
from evalkit.listed_models import ListedModel, TokenPrice
from evalkit.model_names import matches_entry, nearest_models

__all__ = [
    "Asked",
    "ModelCheck",
    "check_all",
    "check_models",
    "fetch_models",
    "find_listed",
    "find_missing",
    "name_missing",
]

_DEADLINE_S = 10.0
_ONE_MODEL_SERVER = "llamacpp"
"""Owner that llama.cpp's server names; it answers for its one model whatever id is asked."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What an endpoint says of the models that a run asks for; `listed` is None where it says nothing.

    `note` says why the models could not be held against a list; it is empty when they were.
    """

    provider: str
    url: str
    listed: tuple[ListedModel, ...] | None = None
    note: str = ""

    def find(self, model_id: str) -> ListedModel | None:
        """Return the endpoint's own row of a model."""
        return find_listed(model_id, self.listed or ())

    def modality(self, model_id: str) -> frozenset[str] | None:
        """Return what a model takes in: the endpoint's word, else the catalogue's; None where nobody says."""
        row, known = self.find(model_id), CATALOG.find(model_id)
        if row is not None and row.modality is not None:
            return row.modality
        return None if known is None else known.modality

    def context_window(self, model_id: str) -> int | None:
        """Return how many tokens a model takes here: the endpoint's word, else the catalogue's at W&B Inference."""
        row, known = self.find(model_id), CATALOG.find(model_id)
        if row is not None and row.context_window is not None:
            return row.context_window
        return known.context_window if known is not None and is_wandb_inference(self.url) else None

    def price(self, model_id: str) -> TokenPrice | None:
        """Return what a model costs here: the endpoint's word, else the catalogue's at W&B Inference."""
        row, known = self.find(model_id), CATALOG.find(model_id)
        if row is not None and row.price is not None:
            return row.price
        return known.price if known is not None and is_wandb_inference(self.url) else None


@dataclass(frozen=True, slots=True)
class Asked:
    """An opened provider and the ids that a run asks it for."""

    provider: str
    url: str
    model: object
    wanted: tuple[str, ...]


async def check_all(asked: Sequence[Asked]) -> tuple[ModelCheck, ...]:
    """Hold the models of several providers against their lists, all at once.

    Raises:
        AccessError: everything that is refused, of every provider.
    """
    checks = (check_models(each.model, each.wanted, provider=each.provider, url=each.url) for each in asked)
    ended = await asyncio.gather(*checks, return_exceptions=True)
    if refused := [str(each) for each in ended if isinstance(each, AccessError)]:
        raise AccessError("\n".join(refused))
    found: list[ModelCheck] = []
    for each in ended:
        if isinstance(each, BaseException):
            raise each
        found.append(each)
    return tuple(found)


async def check_models(
    model: object, wanted: Sequence[str], *, provider: str, url: str, deadline_s: float = _DEADLINE_S
) -> ModelCheck:
    """Hold the models that are `wanted` of an opened provider against its list: one GET, and no refusal without one.

    Raises:
        AccessError: the endpoint does not list a model, or refuses the key, the project or this place.
    """
    try:
        listed = await fetch_models(model, deadline_s=deadline_s)
    except ProviderError as error:
        return ModelCheck(provider, url, note=f"models of {provider} not checked: {error}")
    if not listed:
        said = "keeps no list" if listed is None else "lists none"
        return ModelCheck(provider, url, listed, f"models of {provider} not checked: {url} {said}")
    if _answers_every_id(listed):
        said = f"{url} answers every id with {listed[0].id!r}"
        return ModelCheck(provider, url, listed, f"models of {provider} not checked: {said}")
    if missing := find_missing(wanted, listed):
        advice = f"`evalkit models` shows its list; check_models: false of provider {provider} asks all the same"
        said = name_missing(missing, listed)
        raise AccessError(f"provider {provider} at {url} does not list {said}\nnothing was sent; {advice}")
    return ModelCheck(provider, url, listed)


async def fetch_models(model: object, *, deadline_s: float = _DEADLINE_S) -> tuple[ListedModel, ...] | None:
    """Return an opened provider's list of models; None when it keeps none.

    Raises:
        AccessError: the endpoint refuses the key, the project or this place.
        ProviderError: no list can be had, or not in time.
    """
    ask = getattr(model, "list_models", None)
    if ask is None:
        return None
    try:
        async with asyncio.timeout(deadline_s):
            listed: tuple[ListedModel | str, ...] | None = await ask()
    except TimeoutError:
        raise ProviderError(f"the list of models did not come within {deadline_s:g} s") from None
    if listed is None:
        return None
    return tuple(row if isinstance(row, ListedModel) else ListedModel(row) for row in listed)


def find_listed(model_id: str, listed: Sequence[ListedModel]) -> ListedModel | None:
    """Return the row that says most of a model: its own, else one that names it as an alias, else a wildcard's."""
    for row in listed:
        if row.id == model_id:
            return row
    for row in listed:
        if model_id in row.aliases or matches_entry(row.id, model_id):
            return row
    return None


def find_missing(wanted: Sequence[str], listed: Sequence[ListedModel]) -> tuple[str, ...]:
    """Return the ids that an endpoint with this list does not serve, each once."""
    if _answers_every_id(listed):
        return ()
    return tuple(dict.fromkeys(model_id for model_id in wanted if find_listed(model_id, listed) is None))


def name_missing(missing: Sequence[str], listed: Sequence[ListedModel]) -> str:
    """Return the ids as a sentence ends with them, each with what it may be meant for; a line each when several."""
    ids = [row.id for row in listed if "*" not in row.id]
    lines = [_about(model_id, nearest_models(model_id, ids)) for model_id in missing]
    return lines[0] if len(lines) == 1 else "\n".join(("these models:", *(f"  {line}" for line in lines)))


def _answers_every_id(listed: Sequence[ListedModel]) -> bool:
    return len(listed) == 1 and listed[0].owned_by == _ONE_MODEL_SERVER


def _about(model_id: str, near: Sequence[str]) -> str:
    if near and near[0].lower() == model_id.lower():
        return f"{model_id!r}; there it is written {near[0]!r}"
    if not near:
        return repr(model_id)
    *others, last = (repr(name) for name in near)
    meant = f"{', '.join(others)} or {last}" if others else last
    return f"{model_id!r}; did you mean {meant}?"
