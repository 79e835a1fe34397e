"""Seeded orders and subsets of samples, chosen by hashes of their ids.

Neither the order of the file nor Python's random module has a say: the same seed picks the same ids everywhere, and a
row that is added or removed moves as few others as possible, so that two runs keep most of their samples in common.
"""

import hashlib
from collections.abc import Callable, Sequence

from evalkit.records import Sample

__all__ = ["draw", "draw_stratified", "shuffle"]


def shuffle(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Return the samples in the order that `seed` gives them."""
    return sorted(samples, key=lambda sample: _lot(sample, f"shuffle:{seed}"))


def draw(samples: Sequence[Sample], n: int, seed: int) -> list[Sample]:
    """Return `n` samples drawn at random, in the order they came; all when there are no more."""
    drawn = sorted(range(len(samples)), key=lambda place: _lot(samples[place], f"sample:{seed}"))[:n]
    return [samples[place] for place in sorted(drawn)]


def draw_stratified(samples: Sequence[Sample], n: int, seed: int, stratum: Callable[[Sample], str]) -> list[Sample]:
    """Return `n` samples drawn at random within each stratum, in the order they came.

    Each stratum gets its share of `n`, rounded by largest remainder (ties by the stratum's name).
    """
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(stratum(sample), []).append(place)
    n = min(n, len(samples))
    shares = {name: divmod(n * len(members), len(samples)) for name, members in places.items()}
    left = n - sum(whole for whole, _ in shares.values())
    favoured = sorted(shares, key=lambda name: (-shares[name][1], name))[:left]
    kept: set[str] = set()
    for name, members in places.items():
        count = shares[name][0] + (name in favoured)
        kept.update(sample.id for sample in draw([samples[place] for place in members], count, seed))
    return [sample for sample in samples if sample.id in kept]


def _lot(sample: Sample, salt: str) -> bytes:
    return hashlib.sha256(f"{salt}:{sample.id}".encode("utf-8", "surrogatepass")).digest()
