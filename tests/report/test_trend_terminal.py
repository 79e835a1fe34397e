"""The chart of characters: as wide as it may be, in either alphabet."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.trend_terminal import ASCII, UNICODE, chart_lines
from evalkit.trend import ChangePoint, Trend, TrendPoint
from evalkit.trend_figures import Unit
from evalkit.trend_marks import TrendBreak, TrendMark
from tests.trending import night


def trend(values: Sequence[float | None], **changes: Any) -> Trend:
    points = tuple(
        TrendPoint(
            night=night(place),
            run_id=f"run-{place}",
            folder="/runs",
            kind="nightly",
            value=value,
            lower=None if value is None else max(0.0, value - 0.05),
            upper=None if value is None else min(1.0, value + 0.05),
            n=100,
            samples=100,
        )
        for place, value in enumerate(values)
    )
    made = Trend(
        name="nightly",
        metric="qa.exact",
        model="a",
        unit=Unit.SHARE,
        higher_is_better=True,
        confidence=0.95,
        points=points,
    )
    return dataclasses.replace(made, **changes)


def test_a_small_chart() -> None:
    change = ChangePoint(direction="down", onset=3, alarm=5, before=0.8, after=0.6)
    marked = trend(
        [0.8, 0.8, 0.8, 0.8, 0.6, 0.6],
        changes=(change,),
        breaks=(TrendBreak(2, ("dataset",)),),
        marks=(TrendMark(1, night(1), "release", "2.0"),),
    )
    assert chart_lines(marked, 40) == [
        "    │ │   │   │   │",
        "    │ │   │   │   │",
        "80% ┤ ●   ●   ●   ●",
        "    │ │   │   │   │",
        "70% ┤         ┊",
        "    │         ┊       │   │",
        "60% ┤         ┊       ●   ●",
        "    │         ┊       │   │",
        "    │         ┊       │   │",
        "    └─────────────────────────",
        "          ◆           ▼",
        "      2026-09-01 2026-09-06",
        "      ◆ something happened before that night",
        "      ▼ moved down from that night on",
        "      ┊ the series starts anew",
    ]
    assert len(chart_lines(marked, 120)) == 13


@given(
    st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=120),
    st.integers(20, 200),
    st.sampled_from(["share", "usd", "s", "tokens"]),
)
def test_no_line_of_a_chart_is_wider_than_the_window(values: list[float | None], width: int, unit: str) -> None:
    lines = chart_lines(trend(values, unit=Unit(unit)), width)
    chart = lines[:10] if len(lines) > 1 else []
    assert all(len(line) <= max(width, 24) for line in chart)


def test_the_newest_nights_are_kept_and_the_others_told() -> None:
    lines = chart_lines(trend([0.5] * 100), 60)
    assert lines[-2].split()[-1] == night(99)
    shown = lines[4].count(UNICODE.dot)
    assert 40 < shown < 60
    assert f"{100 - shown} earlier nights do not fit here; --html has all" in lines[-1]


def test_a_window_that_is_shown_whole_hides_nothing() -> None:
    assert "do not fit" not in "".join(chart_lines(trend([0.5] * 100, shown=90), 80))


def test_plain_letters_where_no_others_can_be_shown() -> None:
    text = "".join(chart_lines(trend([0.5, 0.7], breaks=(TrendBreak(1, ("dataset",)),)), 60, ASCII))
    assert text.isascii()


@pytest.mark.parametrize("values", [[None], [None, None]], ids=str)
def test_nothing_measured_is_a_sentence(values: list[None]) -> None:
    assert chart_lines(trend(values), 80) == ["nothing was measured in these nights"]
