"""How often rank intervals hold every true rank, by seeded simulation."""

import random

import pytest

from evalkit.stats.paired import paired_difference
from evalkit.stats.pairing import Pairing
from evalkit.stats.ranks import PairTest, pairs_to_test, rank_intervals

from .chances import trials_of

MIXED = (0.80, 0.80, 0.80, 0.80, 0.78, 0.75, 0.70, 0.60)
TIED = (0.80,) * 8


def true_ranks(chances: tuple[float, ...]) -> list[tuple[int, int]]:
    """The ranks that are true of each: tied ones share theirs."""
    return [(1 + sum(other > own for other in chances), sum(other >= own for other in chances)) for own in chances]


def simulate(chances: tuple[float, ...], n: int, replications: int) -> tuple[float, float, float]:
    """Percent of boards whose intervals all meet the true ranks, their mean width, percent with a false sole winner."""
    rng = random.Random(f"ranks {chances} {n}")
    held = alone = 0
    width = 0.0
    for _ in range(replications):
        scores = _scores(rng, chances, n)
        means = [sum(row) / n for row in scores]
        tests: list[PairTest] = []
        for i, j in pairs_to_test(means):
            d = [a - b for a, b in zip(scores[i], scores[j], strict=True)]
            tests.append(PairTest(i, j, sum(d), paired_difference(Pairing(d, True), confidence=0.95).p))
        got = rank_intervals(len(chances), tests, alpha=0.05).intervals
        held += all(
            low <= first and last <= high for (low, high), (first, last) in zip(got, true_ranks(chances), strict=True)
        )
        alone += any(high == 1 and true[1] > 1 for (_, high), true in zip(got, true_ranks(chances), strict=True))
        width += sum(high - low + 1 for low, high in got) / len(got)
    return 100 * held / replications, width / replications, 100 * alone / replications


def _scores(rng: random.Random, chances: tuple[float, ...], n: int) -> list[list[float]]:
    """Right-or-wrong answers on common items: half of what decides them is the item's."""
    hard = [rng.uniform(-0.15, 0.15) for _ in range(n)]
    return [trials_of(rng, [min(1.0, max(0.0, chance - item)) for item in hard], 1) for chance in chances]


@pytest.mark.parametrize("chances", [MIXED, TIED], ids=["four tied", "all tied"])
def test_rank_intervals_hold_the_true_ranks(chances: tuple[float, ...]) -> None:
    """Table F, a small part: 40 boards of 200 items."""
    covered, _, alone = simulate(chances, 200, 40)
    assert covered >= 90
    assert alone <= 5


@pytest.mark.nightly
@pytest.mark.parametrize(("chances", "n", "widest"), [(MIXED, 200, 6.4), (MIXED, 1000, 4.6), (TIED, 200, 8.0)], ids=str)
def test_rank_intervals_hold_the_true_ranks_at_length(chances: tuple[float, ...], n: int, widest: float) -> None:
    """Joint coverage of at least 95%, but for three Monte Carlo errors of 400 boards."""
    covered, width, alone = simulate(chances, n, 400)
    assert covered >= 92
    assert width <= widest + 0.1
    assert alone <= 2
