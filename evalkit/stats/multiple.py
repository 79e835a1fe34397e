"""Adjusted p-values for a family of claims: Holm (any false claim) and Benjamini-Hochberg (their share)."""

from collections.abc import Sequence

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    Raises:
        ValueError: a p-value is outside [0, 1] or not a number.
    """
    order = _ascending(p_values)
    adjusted, highest = [0.0] * len(order), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's adjusted p-values (false discovery rate), in the order given.

    Raises:
        ValueError: a p-value is outside [0, 1] or not a number.
    """
    order = _ascending(p_values)
    adjusted, lowest = [0.0] * len(order), 1.0
    for rank, place in reversed(list(enumerate(order, start=1))):
        lowest = min(lowest, p_values[place] * len(order) / rank)
        adjusted[place] = lowest
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError("p-values must lie in [0, 1]")
    return sorted(range(len(p_values)), key=lambda place: p_values[place])
