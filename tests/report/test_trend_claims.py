"""What is said of a trend, and never more than that."""

import dataclasses
from typing import Any

import pytest

from evalkit.night_series import SeriesState
from evalkit.quarantine import SetAside
from evalkit.report.trend_claims import claim_alarm, claim_change, claim_trend
from evalkit.trend import ChangePoint
from evalkit.trend_figures import Unit
from tests.report.test_trend_terminal import trend
from tests.trending import night

MOVE = ChangePoint(direction="down", onset=11, alarm=14, before=0.8, after=0.7)
QUIET = "No drift is shown in these nights, which does not prove that there was none."
LEVEL = f"80.0% on {night(19)} (75.0 to 85.0%, 100 samples); 20 nights since {night(0)}"


def _said(**changes: Any) -> list[str]:
    return list(
        claim_trend(dataclasses.replace(trend([0.8] * 20), **{"state": SeriesState.STEADY, "learned": 20, **changes}))
    )


def test_the_newest_level_comes_first_and_quiet_is_not_proof() -> None:
    assert _said() == [f"{LEVEL}.", QUIET]


def test_a_move_is_told_with_its_onset_and_no_quiet_beside_it() -> None:
    told = f"It moved down after {night(11)} (told on {night(14)}), from 80.0% to 70.0% on average."
    learning = "The drift rule is learning: it has seen 8 of the 10 nights it needs since it last began anew."
    assert _said(changes=(MOVE,), state=SeriesState.MOVED, learned=8) == [f"{LEVEL}.", told, learning]
    assert _said(changes=(MOVE,)) == [f"{LEVEL}.", told]


def test_the_night_that_told_is_not_named_on_itself() -> None:
    told = claim_change(trend([0.8] * 15), MOVE, tonight=night(14))
    assert told == f"moved down after {night(11)}, from 80.0% to 70.0% on average"


def test_a_move_before_the_window_is_not_told_in_it() -> None:
    said = _said(changes=(MOVE,), shown=16)
    assert said == [f"{LEVEL}; the newest 4 of 20 are shown.", QUIET]


def test_a_move_from_the_first_night() -> None:
    early = dataclasses.replace(MOVE, onset=-1, alarm=0, before=None)
    said = _said(changes=(early,))
    assert said[1] == f"It moved down before {night(0)} (told on {night(0)})."


@pytest.mark.parametrize("learned", [0, 9])
def test_before_ten_nights_it_is_learning(learned: int) -> None:
    assert f"it has seen {learned} of the 10 nights it needs" in _said(learned=learned, state=SeriesState.LEARNING)[1]


def test_what_is_left_out_is_told_with_and_without() -> None:
    aside = SetAside(ids=frozenset({"a", "b", "c"}), total=100, until="2026-12-20", unknown=(), expired=("d",))
    points = trend([0.8] * 20).points
    points = (*points[:-1], dataclasses.replace(points[-1], without=0.82))
    said = _said(points=points, aside=aside)
    assert said[2:] == [
        "3 of 100 samples, 3.0 % of the weight, are quarantined until 2026-12-20.",
        "The quarantine of 'd' has expired: counted again.",
        (
            f"Without quarantined samples it would be 82.0% on {night(19)}; "
            "the levels here hold them, what is said of drift does not."
        ),
    ]


def test_a_figure_claims_nothing() -> None:
    points = tuple(dataclasses.replace(each, lower=None, upper=None) for each in trend([0.5] * 3).points)
    said = _said(points=points, unit=Unit.USD, state=None)
    assert said == [
        f"$0.500 on {night(2)}; 3 nights since {night(0)}.",
        "A fact of each run, without an interval; the drift rule watches scores only.",
    ]


def test_an_empty_window_says_so() -> None:
    assert _said(shown=20) == [f"No night in the span asked for; the last of 20 nights is {night(19)}."]


def test_how_much_an_alarm_takes_beside_other_metrics() -> None:
    said = claim_alarm(20)
    assert "watches 20 metrics side by side: an alarm takes h = 8.35 instead of 5.35" in said
