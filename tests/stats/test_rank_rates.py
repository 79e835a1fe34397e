"""How often rank intervals hold every true rank, by seeded simulation: table F, all of its rules but max-t."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest

from evalkit.stats.exact import mcnemar
from evalkit.stats.multiple import benjamini_hochberg, holm
from evalkit.stats.paired import DifferenceEstimate
from evalkit.stats.ranks import PairTest, rank_intervals

from .chances import quantiles

MIXED = (0.80, 0.80, 0.80, 0.80, 0.78, 0.75, 0.70, 0.60)
TIED = (0.80,) * 8
SHARED = 0.37
"""The models find the same items hard, with this intraclass correlation: so do their answers correlate.

The table does not say. Its widths tell: of Holm's intervals at 200 and 1,000 items they are 6.4 and 4.5 for independent
answers, 6.0 and 4.2 at .3, 5.9 and 4.0 at .37, 5.6 and 3.8 at .5, with the paired t test's p. The exact McNemar p,
which boards of single trials use, is a little larger: about .1 of a rank in width.
"""


@dataclass(frozen=True)
class Found:
    """Percent of boards whose intervals hold the true ranks, their mean width, percent with a false sole winner."""

    covered: float
    width: float
    alone: float


def simulate(chances: tuple[float, ...], n: int, boards: int, p_of: str, icc: float = SHARED) -> dict[str, Found]:
    """Return what the rules come to: each pair at 5%, Benjamini-Hochberg's and Holm's p."""
    rng = np.random.default_rng([n, boards, len(set(chances))])
    count, pairs = len(chances), list(itertools.combinations(range(len(chances)), 2))
    low = np.array([1 + sum(other > own for other in chances) for own in chances])
    high = np.array([sum(other >= own for other in chances) for own in chances])
    adjust = {"each": lambda p: p, "bh": benjamini_hochberg, "holm": holm}
    sums = {rule: np.zeros(3) for rule in adjust}
    for _ in range(boards):
        scores = draw(rng, chances, n, icc)
        wins = scores @ (1 - scores).T
        p = [pair_p(wins[i, j], wins[j, i], n, p_of) for i, j in pairs]
        for rule, adjusted in adjust.items():
            first, last = np.ones(count), np.full(count, float(count))
            for (i, j), value in zip(pairs, adjusted(p), strict=True):
                if value < 0.05:
                    better, worse = (i, j) if wins[i, j] > wins[j, i] else (j, i)
                    first[worse] += 1
                    last[better] -= 1
            held = ((first <= low) & (last >= high)).all()
            sums[rule] += held, (last - first + 1).mean(), ((last == 1) & (high > 1)).any()
        tests = [PairTest(i, j, wins[i, j] - wins[j, i], value) for (i, j), value in zip(pairs, p, strict=True)]
        ours = rank_intervals(count, tests, alpha=0.05).intervals
        assert list(ours) == list(zip(first.tolist(), last.tolist(), strict=True)), "Holm's are the leaderboard's own"
    return {
        rule: Found(100 * held / boards, width / boards, 100 * alone / boards)
        for rule, (held, width, alone) in sums.items()
    }


def draw(rng: np.random.Generator, chances: tuple[float, ...], n: int, icc: float):
    """Right-or-wrong answers on common items, each as hard for one model as for another."""
    if icc == 0.0:
        return (rng.random((len(chances), n)) < np.array(chances)[:, None]).astype(float)
    places = rng.integers(0, len(quantiles(0.5, icc)), n)
    hard = np.array([np.asarray(quantiles(chance, icc))[places] for chance in chances])
    return (rng.random(hard.shape) < hard).astype(float)


def pair_p(wins: float, losses: float, n: int, p_of: str) -> float:
    if p_of == "mcnemar":
        return mcnemar(int(wins), int(losses)).exact
    mean = (wins - losses) / n
    error = math.sqrt(max(0.0, (wins + losses) / n - mean**2) / (n - 1))
    return DifferenceEstimate(mean, error, n - 1).p_two_sided()


def margin(percent: float, boards: int) -> float:
    """Three Monte Carlo errors of a percentage: the table's own cells come from 600 boards or more."""
    share = min(0.99, max(0.01, percent / 100))
    return 300 * math.sqrt(share * (1 - share) * (1 / boards + 1 / 600)) + 0.1


@pytest.mark.parametrize("p_of", ["t", "mcnemar"])
@pytest.mark.parametrize("chances", [MIXED, TIED], ids=["four tied", "all tied"])
def test_rank_intervals_hold_the_true_ranks(chances: tuple[float, ...], p_of: str) -> None:
    """A small part: 60 boards of 200 items."""
    got = simulate(chances, 200, 60, p_of)
    assert got["holm"].covered >= 90
    assert got["holm"].alone == 0
    assert got["each"].covered < got["holm"].covered
    assert got["holm"].width == pytest.approx(5.9 if chances == MIXED else 8.0, abs=0.4)


TABLE = [
    pytest.param(MIXED, 200, {"each": (77.7, 4.8, 0.5), "bh": (88.8, 5.2, 0.3), "holm": (98.5, 5.9, 0.0)}, id="n=200"),
    pytest.param(
        MIXED, 1000, {"each": (79.5, 3.4, 0.7), "bh": (84.8, 3.5, 0.7), "holm": (98.8, 4.0, 0.0)}, id="n=1000"
    ),
    pytest.param(
        TIED, 200, {"each": (49.2, 7.7, 0.0), "bh": (96.0, 8.0, 0.0), "holm": (96.4, 8.0, 0.0)}, id="all tied"
    ),
]


@pytest.mark.nightly
@pytest.mark.parametrize(("chances", "n", "expected"), TABLE)
def test_the_table_at_length(
    chances: tuple[float, ...], n: int, expected: dict[str, tuple[float, float, float]]
) -> None:
    got = simulate(chances, n, 1500, "t")
    print(f"n={n}: {got}")  # noqa: T201  the figures beside the table's
    for rule, (covered, width, alone) in expected.items():
        assert got[rule].covered == pytest.approx(covered, abs=margin(covered, 1500)), rule
        assert got[rule].width == pytest.approx(width, abs=0.1), rule
        assert got[rule].alone == pytest.approx(alone, abs=margin(alone, 1500)), rule


@pytest.mark.nightly
@pytest.mark.parametrize(("n", "width"), [(200, 6.4), (1000, 4.5)])
def test_independent_answers_would_give_wider_intervals_than_the_tables(n: int, width: float) -> None:
    assert simulate(MIXED, n, 400, "t", icc=0.0)["holm"].width == pytest.approx(width, abs=0.1)


@pytest.mark.nightly
@pytest.mark.parametrize(("chances", "n", "widest"), [(MIXED, 200, 6.1), (MIXED, 1000, 4.2), (TIED, 200, 8.0)], ids=str)
def test_the_leaderboards_own_p_holds_the_true_ranks_at_length(
    chances: tuple[float, ...], n: int, widest: float
) -> None:
    got = simulate(chances, n, 1500, "mcnemar")["holm"]
    print(f"n={n}, exact p: {got}")  # noqa: T201  the figures beside the bar
    assert got.covered >= 95
    assert got.width <= widest
    assert got.alone <= 0.5
