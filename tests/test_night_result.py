"""What counts as news of a night: a drift that an earlier night told as a jump is none."""

import dataclasses

import pytest

from evalkit.drift_parts import Cause
from evalkit.drift_split import split_change
from evalkit.errors import ExitCode
from evalkit.night_moves import StandingMove
from evalkit.night_result import MetricNight, NightResult, NightState
from evalkit.report.night_claims import claim_night
from evalkit.stats.paired import paired_difference
from evalkit.stats.pairing import Pairing
from evalkit.trend import ChangePoint
from tests.drifting import OK, Row
from tests.drifting import night as drifted
from tests.report.test_trend_terminal import trend
from tests.trending import night, past_metric

DRIFT = ChangePoint(direction="down", onset=13, alarm=16, before=0.9, after=0.2)
FELL = paired_difference(Pairing([-1.0] * 70 + [0.0] * 30, is_binary=True), confidence=0.95)


def metric(standing: StandingMove | None, drift: ChangePoint | None = DRIFT) -> MetricNight:
    levels = [0.9] * 14 + [0.2] * 3
    return MetricNight(
        tonight=past_metric(16),
        against=(),
        trend=dataclasses.replace(trend(levels), changes=() if drift is None else (drift,)),
        split=None,
        since=night(13),
        standing=standing,
    )


def standing(place: int, *, is_settled: bool = False) -> StandingMove:
    return StandingMove(since=night(place), nights=17 - place, before=0.9, now=0.2, change=FELL, is_settled=is_settled)


@pytest.mark.parametrize(
    ("told", "has_moved"),
    [(None, True), (standing(14), False), (standing(12), False), (standing(4), True)],
    ids=["nothing was told", "told as a jump", "its onset is not exact", "a fall after an earlier one"],
)
def test_a_drift_is_news_once(told: StandingMove | None, *, has_moved: bool) -> None:
    assert metric(told).has_moved is has_moved


def answer(*metrics: MetricNight) -> tuple[str, str]:
    made = NightResult(
        name="watch", night=night(16), state=NightState.RAN, exit_code=ExitCode.DONE, metrics=tuple(metrics)
    )
    return claim_night(made)[1:3]


def test_what_stands_is_the_headline_of_a_night_without_news() -> None:
    said = f"qa.exact of Model A is down since {night(14)}: 20.0% on average, before 90.0% (\N{MINUS SIGN}70.0, "
    word, headline = answer(metric(standing(14), None))
    assert word == "Still down"
    assert headline.startswith(said)
    word, headline = answer(metric(standing(4, is_settled=True), None))
    assert word == "Settled down"
    assert headline.endswith("and the drift rule has learnt this as the usual level.")
    word, headline = answer(metric(standing(4, is_settled=True), None), metric(standing(14), None))
    assert word == "Still down"


def test_news_comes_before_what_stands() -> None:
    word, headline = answer(metric(standing(14), None), metric(None))
    assert word == "Moved"
    assert headline == f"qa.exact of Model A moved down after {night(13)}, from 90.0% to 20.0% on average."


def test_samples_that_hide_a_fall_do_not_make_it_one_for_the_better() -> None:
    """The model lost a third of its answers; easy samples that were added more than make up for it in the mean."""
    rows = [Row(f"s{i}", [(1.0, OK)]) for i in range(60)] + [Row(f"w{i}", [(0.0, OK)]) for i in range(60)]
    fell = [Row(f"s{i}", [(float(i >= 30), OK)]) for i in range(60)] + rows[60:]
    split = split_change(drifted(rows), drifted(fell + [Row(f"e{i}", [(1.0, OK)]) for i in range(300)]))
    assert split.total is not None
    assert split.total > 0.0
    assert {part.cause for part in split.named} == {Cause.SAMPLES, Cause.MODEL}
    assert dataclasses.replace(metric(None, None), split=split).is_worse
