"""The chance of a run of failures: against exact sums, and how often a night that is as quiet as before names any."""

from collections.abc import Callable, Sequence
from math import comb

import numpy as np
import pytest

from evalkit.flip_ledger import SampleState, make_ledger
from evalkit.flip_rule import FlipRule
from evalkit.stats.failing import fit_rates, run_chances
from tests.trending import Scores, past_metric, past_series

Rates = Callable[[np.random.Generator, int], np.ndarray]
SEES = 28


def equal(rate: float) -> Rates:
    return lambda _, count: np.full(count, rate)


def spread(mean: float, icc: float) -> Rates:
    shape = (1 - icc) / icc
    return lambda rng, count: rng.beta(mean * shape, (1 - mean) * shape, count)


def some(*parts: tuple[float, float]) -> Rates:
    """Samples of a few kinds: the rate of each, and how many are so."""
    return lambda rng, count: rng.choice([rate for rate, _ in parts], p=[share for _, share in parts], size=count)


def newly_failing(wrong: np.ndarray, among: int) -> list[str]:
    """Return which samples the ledger names, from what was wrong by night and sample."""
    last = wrong[-SEES:]
    ids = tuple(str(place) for place in range(wrong.shape[1]))
    rows = [Scores(ids, (~night).astype(np.float64)) for night in last]
    series = past_series([past_metric(place) for place in range(len(last))])
    found = make_ledger(series, rows, rule=FlipRule(among=among))
    return [each.sample_id for each in found.of(SampleState.NEW_FAILURE)]


def false_nights(rates: Rates, samples: int, models: int, histories: int, nights: Sequence[int]) -> float:
    """Return the share of quiet nights on which any sample of any model is named."""
    rng = np.random.default_rng(20261123)
    named = 0
    for _ in range(histories):
        wrong = [rng.random((max(nights), samples)) < rates(rng, samples) for _ in range(models)]
        named += sum(any(newly_failing(each[:night], models) for each in wrong) for night in nights)
    return named / histories / len(nights)


def nights_needed(rate: float, samples: int, models: int, histories: int) -> list[int]:
    """Return after how many nights a sample is named that was always right and is always wrong from night 30 on."""
    rng = np.random.default_rng(1)
    found: list[int] = []
    for _ in range(histories):
        wrong = rng.random((42, samples)) < rate
        wrong[:, 0] = np.arange(42) >= 30
        named = (at for at in range(1, 13) if "0" in newly_failing(wrong[: 30 + at], models))
        found.append(next(named, 99))
    return found


def test_the_chance_of_a_run_is_that_of_the_fitted_rates() -> None:
    """Half of many samples are always right, half wrong on half of their nights."""
    rng = np.random.default_rng(3)
    nights = np.full(4000, 20)
    wrong = np.where(np.arange(4000) < 2000, 0, rng.binomial(20, 0.5, 4000))
    rates = fit_rates(nights, wrong)
    assert rates.shares.sum() == pytest.approx(1.0)
    flaky, steady = rates.chances(np.array([20, 20]), np.array([10, 0]), np.array([3, 3]))
    assert flaky == pytest.approx(0.5**3, rel=0.05)
    assert steady < 1e-5


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.4])
def test_equal_samples_share_their_rate(rate: float) -> None:
    """Whatever its own nights were: that it never failed so far is luck where all fail alike."""
    counts = np.round(4000 * np.array([comb(12, k) * rate**k * (1 - rate) ** (12 - k) for k in range(13)])).astype(int)
    rates = fit_rates(np.full(counts.sum(), 12), np.repeat(np.arange(13), counts))
    (chance,) = rates.chances(np.array([12]), np.array([0]), np.array([1]))
    assert chance == pytest.approx(rate, rel=0.25)


def test_only_the_nights_before_a_run_count() -> None:
    wrong = np.zeros((12, 50), dtype=bool)
    wrong[10:] = True
    chances = run_chances(wrong, np.ones_like(wrong), np.full(50, 10), np.full(50, 2))
    assert (chances < 1e-3).all()
    none = run_chances(wrong, np.ones_like(wrong), np.full(50, 10), np.zeros(50, dtype=np.int64))
    assert (none == 1.0).all()


def test_nights_without_a_score_do_not_count() -> None:
    wrong, scored = np.zeros((20, 9), dtype=bool), np.ones((20, 9), dtype=bool)
    wrong[18:, 0] = True
    scored[:4], wrong[:4] = False, True
    begins, running = np.full(9, 18), np.where(np.arange(9) == 0, 2, 0)
    here = run_chances(wrong, scored, begins, running)
    assert here == pytest.approx(run_chances(wrong[4:], scored[4:], begins - 4, running))


def test_quiet_nights_name_none() -> None:
    """A small part: accuracy .85 with independent re-runs."""
    assert false_nights(equal(0.15), 200, 1, 10, range(8, 40, 3)) <= 0.05
    assert false_nights(equal(0.15), 100, 30, 1, [20]) == 0.0


@pytest.mark.parametrize(("rate", "nights"), [(0.0, 2), (0.02, 3), (0.1, 4), (0.3, 6)])
def test_a_sample_that_fails_from_now_on_is_named_soon(rate: float, nights: int) -> None:
    assert np.median(nights_needed(rate, 200, 1, 3)) <= nights


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("rates", "samples", "models", "histories"),
    [
        pytest.param(equal(0.15), 200, 1, 40, id="200 at .85"),
        pytest.param(equal(0.15), 100, 30, 2, id="30 x 100 at .85"),
        pytest.param(equal(0.02), 200, 1, 40, id="200 at .98"),
        pytest.param(equal(0.3), 200, 1, 40, id="200 at .7"),
        pytest.param(equal(0.15), 20, 1, 60, id="20 at .85"),
        pytest.param(spread(0.15, 0.6), 200, 1, 40, id="easy and hard samples"),
        pytest.param(spread(0.15, 0.6), 100, 30, 2, id="30 x 100 easy and hard samples"),
        pytest.param(spread(0.15, 0.1), 200, 1, 40, id="samples nearly alike"),
        pytest.param(some((0.0, 0.8), (1.0, 0.1), (0.3, 0.1)), 200, 1, 40, id="one in ten flips"),
        pytest.param(some((0.0, 0.97), (0.3, 0.03)), 200, 1, 40, id="a few flip"),
    ],
)
def test_quiet_nights_at_length(rates: Rates, samples: int, models: int, histories: int) -> None:
    share = false_nights(rates, samples, models, histories, range(8, 61))
    print(f"{samples} samples x {models}: {share:.2%} of quiet nights name any")  # noqa: T201  the figures beside the bar
    assert share <= 0.05


@pytest.mark.nightly
@pytest.mark.parametrize(("samples", "models", "bars"), [(200, 1, (2, 3, 4, 6)), (100, 30, (2, 4, 6, 8))])
def test_nights_needed_at_length(samples: int, models: int, bars: Sequence[int]) -> None:
    for rate, bar in zip((0.0, 0.02, 0.1, 0.3), bars, strict=True):
        needed = nights_needed(rate, samples, models, 40)
        said = f"named after {np.median(needed):g} nights, at most {max(needed)}"
        print(f"{samples} x {models}, {rate:.0%} flips: {said}")  # noqa: T201  the figures beside the bar
        assert max(needed) <= bar
