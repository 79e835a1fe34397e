"""Stable names for content: canonical JSON and its SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["canonical_json", "digest_json", "digest_text"]

DIGEST_CHARS = 32
"""Hex characters kept of a SHA-256: 128 bits, far beyond accidental collision."""


def canonical_json(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: a float is NaN or infinite.
        TypeError: a value is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def digest_json(value: object) -> str:
    """Return the digest of a JSON value: 32 hex characters of SHA-256 over its canonical text."""
    return digest_text(canonical_json(value))


def digest_text(text: str) -> str:
    """Return the digest of a text: 32 hex characters of SHA-256 over its UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARS]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    if isinstance(value, (set, frozenset)):
        return sorted(cast("set[str]", value))
    raise TypeError(f"{type(value).__name__} is not JSON")
