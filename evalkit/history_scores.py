"""Scores sample by sample as history keeps them: packed, and what many runs have in common apart from them."""

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.digest import digest_text
from evalkit.records import PredictionOutcome, ScoreOutcome
from evalkit.stored_items import MetricItems

__all__ = [
    "PackedScores",
    "SampleSet",
    "pack_outcomes",
    "pack_samples",
    "pack_scores",
    "pack_values",
    "restore_values",
    "unpack_bytes",
    "unpack_outcomes",
    "unpack_samples",
    "unpack_values",
]

_PREDICTIONS = ("ok", "truncated", "refused", "filtered", "rejected", "too_long", "infra_error", "not_run")
_SCORINGS = (
    *("scored", "no_answer", "scorer_error", "judge_failed"),
    *("refused", "filtered", "rejected", "too_long", "infra_error", "not_run"),
)
"""The codes on disk, whatever the order of the outcomes becomes; a new outcome is added at the end."""

_BYTES, _FLOATS, _ZIPPED = 0, 1, 2
_MISSING, _OTHER = 255, 2
_ZIP_FROM = 48
"""Fewer bytes than these never shrink enough to be worth it."""


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The samples that a metric's scores are of, in the dataset's order; `digest` names them all."""

    digest: str
    ids: tuple[str, ...]
    digests: tuple[str, ...]
    clusters: Sequence[Hashable] | None
    slices: Mapping[str, Mapping[str, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class PackedScores:
    """One metric's scores; `worst` and `best` where they differ from the values, `rows` where there are trials."""

    values: bytes
    worst: bytes | None
    best: bytes | None
    rows: bytes | None
    predictions: bytes
    scorings: bytes


def pack_samples(items: MetricItems) -> tuple[str, bytes]:
    """Return the digest and the packed content of the samples that a metric is of."""
    slices = {key: {value: list(places) for value, places in values.items()} for key, values in items.slices.items()}
    clusters = None if items.clusters is None else list(items.clusters)
    text = json.dumps([list(items.ids), list(items.digests), clusters, slices], separators=(",", ":"))
    return digest_text(text), zlib.compress(text.encode("ascii"), level=1)  # digests hardly shrink more


def unpack_samples(digest: str, content: bytes) -> SampleSet:
    """Read what `pack_samples` made."""
    ids, digests, clusters, slices = json.loads(zlib.decompress(content))
    places = {key: {value: array("q", each) for value, each in values.items()} for key, values in slices.items()}
    return SampleSet(digest, tuple(ids), tuple(digests), clusters, places)


def pack_scores(items: MetricItems) -> PackedScores:
    """Return a metric's scores as they are kept."""
    return PackedScores(
        values=pack_values(items.values),
        worst=_pack_differences(items.values, items.worst),
        best=_pack_differences(items.values, items.best),
        rows=None if _is_same(items.rows, items.values) else pack_values(items.rows),
        predictions=pack_outcomes(items.predictions, PredictionOutcome),
        scorings=pack_outcomes(items.scorings, ScoreOutcome),
    )


def pack_values(values: Sequence[float]) -> bytes:
    """Return scores as a byte each where all are 0, 1 or missing, else as 64-bit numbers; zipped where that pays."""
    small = bytes([0 if v == 0.0 else 1 if v == 1.0 else _MISSING if v != v else _OTHER for v in values])  # noqa: PLR0124  NaN
    if _OTHER not in small:
        return _zipped(_BYTES, small)
    numbers = array("d", values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return _zipped(_FLOATS, numbers.tobytes())


def unpack_bytes(packed: bytes) -> tuple[bool, bytes]:
    """Return whether a packed column holds 64-bit numbers, else a byte a score (255: missing), and what it holds."""
    form, content = packed[0], packed[1:]
    return bool(form & _FLOATS), zlib.decompress(content) if form & _ZIPPED else content


def unpack_values(packed: bytes) -> "array[float]":
    """Read what `pack_values` made."""
    are_numbers, content = unpack_bytes(packed)
    if not are_numbers:
        return array("d", map(_MEANING.__getitem__, content))
    numbers = array("d", content)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def restore_values(values: "array[float]", differences: bytes | None) -> "array[float]":
    """Return the scores that differ from `values` as `_pack_differences` kept them."""
    if differences is None:
        return values
    (count,) = struct.unpack_from("<I", differences)
    places = struct.unpack_from(f"<{count}I", differences, 4)
    restored = values[:]
    for place, value in zip(places, unpack_values(differences[4 + 4 * count :]), strict=True):
        restored[place] = value
    return restored


def pack_outcomes(codes: bytes, outcomes: type[PredictionOutcome] | type[ScoreOutcome]) -> bytes:
    """Return how predictions or scorings ended, from places among the outcomes to codes that stay."""
    stored = _stored(outcomes)
    return _zipped(_BYTES, codes.translate(bytes(stored.index(each.value) for each in outcomes).ljust(256, b"\xff")))


def unpack_outcomes(packed: bytes, outcomes: type[PredictionOutcome] | type[ScoreOutcome]) -> bytes:
    """Read what `pack_outcomes` made."""
    known = [each.value for each in outcomes]
    places = bytes(known.index(name) for name in _stored(outcomes))
    return unpack_bytes(packed)[1].translate(places.ljust(256, b"\xff"))


def _stored(outcomes: type[PredictionOutcome] | type[ScoreOutcome]) -> tuple[str, ...]:
    return _PREDICTIONS if outcomes is PredictionOutcome else _SCORINGS


def _pack_differences(values: Sequence[float], others: Sequence[float]) -> bytes | None:
    if _is_same(others, values):
        return None
    places = [
        place
        for place, (one, other) in enumerate(zip(values, others, strict=True))
        if one != other and not (one != one and other != other)  # noqa: PLR0124  NaN
    ]
    if not places:
        return None
    return struct.pack(f"<I{len(places)}I", len(places), *places) + pack_values([others[place] for place in places])


def _is_same(one: Sequence[float], other: Sequence[float]) -> bool:
    return one is other or (len(one) == len(other) and array("d", one).tobytes() == array("d", other).tobytes())


def _zipped(form: int, content: bytes) -> bytes:
    if len(content) >= _ZIP_FROM and len(small := zlib.compress(content)) < len(content):
        return bytes([form | _ZIPPED]) + small
    return bytes([form]) + content


_MEANING = {0: 0.0, 1: 1.0, _MISSING: float("nan")}
