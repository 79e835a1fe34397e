"""What differs between two descriptions, in words: the measures of two metrics, the treatments of two models."""

from collections.abc import Mapping
from typing import cast

from evalkit.digest import canonical_json
from evalkit.records import Json

__all__ = ["as_text", "differing_parts", "differing_values"]

_LONGEST = 60
_NAMES = {"extract": "extraction", "use": "scorer", "source": "scorer source", "version": "scorer version"}
_DIGEST_CHARS = 8


def differing_parts(first: Mapping[str, Json], second: Mapping[str, Json]) -> list[str]:
    """Return what differs between the measures of two metrics, a part each: `reducer mean → majority`."""
    if first["digest"] == second["digest"]:
        return []
    left, right = ({_NAMES.get(k, k): v for k, v in side.items() if k != "digest"} for side in (first, second))
    return [f"{name} {before} → {after}" for name, before, after in differing_values(left, right)]


def differing_values(first: Mapping[str, Json], second: Mapping[str, Json]) -> list[tuple[str, str, str]]:
    """Return the keys whose values differ, with both values in short; a mapping is entered, its keys joined by dots."""
    found: list[tuple[str, str, str]] = []
    for name in dict.fromkeys([*first, *second]):
        before: Json = first.get(name)
        after: Json = second.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            left, right = cast("Mapping[str, Json]", before), cast("Mapping[str, Json]", after)
            inner = differing_values(left, right)
            found += [(f"{name}.{below}", was, now) for below, was, now in inner]
        elif canonical_json(cast("Json", before)) != canonical_json(after):
            is_digest = "source" in name
            found.append((name, as_text(before, is_digest=is_digest), as_text(after, is_digest=is_digest)))
    return found


def as_text(value: Json, *, is_digest: bool = False) -> str:
    """Return a value in a few words; a digest by its first characters."""
    if value is None or value == "":
        return "none"
    text = value if isinstance(value, str) else canonical_json(value)
    if is_digest:
        return text[:_DIGEST_CHARS]
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
