"""Answers of two nights, read from the folders that are still there, and where Weave has them."""

import dataclasses
from pathlib import Path

import pytest

from evalkit.flip_ledger import FlipLedger, SampleState, make_ledger
from evalkit.report.flip_answers import read_then_and_now
from evalkit.report.flip_sections import build_ledger
from evalkit.report.inline import PageLink
from evalkit.report.run_pages import RunPages
from evalkit.store import RunFolder
from tests.trending import by_sample, past_metric, past_run, past_series
from tests.weave_io.run_folders import RunSpec, make_run_folder

NIGHTS = 9
CALLS = {"qa/Model A": "0198-call"}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run of six samples, of which Model A has every other right."""
    return make_run_folder(tmp_path, RunSpec())


def _ledger(folder: Path, nights: dict[str, str]) -> FlipLedger:
    points = [past_metric(place, run=past_run(place, folder=str(folder))) for place in range(NIGHTS)]
    return make_ledger(past_series(points), by_sample(nights))


def _publish(folder: RunFolder, **weave: object) -> None:
    run = folder.load()
    folder.save(dataclasses.replace(run, weave={"project": "team/my project", "calls": CALLS, **weave}))


def test_both_answers_are_read_with_the_question(folder: RunFolder) -> None:
    ledger = _ledger(folder.path, {"s00001": "111111100", "s00003": "111111110"})
    failing, first = read_then_and_now(ledger, ledger.of(SampleState.NEW_FAILURE, SampleState.FAILING))
    assert (failing.question, failing.target) == ("What is 1 + 1?", "2")
    assert (failing.then.night, failing.now.night) == (ledger.points[6].run.night, ledger.points[8].run.night)
    assert (failing.then.score, failing.now.score) == (1.0, 0.0)
    assert failing.now.answer is not None
    assert failing.now.answer.text == "answer 1"
    assert first.then.night == ledger.points[7].run.night


def test_samples_that_never_changed_are_passed_over(folder: RunFolder) -> None:
    ledger = _ledger(folder.path, {"s00001": "111111111", "s00002": "........."})
    assert read_then_and_now(ledger, ledger.samples) == ()


def test_a_sample_that_the_folder_does_not_have_is_told(folder: RunFolder) -> None:
    ledger = _ledger(folder.path, {"elsewhere": "111111100"})
    (found,) = read_then_and_now(ledger, ledger.samples)
    assert (found.question, found.now.answer) == ("", None)
    assert found.now.missing == "the run folder has no answer to it"


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path, {"s00001": "111111100"})
    (found,) = read_then_and_now(ledger, ledger.samples)
    assert str(tmp_path) in found.then.missing
    (gone,) = read_then_and_now(_ledger(tmp_path / "none", {"s00001": "111111100"}), ledger.samples)
    assert gone.then.missing.startswith("the run folder is gone: ")


@pytest.mark.parametrize(
    ("backend", "page"),
    [
        pytest.param("wandb", "https://wandb.ai/team/my%20project/r/call/0198-call", id="W&B has a page"),
        pytest.param("local", None, id="the embedded store has none"),
    ],
)
def test_weave_has_the_call_of_each_night(folder: RunFolder, backend: str, page: str | None) -> None:
    _publish(folder, backend=backend)
    ledger = _ledger(folder.path, {"s00001": "111111100"})
    (found,) = read_then_and_now(ledger, ledger.samples)
    assert found.now.call is not None
    assert (found.now.call.reference, found.now.call.page) == ("weave:///team/my project/call/0198-call", page)
    assert found.now.describe()["weave_page"] == page


def test_the_page_leads_to_the_sample_in_both_reports_and_to_weave(folder: RunFolder) -> None:
    _publish(folder, backend="wandb")
    ledger = _ledger(folder.path, {"s00001": "111111100"})
    shown = read_then_and_now(ledger, ledger.samples)
    pages = RunPages(folder.path.parent, {ledger.points[6].run.run_id: "folder gone"})
    section = build_ledger(ledger, shown, id="flips-1", title="Model A", pages=pages)
    links = [part for block in section.blocks for part in getattr(block, "parts", ()) if isinstance(part, PageLink)]
    assert [link.href for link in links] == [
        "https://wandb.ai/team/my%20project/r/call/0198-call",
        f"{folder.path.name}/report.html#samples?id=s00001",
        "https://wandb.ai/team/my%20project/r/call/0198-call",
    ]
