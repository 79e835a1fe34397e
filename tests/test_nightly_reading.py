"""What a night reads from history: where a slow change comes from, over as many nights as were alike."""

import random
from pathlib import Path

import pytest

from evalkit.history import History
from evalkit.nightly_reading import NightReader
from evalkit.quarantine import Quarantine
from tests.night_runs import Outcomes, make_nights

ONSET, ALARM = 12, 20
"""The last night before the fall; the night on which the fall, of six answers in a hundred, is found."""


def slow_fall(size: int = 60) -> Outcomes:
    """One sample of three wavers; after the onset every one is now and then missed."""
    dice = random.Random(0)
    answers: dict[str, str] = {}
    for place in range(size):
        right = 0.5 + 0.5 * dice.random() if place % 3 == 0 else 1.0
        answers[f"s{place:02}"] = "".join(
            "1" if dice.random() < right * (0.94 if night > ONSET else 1.0) else "0" for night in range(24)
        )
    return {"m": answers}


@pytest.mark.slow
def test_a_slow_fall_is_split_over_seven_nights_on_either_side_of_its_onset(tmp_path: Path) -> None:
    runs = make_nights(tmp_path, slow_fall(), places=range(ALARM + 1))
    with History(tmp_path / ".evalkit" / "history.sqlite") as history:
        metric = NightReader(history, runs[-1], Quarantine(), None, lambda *_: None).metrics()[0]
        means = [point.mean or 0.0 for point in history.series("nightly")[0].points]
    assert [(change.onset, change.alarm) for change in metric.trend.changes] == [(ONSET, ALARM)]
    assert metric.split is not None
    assert (metric.since, metric.split.nights) == (runs[ONSET].night, 7)
    before, after = (sum(means[end - 6 : end + 1]) / 7 for end in (ONSET, ALARM))
    assert metric.split.total == pytest.approx(after - before, abs=1e-12)
    assert metric.split.named
