"""The nights after something happened: what is still off stays in the headline, is told once, and ends when over."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.receiving import Receiver
from tests.cli.commands import CommandLine
from tests.end_to_end.nights import Nights, sections

pytestmark = pytest.mark.slow


@pytest.fixture
def nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return Nights(tmp_path, CommandLine(capsys))


def page(nights: Nights, day: int) -> str:
    return (nights.folder / f"reports/watch/nightly/2026-10-{day:02}.md").read_text(encoding="utf-8")


def said(err: str) -> str:
    """Return the word of a night's answer."""
    words = ("Quiet", "Moved", "Still down", "Settled down", "First night", "Not compared", "Changed")
    (found,) = [line.partition(":")[0] for line in err.splitlines() if line.partition(":")[0] in words]
    return found


def test_a_fall_is_said_every_night_until_it_is_back_and_told_once(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as hook:
        monkeypatch.setenv("HOOK", hook.url)
        told: list[list[tuple[str, str]]] = []
        words: list[str] = []
        for place, accuracy in enumerate([0.9, 0.9, 0.2, 0.2, 0.2, 0.9, 0.9]):
            alerts = {"alerts": [{"use": "webhook", "url_env": "HOOK"}]}
            ended, night = nights.night(place, sections(rows=100, accuracy=accuracy, seed=place, nightly=alerts))
            assert ended.code == 0, ended.err
            words.append(said(ended.err))
            bodies = [json.loads(got.body) for got in hook.got]
            told.append([(each["key"], each["title"].partition(" on ")[0].rpartition(" ")[0]) for each in bodies])
            hook.got.clear()
            if place == 3:
                assert night["metrics"][0]["standing"]["since"] == "2026-10-03"
    assert words == ["First night", "Quiet", "Moved", "Still down", "Still down", "Moved", "Quiet"]
    down, up = "moved qa.exact of m", "moved qa.exact of m for the better"
    first = "qa.exact of m went from"
    assert told == [[], [], [(down, first)], [], [], [(up, first)], []]
    assert "qa.exact of m is down since 2026-10-03: 2" in page(nights, 4)
    assert page(nights, 3).count("told on") == 0


def test_what_vanished_is_said(nights: Nights) -> None:
    two: dict[str, Any] = sections(evaluations=[{"name": "qa", "dataset": "qa"}, {"name": "qb", "dataset": "qa"}])
    nights.night(0, two)
    ended, night = nights.night(1, sections())
    assert said(ended.err) == "Changed"
    assert night["shifts"] == [{"text": "the evaluation qb is no longer measured", "worse": True}]
    assert "but the evaluation qb is no longer measured" in page(nights, 2)


def test_a_new_model_is_not_said_to_have_been_held_against_anything(nights: Nights) -> None:
    models = [{"id": "m", "provider": "script"}, {"id": "n", "provider": "script"}]
    nights.night(0, sections())
    nights.night(1, sections(models=models))
    assert "1 metric of 1 model was held against the nights before." in page(nights, 2)
    assert "Held against no night: qa.exact of n" in page(nights, 2)


def test_samples_that_are_gone_and_another_name_are_said(nights: Nights) -> None:
    nights.night(0, sections(rows=100))
    ended, night = nights.night(1, sections(rows=85))
    assert said(ended.err) == "Not compared"
    (shift,) = night["shifts"]
    assert shift["text"] == "the dataset of qa changed, from 100 to 85 samples (15 gone): drift starts anew"
    _, night = nights.night(2, sections(rows=85, name="other"))
    (shift,) = night["shifts"]
    assert shift["text"].startswith("the nights of watch, the last on 2026-10-02, measured the same")
