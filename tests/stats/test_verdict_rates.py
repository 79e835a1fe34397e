"""How often verdicts are wrong, by seeded simulation: one claim at the edge of its margin, and twenty at once."""

import math
import random
from dataclasses import dataclass

import pytest

from evalkit.stats.multiple import holm
from evalkit.stats.pairing import Pairing
from evalkit.stats.verdicts import Verdict, judge_difference

from .chances import trials_of, two_models

ALPHA, MARGIN = 0.05, 0.02


@dataclass(frozen=True)
class Design:
    """One row of the table: n items, chance p of a right answer, T trials, ICC within items, the true drop."""

    n: int
    p: float
    trials: int
    icc: float
    drop: float

    def __str__(self) -> str:
        return f"n={self.n} p={self.p} T={self.trials} icc={self.icc} drop={self.drop}"

    def draw(self, rng: random.Random) -> list[float]:
        """Differences of a candidate from its baseline, which find much the same items hard."""
        new, old = two_models(rng, (self.p - self.drop, self.p), self.icc, self.n)
        pairs = zip(trials_of(rng, new, self.trials), trials_of(rng, old, self.trials), strict=True)
        return [a - b for a, b in pairs]


def rates(design: Design, replications: int) -> dict[str, float]:
    """Percent of naive FAIL, FAIL and PASS."""
    rng, count = random.Random(f"gate {design}"), dict.fromkeys(("naive", "fail", "pass"), 0)
    for _ in range(replications):
        d = design.draw(rng)
        claim = judge_difference(Pairing(d, True, design.trials), margin=MARGIN, alpha=ALPHA)
        count["naive"] += math.fsum(d) / len(d) < -MARGIN - 1e-12
        count["fail"] += claim.verdict is Verdict.FAIL
        count["pass"] += claim.verdict is Verdict.PASS
    return {name: 100 * number / replications for name, number in count.items()}


ROWS = [
    (Design(20, 0.9, 1, 0.3, 0.0), 40.0, 0.5, 1.6),
    (Design(20, 0.9, 5, 0.8, 0.02), 45.6, 1.5, 0.4),
    (Design(20, 0.99, 1, 0.3, 0.02), 38.1, 0.0, 0.0),
    (Design(50, 0.5, 5, 0.3, 0.0), 33.1, 1.5, 7.1),
    (Design(50, 0.9, 5, 0.3, 0.10), 98.6, 69.2, 0.0),
    (Design(50, 0.99, 5, 0.8, 0.02), 40.9, 0.6, 0.1),
    (Design(200, 0.9, 1, 0.3, 0.0), 19.4, 0.6, 17.4),
    (Design(200, 0.9, 1, 0.3, 0.02), 46.2, 4.4, 4.5),
    (Design(200, 0.9, 1, 0.3, 0.10), 99.2, 79.0, 0.0),
    (Design(200, 0.9, 5, 0.8, 0.02), 50.0, 5.1, 4.2),
    (Design(200, 0.9, 5, 0.8, 0.10), 100.0, 96.0, 0.0),
    (Design(1000, 0.5, 1, 0.3, 0.0), 14.1, 0.2, 28.6),
    (Design(1000, 0.9, 5, 0.3, 0.0), 0.0, 0.0, 90.5),
]
"""Design, then percent of naive FAIL, FAIL and PASS: all rows of table D."""


@pytest.mark.slow
@pytest.mark.parametrize(("design", "naive", "failed", "passed"), [ROWS[0], ROWS[4]], ids=str)
def test_verdicts(design: Design, naive: float, failed: float, passed: float) -> None:
    """Table D, a small part: 300 gates, three Monte Carlo errors."""
    got = rates(design, 300)
    for name, wanted in (("naive", naive), ("fail", failed), ("pass", passed)):
        error = 100 * math.sqrt(max(wanted, 1.0) / 100 * (1 - wanted / 100) / 300)
        assert got[name] == pytest.approx(wanted, abs=3 * error + 0.5), name


@pytest.mark.nightly
@pytest.mark.parametrize(("design", "naive", "failed", "passed"), ROWS, ids=str)
def test_verdicts_at_length(design: Design, naive: float, failed: float, passed: float) -> None:
    replications = 4000 if design.n < 1000 else 1000
    got = rates(design, replications)
    print(f"{design}: {got}, the table's {naive} {failed} {passed}")  # noqa: T201  the figures beside the table's
    for name, wanted in (("naive", naive), ("fail", failed), ("pass", passed)):
        share = min(0.995, max(0.005, wanted / 100))
        error = 100 * math.sqrt(share * (1 - share) * (1 / replications + 1 / 1000))
        assert got[name] == pytest.approx(wanted, abs=3 * error), name


@pytest.mark.nightly
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(("p", "trials", "icc"), [(0.5, 1, 0.3), (0.9, 5, 0.8), (0.99, 5, 0.8)])
def test_at_the_edge_a_verdict_is_seldom_wrong(n: int, p: float, trials: int, icc: float) -> None:
    got = rates(Design(n, p, trials, icc, MARGIN), 2000)
    assert max(got["fail"], got["pass"]) <= 7.5
    assert got["naive"] > got["fail"]


def family(checks: int, replications: int) -> dict[str, float]:
    """Percent of runs with any false alarm among equal models: naive, 5% each, Holm at margin 0 and at .02."""
    rng = random.Random(f"family {checks}")
    design = Design(200, 0.9, 1, 0.3, 0.0)
    count = dict.fromkeys(("naive", "each", "holm 0", "holm .02"), 0)
    for _ in range(replications):
        pairings = [Pairing(design.draw(rng), True) for _ in range(checks)]
        flat = [judge_difference(each, margin=0.0, alpha=ALPHA).p or 0.0 for each in pairings]
        held = [judge_difference(each, margin=MARGIN, alpha=ALPHA).p or 0.0 for each in pairings]
        count["naive"] += any(math.fsum(each.differences) / 200 < -MARGIN - 1e-12 for each in pairings)
        count["each"] += min(flat) < ALPHA
        count["holm 0"] += min(holm(flat)) < ALPHA
        count["holm .02"] += min(holm(held)) < ALPHA
    return {name: 100 * number / replications for name, number in count.items()}


@pytest.mark.slow
def test_false_alarms_of_twenty_checks() -> None:
    """Table E, a small part."""
    got = family(20, 60)
    assert got["naive"] > 85
    assert got["each"] == pytest.approx(58.1, abs=20)
    assert got["holm 0"] <= 12
    assert got["holm .02"] <= 4


@pytest.mark.nightly
def test_false_alarms_of_twenty_checks_at_length() -> None:
    got = family(20, 1500)
    assert got["naive"] == pytest.approx(97.9, abs=3)
    assert got["each"] == pytest.approx(58.1, abs=5)
    assert got["holm 0"] == pytest.approx(3.1, abs=1.7)
    assert got["holm .02"] == pytest.approx(0.1, abs=0.4)
