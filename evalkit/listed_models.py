"""What an endpoint says of the models it serves: one row of its list to a ListedModel, whatever shape the row has."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from evalkit.records import Json

__all__ = ["IMAGES", "TEXT", "ListedModel", "TokenPrice", "read_listed"]

TEXT, IMAGES = "text", "vision"
"""The words for what a model takes."""

_WINDOW_KEYS = ("context_window", "context_length", "max_model_len", "max_context_length", "n_ctx", "n_ctx_train")
_PLACES = ("top_provider", "meta", "metadata", "model_info", "architecture")
_ALIAS_KEYS = ("aliases", "canonical_slug")
_PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """USD per million tokens, and who says so."""

    input: float
    output: float
    source: str


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model of an endpoint's list; whatever the endpoint did not say is None.

    `context_window` is in tokens, `modality` what the model takes in, `created` a Unix time.
    """

    id: str
    owned_by: str | None = None
    created: int | None = None
    context_window: int | None = None
    modality: frozenset[str] | None = None
    price: TokenPrice | None = None
    aliases: tuple[str, ...] = ()


def read_listed(rows: Iterable[Json]) -> tuple[ListedModel, ...]:
    """Return the models that `rows` name, in their order, each once; a row without an id names none."""
    found: dict[str, ListedModel] = {}
    for row in rows:
        model = _read_row({"id": row} if isinstance(row, str) else _object(row))
        if model is not None:
            found.setdefault(model.id, model)
    return tuple(found.values())


def _read_row(row: dict[str, Json]) -> ListedModel | None:
    name = _text(row.get("id")) or _text(row.get("name")) or _text(row.get("model"))
    if name is None:
        return None
    return ListedModel(
        name,
        owned_by=_text(row.get("owned_by")) or _text(row.get("organization")),
        created=_count(row.get("created")),
        context_window=_window(row),
        modality=_modality(row),
        price=_price(row.get("pricing")),
        aliases=tuple(dict.fromkeys(alias for alias in _aliases(row) if alias != name)),
    )


def _window(row: dict[str, Json]) -> int | None:
    for key in _WINDOW_KEYS:
        for place in (row, *(_object(row.get(name)) for name in _PLACES)):
            if size := _count(place.get(key)):
                return size
    return None


def _modality(row: dict[str, Json]) -> frozenset[str] | None:
    """Read what goes in: a list of modalities, a form such as text+image->text, or a yes or no to vision."""
    inside = _object(row.get("architecture"))
    for place in (row, inside):
        for key in ("input_modalities", "modalities"):
            if named := [word for word in _list(place.get(key)) if isinstance(word, str)]:
                return _kinds(named)
    for place in (row, inside):
        if said := _text(place.get("modality")):
            return _kinds(said.partition("->")[0].replace(",", "+").split("+"))
    for key in ("supports_vision", "vision", "supports_image_input"):
        for place in (row, _object(row.get("model_info")), _object(row.get("capabilities"))):
            if isinstance(place.get(key), bool):
                return frozenset({TEXT, IMAGES} if place[key] else {TEXT})
    if "multimodal" in (named := _list(row.get("capabilities"))):
        return frozenset({TEXT, IMAGES})
    return frozenset({TEXT}) if named == ["completion"] else None


def _kinds(words: Iterable[str]) -> frozenset[str]:
    named = {word.strip().lower() for word in words}
    return frozenset({TEXT, IMAGES} if named & {"image", "images", "vision"} else {TEXT})


def _price(pricing: Json) -> TokenPrice | None:
    """Read USD per token, which is how endpoints that state a price state it; a negative one means that it varies."""
    stated = _object(pricing)
    read, written = _number(stated.get("prompt")), _number(stated.get("completion"))
    if read is None or written is None:
        return None
    return TokenPrice(round(read * _PER_MILLION, 9), round(written * _PER_MILLION, 9), "the endpoint's list")


def _aliases(row: dict[str, Json]) -> Iterable[str]:
    for key in _ALIAS_KEYS:
        value = row.get(key)
        for alias in _list(value) or [value]:
            if text := _text(alias):
                yield text


def _object(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else []


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
