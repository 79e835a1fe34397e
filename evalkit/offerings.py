"""An endpoint's list of models beside the catalogue: what is served and known, what is new, what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evalkit.catalog import CATALOG, Catalog, ModelInfo, is_wandb_inference
from evalkit.listed_models import ListedModel, TokenPrice
from evalkit.model_names import nearest_models
from evalkit.preflight import find_listed, find_missing
from evalkit.records import Json

__all__ = ["Offering", "Offerings", "Status", "compare_list"]


class Status(StrEnum):
    """Where a model stands: served and in the catalogue, served alone, in the catalogue alone, in the config alone.

    `unchecked` is a model of the catalogue where no list says whether it is served.
    """

    KNOWN = "known"
    NEW = "new"
    MISSING = "missing"
    UNKNOWN = "unknown"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Offering:
    """One model as the list and the catalogue together know it; None where neither says.

    `context_window` is in tokens; `labels` are the config's models that ask for it.
    """

    id: str
    status: Status
    name: str | None = None
    context_window: int | None = None
    modality: frozenset[str] | None = None
    active_parameters: int | None = None
    total_parameters: int | None = None
    price: TokenPrice | None = None
    owned_by: str | None = None
    created: int | None = None
    aliases: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()

    @property
    def is_served(self) -> bool:
        """Whether the endpoint lists it."""
        return self.status in {Status.KNOWN, Status.NEW}

    def describe(self) -> dict[str, Json]:
        """Return the model as JSON."""
        price = self.price
        return {
            "id": self.id,
            "status": self.status.value,
            "name": self.name,
            "context_window": self.context_window,
            "modality": None if self.modality is None else sorted(self.modality),
            "active_parameters": self.active_parameters,
            "total_parameters": self.total_parameters,
            "price_usd_per_million_tokens": None
            if price is None
            else {"input": price.input, "output": price.output, "source": price.source},
            "owned_by": self.owned_by,
            "created": self.created,
            "aliases": list(self.aliases),
            "config_models": list(self.labels),
            "nearest": list(self.nearest),
        }


@dataclass(frozen=True, slots=True)
class Offerings:
    """One provider's models, sorted by id; `missing` are the ids that the config asks for and the list lacks."""

    models: tuple[Offering, ...]
    missing: tuple[str, ...] = ()

    def count(self, status: Status) -> int:
        """Return how many models stand so."""
        return sum(model.status is status for model in self.models)


def compare_list(
    listed: Sequence[ListedModel] | None,
    *,
    url: str,
    wanted: Mapping[str, Sequence[str]] | None = None,
    catalog: Catalog = CATALOG,
) -> Offerings:
    """Return what is served at `url` beside the catalogue; `wanted` maps the config's model ids to their labels.

    A model of the catalogue counts as missing where the endpoint is W&B Inference, or serves another one of it:
    nobody else's list has to hold W&B's models.
    """
    if not listed:
        return _without_list(wanted or {}, url, catalog)
    asked = _by_row(wanted or {}, listed)
    rows = [_join(row, catalog.find(row.id), url, asked) for row in listed]
    served = {row.id for row in listed}
    if is_wandb_inference(url) or any(row.status is Status.KNOWN for row in rows):
        absent = (known for known in catalog.models if find_listed(known.id, listed) is None)
        rows += [_known(known, Status.MISSING, url, asked) for known in absent]
    missing = find_missing(list(wanted or {}), listed)
    shown = {row.id for row in rows}
    rows += [
        Offering(model, Status.UNKNOWN, labels=tuple(asked[model]), nearest=nearest_models(model, served))
        for model in missing
        if model not in shown
    ]
    return Offerings(_sorted(rows), missing)


def _by_row(wanted: Mapping[str, Sequence[str]], listed: Sequence[ListedModel]) -> dict[str, list[str]]:
    """Return the labels by the id of the row that serves them, which may know the model by an alias."""
    found: dict[str, list[str]] = {}
    for model_id, labels in wanted.items():
        row = find_listed(model_id, listed)
        found.setdefault(model_id if row is None else row.id, []).extend(labels)
    return found


def _without_list(asked: Mapping[str, Sequence[str]], url: str, catalog: Catalog) -> Offerings:
    rows = [_known(known, Status.UNCHECKED, url, asked) for known in catalog.models]
    ids = [known.id for known in catalog.models]
    rows += [
        Offering(model, Status.UNKNOWN, labels=tuple(labels), nearest=nearest_models(model, ids))
        for model, labels in asked.items()
        if model not in ids
    ]
    return Offerings(_sorted(rows))


def _join(row: ListedModel, known: ModelInfo | None, url: str, asked: Mapping[str, Sequence[str]]) -> Offering:
    """Return a served model: the list's word first; the catalogue's window and price hold at W&B Inference alone."""
    here = known if is_wandb_inference(url) else None
    return Offering(
        row.id,
        Status.NEW if known is None else Status.KNOWN,
        name=None if known is None else known.name,
        context_window=row.context_window or (None if here is None else here.context_window),
        modality=row.modality or (None if known is None else known.modality),
        active_parameters=None if known is None else known.active_parameters,
        total_parameters=None if known is None else known.total_parameters,
        price=row.price or (None if here is None else here.price),
        owned_by=row.owned_by,
        created=row.created,
        aliases=row.aliases,
        labels=tuple(asked.get(row.id, ())),
    )


def _known(known: ModelInfo, status: Status, url: str, asked: Mapping[str, Sequence[str]]) -> Offering:
    is_here = is_wandb_inference(url)
    return Offering(
        known.id,
        status,
        name=known.name,
        context_window=known.context_window if is_here else None,
        modality=known.modality,
        active_parameters=known.active_parameters,
        total_parameters=known.total_parameters,
        price=known.price if is_here else None,
        labels=tuple(asked.get(known.id, ())),
    )


def _sorted(rows: Sequence[Offering]) -> tuple[Offering, ...]:
    return tuple(sorted(rows, key=lambda row: (row.id.casefold(), row.id)))
