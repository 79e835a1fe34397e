"""Right-or-wrong answers whose items differ: what the simulations draw."""

import math
import random
from functools import lru_cache

AGREEMENT = 0.7
"""Correlation, on a normal scale, of how hard an item is for two models."""

_GRID = 4096


def beta_items(rng: random.Random, p: float, icc: float, n: int) -> list[float]:
    """Items' own chances of being right: mean p, intraclass correlation icc."""
    if icc == 0.0:
        return [p] * n
    a, b = p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc
    return [rng.betavariate(a, b) for _ in range(n)]


def trials_of(rng: random.Random, chances: list[float], trials: int) -> list[float]:
    """Return each item's mean over its trials."""
    return [sum(rng.random() < chance for _ in range(trials)) / trials for chance in chances]


def two_models(rng: random.Random, p: tuple[float, float], icc: float, n: int) -> tuple[list[float], list[float]]:
    """Items' chances for two models of mean p each, which find much the same items hard."""
    first, second = (_quantiles(mean, icc) for mean in p)
    rest = math.sqrt(1 - AGREEMENT**2)
    mine, theirs = [], []
    for _ in range(n):
        z = rng.gauss(0, 1)
        mine.append(first[_place(z)])
        theirs.append(second[_place(AGREEMENT * z + rest * rng.gauss(0, 1))])
    return mine, theirs


def _place(z: float) -> int:
    return min(_GRID - 1, int(_GRID * 0.5 * math.erfc(-z / math.sqrt(2))))


@lru_cache(maxsize=32)
def _quantiles(p: float, icc: float) -> list[float]:
    """The middles of so many equally likely parts of the beta distribution of items' chances."""
    from scipy.stats import beta

    a, b = p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc
    return [float(value) for value in beta.ppf([(part + 0.5) / _GRID for part in range(_GRID)], a, b)]
