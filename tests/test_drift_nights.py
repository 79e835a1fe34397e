"""Nights pooled as the trials of one: the same parts, with less of re-run noise in them."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.drift_nights import pool_nights
from evalkit.drift_parts import Cause, ChangeSplit
from evalkit.drift_split import split_change
from evalkit.stored_items import MetricItems
from tests.drifting import CUT, LOST, OK, Nature, Row, night, plain


@st.composite
def spans(draw: st.DrawFn) -> tuple[list[MetricItems], list[MetricItems]]:
    """As many nights before as after, of the same samples; cut answers, but none lost."""
    size, repeats, nights = draw(st.integers(1, 8)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    trial = st.sampled_from([(0.0, OK), (1.0, OK), (0.0, CUT)])

    def one() -> MetricItems:
        rows = st.lists(st.lists(trial, min_size=repeats, max_size=repeats), min_size=size, max_size=size)
        return night([Row(f"s{place}", trials) for place, trials in enumerate(draw(rows))])

    return [one() for _ in range(nights)], [one() for _ in range(nights)]


@given(spans())
def test_the_parts_of_pooled_nights_are_the_means_of_their_parts(
    drawn: tuple[list[MetricItems], list[MetricItems]],
) -> None:
    before, after = drawn
    whole = split_change(pool_nights(before), pool_nights(after))
    single = [split_change(*pair) for pair in zip(before, after, strict=True)]
    assert abs(whole.residual) < 1e-12
    for place, part in enumerate(whole.parts):
        estimates = [each.parts[place].estimate for each in single]
        assert part.estimate == pytest.approx(math.fsum(estimates) / len(estimates), abs=1e-12)


def test_the_trials_of_all_nights_stand_beside_each_other() -> None:
    first = night([Row("a", [(1.0, OK), (0.0, CUT)]), Row("b", [(0.0, OK), (0.0, OK)])])
    second = night([Row("a", [(1.0, OK), (1.0, OK)]), Row("b", [(math.nan, LOST), (math.nan, LOST)])])
    both = pool_nights([first, second])
    assert (both.trials, both.repeats, list(both.values)) == (4, 4, [0.75, 0.0])
    assert list(both.rows[:4]) == [1.0, 0.0, 1.0, 1.0]
    assert list(both.rows[4:6]) == [0.0, 0.0]
    assert [both.prediction(0, trial).value for trial in range(4)] == ["ok", "truncated", "ok", "ok"]
    assert [both.prediction(1, trial).value for trial in range(4)] == ["ok", "ok", "infra_error", "infra_error"]


def test_one_night_is_itself() -> None:
    one = plain([1.0, 0.0])
    assert pool_nights([one]) is one


def test_without_single_trials_on_every_night_there_are_none() -> None:
    nights = [night([Row("a", [(1.0, OK), (0.0, OK)])], keeps_rows=keeps) for keeps in (True, False)]
    both = pool_nights(nights)
    assert (len(both.rows), both.repeats, list(both.values)) == (0, 4, [0.5])


@pytest.mark.parametrize(
    "others", [[], [plain([1.0]), plain([1.0, 0.0])], [plain([1.0]), night([Row("s0", [(1.0, OK), (1.0, OK)])])]]
)
def test_other_samples_or_other_trials_are_not_one(others: list[MetricItems]) -> None:
    with pytest.raises(ValueError, match=r"no nights|not one"):
        pool_nights(others)


def slow_fall(dice: random.Random, nights: int) -> ChangeSplit:
    """Split a fall of four points in 200 samples, over so many nights on either side."""
    nature = Nature.draw(dice, 200)
    before = [plain(nature.answers(dice)) for _ in range(nights)]
    after = [plain(nature.answers(dice, loss=0.05)) for _ in range(nights)]
    return split_change(pool_nights(before), pool_nights(after))


def test_what_one_night_cannot_tell_seven_can() -> None:
    """Of 100 slow falls, how many are named: a quarter from single nights, nearly all from seven on either side."""
    named = {
        nights: sum(bool(slow_fall(random.Random(seed), nights).part(Cause.MODEL).is_named) for seed in range(100))  # type: ignore[union-attr]
        for nights in (1, 7)
    }
    assert named[1] <= 40
    assert named[7] >= 88


def test_quiet_nights_have_no_cause() -> None:
    """At 95 % confidence, Holm over the parts: at most one in twenty, give or take (seeds fixed)."""
    found = 0
    for seed in range(100):
        dice = random.Random(seed)
        nature = Nature.draw(dice, 200)
        sides = [pool_nights([plain(nature.answers(dice)) for _ in range(7)]) for _ in range(2)]
        found += bool(split_change(*sides).named)
    assert found <= 11
