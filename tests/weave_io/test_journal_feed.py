"""Rows come as they are written; what an earlier try left behind is not taken for the answer."""

import asyncio
from pathlib import Path

import pytest

from evalkit.journal import Journal
from evalkit.journal_reader import JournalReader
from evalkit.records import CallKey, PredictionOutcome, SampleResult, Score, ScoreOutcome
from evalkit.store import encode_cell
from evalkit.weave_io.journal_feed import JournalFeed
from tests.weave_io.run_folders import RunSpec, answered, failed

CELL = "qa/Model A"
SPEC = RunSpec()


def result(sample: int, *, ok: bool = True) -> SampleResult:
    score = Score(1.0) if ok else Score(None, outcome=ScoreOutcome.INFRA_ERROR)
    key = CallKey(f"r{sample}", f"s{sample:05d}")
    return SampleResult(CELL, key.sample_id, 0, answered() if ok else failed(), {"exact": score}, key)


def put(journal: Journal, sample: int, *, ok: bool = True) -> None:
    journal.put_result(result(sample, ok=ok), sample)
    journal.flush()


def end(journal: Journal) -> None:
    journal.put_cell(CELL, encode_cell(SPEC.aggregate(*SPEC.cells[0])))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Journal(tmp_path / "calls.sqlite").close()
    return tmp_path / "calls.sqlite"


def feed_of(path: Path, **wanted: frozenset[str]) -> JournalFeed:
    return JournalFeed(JournalReader(path), [CELL], {CELL: wanted["only"]} if wanted else {})


async def test_a_row_is_waited_for(path: Path) -> None:
    feed = feed_of(path)
    following = asyncio.create_task(feed.follow())
    waiting = asyncio.create_task(feed.row(CELL, "s00001", 0))
    await asyncio.sleep(0.12)
    assert not waiting.done()
    with Journal(path) as journal:
        put(journal, 1)
        assert (await waiting) is not None
        end(journal)
        await following
    assert feed.ended(CELL) == await feed.aggregate(CELL)


async def test_a_missing_row_is_none_once_the_cell_has_ended(path: Path) -> None:
    feed = feed_of(path)
    waiting = asyncio.create_task(feed.row(CELL, "s00001", 0))
    with Journal(path) as journal:
        end(journal)
    await feed.follow()
    assert await waiting is None
    assert await feed.row(CELL, "s00002", 0) is None


async def test_a_failure_counts_only_once_the_cell_has_ended(path: Path) -> None:
    """A continued run asks it again: the row that an earlier try left must not be shown."""
    feed = feed_of(path)
    following = asyncio.create_task(feed.follow())
    with Journal(path) as journal:
        put(journal, 1, ok=False)
        put(journal, 2, ok=False)
        waiting = asyncio.create_task(feed.row(CELL, "s00001", 0))
        await asyncio.sleep(0.12)
        assert not waiting.done()
        put(journal, 1)
        assert (found := await waiting) is not None
        assert found.result.scores["exact"].value == 1.0
        end(journal)
    await following
    lost = await feed.row(CELL, "s00002", 0)
    assert lost is not None
    assert lost.result.prediction.outcome is PredictionOutcome.INFRA_ERROR


async def test_a_row_written_again_is_read_as_it_stands(path: Path) -> None:
    feed = feed_of(path)
    following = asyncio.create_task(feed.follow())
    with Journal(path) as journal:
        put(journal, 1)
        await asyncio.sleep(0.12)
        put(journal, 2)
        put(journal, 1)
        assert (found := await feed.row(CELL, "s00001", 0)) is not None
        assert found.result.sample_id == "s00001"
        end(journal)
    await following


async def test_nothing_is_handed_out_after_hold(path: Path) -> None:
    feed = feed_of(path)
    with Journal(path) as journal:
        put(journal, 1)
        end(journal)
    await feed.follow()
    feed.hold()
    waiting = asyncio.create_task(feed.row(CELL, "s00001", 0))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
