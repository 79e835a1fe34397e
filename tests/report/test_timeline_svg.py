"""The drawing of a timeline: what is drawn, where lines stop, what leads where."""

import re
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.timeline import Timeline, TimelineMark, TimelinePoint
from evalkit.report.timeline_svg import draw_timeline

DAY = date(2026, 9, 1).toordinal()


def point(place: int, value: float | None = 0.8, **changes: Any) -> TimelinePoint:
    fields: dict[str, Any] = {
        "day": DAY + place,
        "night": date.fromordinal(DAY + place).isoformat(),
        "value": value,
        "lower": None if value is None else value - 0.05,
        "upper": None if value is None else value + 0.05,
        "says": f"night {place}",
        "href": f"../run-{place}/report.html",
    }
    return TimelinePoint(**{**fields, **changes})


def timeline(*points: TimelinePoint, marks: tuple[TimelineMark, ...] = (), **changes: Any) -> Timeline:
    fields: dict[str, Any] = {"unit": "share", "description": "qa.exact of A", "caption": ""}
    return Timeline(points=points, marks=marks, **{**fields, **changes})


def drawn(chart: Timeline) -> tuple[ET.Element, ET.Element]:
    wide, narrow = draw_timeline(chart)
    return ET.fromstring(wide), ET.fromstring(narrow)


def path(tree: ET.Element, style: str) -> str:
    return next(each.attrib["d"] for each in tree.iter("path") if each.get("class") == style)


def test_both_widths_say_the_same_and_each_dot_leads_to_its_run() -> None:
    for tree, name, width in zip(drawn(timeline(*map(point, range(5)))), ("wide", "narrow"), (760, 328), strict=True):
        assert tree.get("class") == f"{name} timeline"
        assert tree.attrib["viewBox"].startswith(f"0 0 {width} ")
        assert (tree.get("role"), tree.get("aria-label")) == ("group", "qa.exact of A")
        links = list(tree.iter("a"))
        assert [link.get("href") for link in links] == [f"../run-{n}/report.html" for n in range(5)]
        assert [link.get("aria-label") for link in links] == [f"night {n}" for n in range(5)]


def test_the_line_stops_where_a_series_begins_and_where_nothing_was_measured() -> None:
    points = [point(0), point(1), point(2, begins=True), point(3), point(4, None), point(5)]
    run = path(drawn(timeline(*points))[0], "run")
    assert re.sub(r"[\d. ]", "", run) == "MLMLM"


def test_the_page_rules_the_colours() -> None:
    marks = tuple(TimelineMark(DAY + 1.5, kind, "x") for kind in ("moved", "setting", "event"))
    for text in draw_timeline(timeline(*map(point, range(4)), marks=marks)):
        assert not re.search(r"\b(fill|stroke|style|color)=", text)


def test_hostile_texts_are_texts() -> None:
    evil = '"><script>alert(1)</script>\u202e\x00'
    chart = timeline(point(0, says=evil), point(1), marks=(TimelineMark(DAY + 1, "event", evil),), description=evil)
    for text in draw_timeline(chart):
        assert "<script" not in text
        assert "\x00" not in text
        assert "U+202E" in text


def test_many_nights_are_a_band_and_dots_that_lead_nowhere() -> None:
    wide, _ = drawn(timeline(*map(point, range(1000))))
    assert not list(wide.iter("a"))
    assert path(wide, "dots").count("M") == 1000
    assert path(wide, "band").endswith("Z")
    assert len(ET.tostring(wide)) < 150_000


def test_a_band_does_not_cross_into_another_series() -> None:
    points = [point(n, begins=n == 500) for n in range(1000)]
    wide, _ = drawn(timeline(*points))
    assert sum(each.get("class") == "band" for each in wide.iter("path")) == 2


def test_marks_stand_between_nights_with_their_labels_apart() -> None:
    marks = (
        TimelineMark(DAY + 3.5, "moved", "moved down"),
        TimelineMark(DAY + 3.6, "event", "release: 2.4.0"),
        TimelineMark(DAY + 9, "setting", "new setting"),
    )
    wide, narrow = drawn(timeline(*map(point, range(10)), marks=marks))
    for tree in (wide, narrow):
        labels = [each for each in tree.iter("text") if "k-" in each.get("class", "")]
        assert [each.text for each in labels] == ["moved down", "release: 2.4.0", "new setting"]
        assert labels[0].get("y") != labels[1].get("y")
        assert {each.get("class") for each in tree.iter("line")} >= {"k-moved", "k-event", "k-setting"}


@pytest.mark.parametrize("unit", ["share", "usd", "s", "tokens"])
@pytest.mark.parametrize("values", [[], [None], [0.0], [1.0], [0.5, None, 0.5]], ids=str)
def test_any_few_nights_can_be_drawn(values: list[float | None], unit: str) -> None:
    points = [point(n, value, lower=None, upper=None) for n, value in enumerate(values)] or [point(0, None)]
    for tree in drawn(timeline(*points, unit=unit)):
        assert "nan" not in ET.tostring(tree, encoding="unicode").lower()


@given(
    st.lists(st.tuples(st.integers(0, 400), st.none() | st.floats(0, 1)), min_size=1, max_size=40),
    st.lists(st.tuples(st.floats(0, 400), st.text(max_size=30)), max_size=6),
)
def test_everything_stays_inside_the_picture(
    nights: list[tuple[int, float | None]], marks: list[tuple[float, str]]
) -> None:
    points = [point(at, value) for at, value in sorted(nights, key=lambda night: night[0])]
    first, last = points[0].day, points[-1].day
    inside = tuple(TimelineMark(min(last, max(first, DAY + at)), "event", label) for at, label in marks)
    for tree in drawn(timeline(*points, marks=inside)):
        width, height = (float(size) for size in tree.attrib["viewBox"].split()[2:])
        for name, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("cy", height)):
            assert all(-0.1 <= float(each.attrib[name]) <= most + 0.1 for each in tree.iter() if name in each.attrib)
