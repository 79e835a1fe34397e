"""Exact tests of "no difference": McNemar for right-or-wrong pairs, sign flips for any paired differences."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import binomial_terms

__all__ = ["MOST_FLIPS", "McNemar", "SignFlip", "flip_units", "mcnemar", "sign_flip"]

MOST_FLIPS = 20
"""More non-zero differences than this are not enumerated: 2^20 sign patterns take a second."""

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two-sided p-values of McNemar's test: exact, and mid-p."""

    exact: float
    mid: float


@dataclass(frozen=True, slots=True)
class SignFlip:
    """p-values of the sign-flip test over all patterns of the non-zero units (differences, or clusters' sums)."""

    greater: float
    less: float
    two_sided: float
    units: int


def mcnemar(losses: int, wins: int) -> McNemar:
    """Return McNemar's exact and mid-p for the discordant pairs: a binomial test of one half; no pair gives 1."""
    if losses + wins == 0:
        return McNemar(1.0, 1.0)
    first, terms = binomial_terms(losses + wins, 0.5)
    fewer = min(losses, wins)
    below = sum(terms[: max(0, fewer - first)])
    at = terms[fewer - first] if fewer >= first else 0.0
    return McNemar(min(1.0, 2 * (below + at)), min(1.0, 2 * below + at))


def flip_units(differences: Sequence[float], clusters: Sequence[Hashable] | None = None) -> list[float]:
    """Return what the sign-flip test flips: the non-zero differences, or the non-zero sums of whole clusters."""
    if clusters is None:
        return [difference for difference in differences if difference != 0]
    members: dict[Hashable, list[float]] = {}
    for cluster, difference in zip(clusters, differences, strict=True):
        members.setdefault(cluster, []).append(difference)
    return [total for total in map(math.fsum, members.values()) if abs(total) > _TIE]


def sign_flip(differences: Sequence[float], *, clusters: Sequence[Hashable] | None = None) -> SignFlip:
    """Return the exact sign-flip test: all 2^k sign patterns of the k non-zero units, ties within 1e-9.

    It tests "no difference" only; a margin breaks its symmetry.

    Raises:
        ValueError: more than 20 units are non-zero.
    """
    units = flip_units(differences, clusters)
    if len(units) > MOST_FLIPS:
        raise ValueError(f"{len(units)} non-zero differences have too many sign patterns; use a t test")
    sums = [0.0]
    for unit in units:
        size = abs(unit)
        sums = [total + sign for total in sums for sign in (size, -size)]
    seen, patterns = math.fsum(units), len(sums)
    greater = sum(1 for total in sums if total >= seen - _TIE) / patterns
    less = sum(1 for total in sums if total <= seen + _TIE) / patterns
    two_sided = sum(1 for total in sums if abs(total) >= abs(seen) - _TIE) / patterns
    return SignFlip(greater, less, two_sided, len(units))
