"""One metric of a night against other runs."""

import dataclasses

import pytest

from evalkit.night_changes import Against, Reference, compare_with, median_night
from evalkit.past_runs import PastRun
from evalkit.quarantine_items import leave_out
from evalkit.stored_items import MetricItems
from tests.drifting import LOST, OK, Row, night

RIGHT, WRONG = ((1.0, OK),), ((0.0, OK),)


def answers(right: int, wrong: int, content: str = "") -> MetricItems:
    return night([Row(f"s{i}", RIGHT if i < right else WRONG, content) for i in range(right + wrong)])


def against(before: MetricItems, after: MetricItems) -> Against:
    return compare_with(Reference("the night before", "run-1", "2026-11-22", (before,)), after)


def past(day: int) -> PastRun:
    return PastRun(
        run_id=f"run-{day}",
        name="qa",
        night=f"2026-11-{day:02}",
        kind="nightly",
        started_at=f"2026-11-{day:02}T02:00:00+00:00",
        ended_at=None,
        status="complete",
        folder="reports/qa/run",
        plan_digest="p",
    )


@pytest.mark.parametrize(
    ("before", "after", "difference", "is_shown"),
    [((80, 20), (80, 20), 0.0, False), ((80, 20), (79, 21), -0.01, False), ((90, 10), (60, 40), -0.3, True)],
    ids=["nothing changed", "one flip", "a third fell"],
)
def test_what_is_shown_is_what_the_interval_leaves_no_doubt_of(
    before: tuple[int, int], after: tuple[int, int], difference: float, *, is_shown: bool
) -> None:
    found = against(answers(*before), answers(*after))
    assert found.paired is not None
    assert found.paired.difference == pytest.approx(difference)
    assert found.is_shown is is_shown


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        (answers(5, 5, content="another"), "only 0 of 10 samples pair"),
        (answers(5, 15), "only 10 of 20 samples pair"),
        (
            dataclasses.replace(answers(5, 5), measure={"digest": "other", "reducer": "majority"}),
            "measured differently",
        ),
        (dataclasses.replace(answers(5, 5), scorer="f1"), "it has no such metric"),
    ],
    ids=["other contents", "half of the samples", "another measure", "another scorer"],
)
def test_what_does_not_compare_is_refused_with_its_reason(before: MetricItems, refused: str) -> None:
    found = against(before, answers(5, 5))
    assert found.paired is None
    assert refused in found.refused
    assert not found.is_shown


@pytest.mark.parametrize(
    ("means", "chosen"),
    [([], None), ([0.5], "run-1"), ([0.1, 0.9, 0.5], "run-3"), ([0.1, 0.9], "run-2"), ([0.5, 0.5, 0.5], "run-2")],
    ids=["no night", "one", "three", "two: the upper one", "equal nights: by date"],
)
def test_the_median_night_is_a_night_that_was(means: list[float], chosen: str | None) -> None:
    found = median_night([(past(day), mean) for day, mean in enumerate(means, 1)])
    assert (None if found is None else found.run_id) == chosen


def test_what_tonight_sets_aside_is_set_aside_on_both() -> None:
    before = answers(80, 20)
    quarantined = frozenset(f"s{i}" for i in range(15))
    found = compare_with(
        Reference("the night before", "run-1", "2026-11-22", (before,)),
        leave_out(answers(80, 20), quarantined),
        without=quarantined,
    )
    assert found.paired is not None
    assert (found.paired.n, found.paired.difference) == (85, 0.0)


def test_a_night_without_a_score_is_held_against_nothing() -> None:
    lost = night([Row(f"s{i}", ((float("nan"), LOST),)) for i in range(100)])
    assert (against(lost, answers(80, 20)).paired, against(answers(80, 20), lost).paired) == (None, None)
    assert against(lost, answers(80, 20)).refused == "no sample has a score on both"
