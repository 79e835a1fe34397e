"""Where a series starts anew, in words, and what happened between nights."""

from typing import Any

import pytest

from evalkit.past_runs import PastEvent
from evalkit.trend_marks import find_breaks, find_marks
from tests.trending import SETTING, past_metric, past_run


def _other(**setting: Any) -> dict[str, Any]:
    return {"series": "two", "setting": {**SETTING, **setting}}


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        pytest.param(_other(dataset="e" * 32), ("dataset dddddddd → eeeeeeee",), id="dataset"),
        pytest.param(_other(params={"temperature": 0.7}), ("params.temperature 0 → 0.7",), id="one parameter"),
        pytest.param(_other(system="Be brief."), ("system none → Be brief.",), id="system"),
        pytest.param(_other(judge="j" * 32), ("judge none → jjjjjjjj",), id="a part that was not there"),
        pytest.param(
            _other(dataset="e" * 32) | {"samples": 210}, ("dataset dddddddd → eeeeeeee", "200 → 210 samples"), id="size"
        ),
        pytest.param(_other(), ("setting",), id="nothing that is named"),
    ],
)
def test_a_new_setting_is_told_part_by_part(after: dict[str, Any], changes: tuple[str, ...]) -> None:
    (found,) = find_breaks([past_metric(0), past_metric(1), past_metric(2, **after), past_metric(3, **after)])
    assert (found.place, found.changes) == (2, changes)


def test_only_the_parts_asked_for_make_a_break() -> None:
    points = [
        past_metric(0),
        past_metric(1, **_other(judge="j")),
        past_metric(2, **_other(judge="j", prompt="q") | {"series": "3"}),
    ]
    (found,) = find_breaks(points, frozenset({"prompt"}))
    assert found.place == 2


def test_events_stand_before_the_first_run_after_them() -> None:
    points = [past_metric(place) for place in range(4)]
    events = [
        PastEvent(name="nightly", at="2026-09-02T09:00:00+00:00", kind="baseline", text="v1"),
        PastEvent(name="nightly", at="2026-09-02", kind="release", text="of that day"),
        PastEvent(name="nightly", at="2026-08-01T00:00:00+00:00", kind="release", text="long ago"),
        PastEvent(name="nightly", at="2026-09-09T00:00:00+00:00", kind="release", text="not seen yet"),
    ]
    assert [(mark.place, mark.text) for mark in find_marks(points, events)] == [
        (0, "long ago"),
        (1, "of that day"),
        (2, "v1"),
    ]


def test_times_of_other_zones_are_compared_as_times() -> None:
    points = [past_metric(place) for place in range(3)]
    late = PastEvent(name="nightly", at="2026-09-02T23:30:00-04:00", kind="release", text="r")
    assert [mark.place for mark in find_marks(points, [late])] == []
    early = PastEvent(name="nightly", at="2026-09-02T04:30:00+04:00", kind="release", text="r")
    assert [mark.place for mark in find_marks(points, [early])] == [1]


def test_another_served_model_is_a_mark_and_a_silent_night_is_not() -> None:
    served = [("m-1",), (), ("m-1",), ("m-2",), ("m-2", "m-3")]
    points = [past_metric(place, served_models=names) for place, names in enumerate(served)]
    assert [(mark.place, mark.kind, mark.text) for mark in find_marks(points, [])] == [
        (3, "served", "served model m-1 → m-2"),
        (4, "served", "served model m-2 → m-2, m-3"),
    ]


def test_one_night_has_no_break() -> None:
    assert find_breaks([past_metric(0)]) == ()
    assert find_marks([past_metric(0, run=past_run(0))], []) == ()
