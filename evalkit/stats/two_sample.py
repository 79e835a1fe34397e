"""Whether two sets of values come from one distribution: the two-sided Kolmogorov-Smirnov test."""

import math
from collections.abc import Sequence

__all__ = ["kolmogorov_smirnov"]

_TERMS = 100
_LARGEST_P = 0.2


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return the largest distance between two empirical distributions, and the p-value of "they are one".

    The p-value is the limit of Kolmogorov with the correction of Stephens (1970) for few values; ties make it cautious.

    Raises:
        ValueError: a side has no values.
    """
    if not first or not second:
        raise ValueError("two distributions need values on both sides")
    distance = _distance(sorted(first), sorted(second))
    size = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    return distance, _upper_tail((size + 0.12 + 0.11 / size) * distance)


def _distance(left: list[float], right: list[float]) -> float:
    largest, i, j = 0.0, 0, 0
    while i < len(left) and j < len(right):
        value = min(left[i], right[j])
        while i < len(left) and left[i] <= value:
            i += 1
        while j < len(right) and right[j] <= value:
            j += 1
        largest = max(largest, abs(i / len(left) - j / len(right)))
    return largest


def _upper_tail(scaled: float) -> float:
    """Return 2 sum (-1)^(k-1) exp(-2 k^2 x^2); below 0.2, where the sum no longer settles, it is 1."""
    if scaled < _LARGEST_P:
        return 1.0
    total, sign = 0.0, 1.0
    for k in range(1, _TERMS + 1):
        term = math.exp(-2.0 * (k * scaled) ** 2)
        total += sign * term
        if term < 1e-16:  # noqa: PLR2004  below what a float can hold of the sum
            break
        sign = -sign
    return min(1.0, max(0.0, 2.0 * total))
