"""What the intervals promise, checked by counting: exactly where one can, else by seeded simulation."""

import random

import pytest

from evalkit.stats.distributions import binomial_terms
from evalkit.stats.intervals import Scores, score_interval, threshold_interval
from evalkit.stats.paired import augmented_estimate
from evalkit.stats.pairing import Pairing

from .chances import beta_items, trials_of


@pytest.mark.parametrize(
    ("n", "p", "shown", "held"),
    [
        (20, 0.5, 95.9, 95.9),
        (20, 0.9, 95.7, 98.9),
        (20, 0.99, 98.3, 98.3),
        (50, 0.9, 97.0, 97.0),
        (200, 0.99, 94.8, 98.3),
    ],
)
def test_exact_coverage_of_one_trial(n: int, p: float, shown: float, held: float) -> None:
    """Every outcome, weighed by its probability: no simulation."""
    first, terms = binomial_terms(n, p)
    covered = [0.0, 0.0]
    for k, term in enumerate(terms, start=first):
        scores = Scores([1.0] * k + [0.0] * (n - k), is_binary=True)
        for place, got in enumerate((score_interval(scores, confidence=0.95), threshold_interval(scores, tail=0.025))):
            covered[place] += term * 100 * (got.lower <= p <= got.upper)
    assert covered == pytest.approx([shown, held], abs=0.2)
    assert covered[1] >= 95.0


def trial_coverage(cell: tuple[int, int, float, float], replications: int) -> tuple[float, float]:
    n, trials, p, icc = cell
    rng = random.Random(f"trials {cell}")
    hits = [0, 0]
    for _ in range(replications):
        values = trials_of(rng, beta_items(rng, p, icc, n), trials)
        scores = Scores(values, is_binary=True, rows=n * trials)
        for place, got in enumerate((score_interval(scores, confidence=0.95), threshold_interval(scores, tail=0.025))):
            hits[place] += got.lower <= p <= got.upper
    return 100 * hits[0] / replications, 100 * hits[1] / replications


TRIAL_CELLS = [
    ((20, 5, 0.5, 0.3), 95.6, 96.4),
    ((20, 5, 0.9, 0.0), 97.4, 98.5),
    ((20, 5, 0.9, 0.8), 93.6, 95.3),
    ((50, 5, 0.99, 0.8), 94.9, 99.1),
    ((200, 5, 0.9, 0.3), 95.1, 95.9),
    ((200, 5, 0.99, 0.8), 92.3, 94.7),
]


@pytest.mark.parametrize(("cell", "shown", "held"), TRIAL_CELLS[:1], ids=str)
def test_coverage_of_trials(cell: tuple, shown: float, held: float) -> None:
    assert trial_coverage(cell, 300) == pytest.approx((shown, held), abs=4.0)


@pytest.mark.nightly
@pytest.mark.parametrize(("cell", "shown", "held"), TRIAL_CELLS, ids=str)
def test_coverage_of_trials_at_length(cell: tuple, shown: float, held: float) -> None:
    assert trial_coverage(cell, 4000) == pytest.approx((shown, held), abs=1.6)


def graded_coverage(name: str, n: int, replications: int) -> float:
    rng = random.Random(f"graded {name} {n}")
    draw, mean = {
        "Beta(2,2)": (lambda: rng.betavariate(2, 2), 0.5),
        "Beta(18,2)": (lambda: rng.betavariate(18, 2), 0.9),
        "85% ones": (lambda: 1.0 if rng.random() < 0.85 else rng.random(), 0.925),
        "98% ones": (lambda: 1.0 if rng.random() < 0.98 else rng.random(), 0.99),
        "Beta(.1,.9)": (lambda: rng.betavariate(0.1, 0.9), 0.1),
    }[name]
    hits = 0
    for _ in range(replications):
        got = score_interval(Scores([draw() for _ in range(n)], is_binary=False), confidence=0.95)
        hits += got.lower <= mean <= got.upper
    return 100 * hits / replications


@pytest.mark.parametrize(("name", "expected"), [("85% ones", 92), ("98% ones", 95)])
def test_coverage_of_graded_scores(name: str, expected: float) -> None:
    assert graded_coverage(name, 20, 400) == pytest.approx(expected, abs=4.0)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "n", "expected"),
    [
        ("Beta(2,2)", 20, 95),
        ("Beta(18,2)", 50, 95),
        ("85% ones", 50, 94),
        ("98% ones", 50, 93),
        ("98% ones", 200, 92),
        ("Beta(.1,.9)", 20, 90),
        ("Beta(.1,.9)", 200, 94),
    ],
)
def test_coverage_of_graded_scores_at_length(name: str, n: int, expected: float) -> None:
    assert graded_coverage(name, n, 4000) == pytest.approx(expected, abs=1.6)


def group_coverage(groups: int, replications: int) -> tuple[float, float]:
    rng = random.Random(f"groups {groups}")
    hits = [0, 0]
    for _ in range(replications):
        values: list[float] = []
        clusters: list[int] = []
        for group, chance in enumerate(beta_items(rng, 0.8, 0.3, groups)):
            size = max(1, round(rng.lognormvariate(1.6, 0.8)))
            values += [float(rng.random() < chance) for _ in range(size)]
            clusters += [group] * size
        scores = Scores(values, is_binary=True, clusters=clusters)
        for place, got in enumerate((score_interval(scores, confidence=0.95), threshold_interval(scores, tail=0.025))):
            hits[place] += got.lower <= 0.8 <= got.upper
    return 100 * hits[0] / replications, 100 * hits[1] / replications


def test_coverage_of_groups() -> None:
    shown, held = group_coverage(20, 300)
    assert shown == pytest.approx(91.9, abs=4.5)
    assert held == pytest.approx(93.8, abs=4.5)


@pytest.mark.nightly
@pytest.mark.parametrize(("groups", "shown", "held"), [(10, 91.5, 93.8), (20, 91.9, 93.8), (50, 93.2, 94.2)])
def test_coverage_of_groups_at_length(groups: int, shown: float, held: float) -> None:
    assert group_coverage(groups, 3000) == pytest.approx((shown, held), abs=2.5)


@pytest.mark.nightly
@pytest.mark.parametrize(("n", "p"), [(20, 0.99), (50, 0.99), (200, 0.9)])
def test_a_difference_without_one_is_seldom_proven(n: int, p: float) -> None:
    """Two equal models: neither one-sided bound misses zero much more often than it may."""
    rng = random.Random(f"pairs {n} {p}")
    misses = [0, 0]
    for _ in range(3000):
        chances = beta_items(rng, p, 0.3, n)
        d = [a - b for a, b in zip(trials_of(rng, chances, 1), trials_of(rng, chances, 1), strict=True)]
        lower, upper = augmented_estimate(Pairing(d, is_binary=True), weight=1.0).bounds(0.05)
        misses[0] += lower > 0.0
        misses[1] += upper < 0.0
    assert max(misses) / 3000 < 0.065
