"""Right-or-wrong answers whose items differ: what the simulations draw."""

import math
import random
from functools import lru_cache

AGREEMENT = 0.7
"""Correlation, on a normal scale, of how hard an item is for two models.

Table D does not say how its two models' items go together; its cells do. Over its 13 rows they are within Monte Carlo
error at .7 (chi-square 43 on 78 cells), far from it at .9 (789) and with no correlation (4,917), and so too where the
candidate's chances are the baseline's: equal in rank (2,293), all lower by the drop (2,076) or by its share (1,927).
The cells that tell most: 200 items, p .9, 5 trials, ICC .8, a drop of .10 FAILs in 96% at .7, 100% where difficulty is
shared and 80% where it is not; 1,000 items, 5 trials, ICC .3, no drop: PASS in 91, 99 and 71%.
"""

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
    first, second = (quantiles(mean, icc) for mean in p)
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
def quantiles(p: float, icc: float) -> list[float]:
    """The middles of so many equally likely parts of the beta distribution of items' chances."""
    from scipy.stats import beta

    a, b = p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc
    return [float(value) for value in beta.ppf([(part + 0.5) / _GRID for part in range(_GRID)], a, b)]
