"""Joined journals: a union by call, an answer before a failure, never two answers to one call."""

from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.journal import Journal
from evalkit.merge import merge_journals
from evalkit.records import CallKey, Failure, FailureKind, Prediction, PredictionOutcome, Request, Sample

FAILED = Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.TRANSIENT, "no"))


async def journal_of(path: Path, answers: dict[str, str | None]) -> Path:
    """Write a journal that holds these answers by sample id; None is a failed call."""
    with Journal(path) as journal:
        journal.put_samples("qa", [Sample(sample_id, sample_id) for sample_id in "abcd"])
        for sample_id, text in answers.items():
            key = CallKey("r", sample_id)
            prediction = FAILED if text is None else Prediction(PredictionOutcome.OK, text)
            number = await journal.start_attempt(key, 0.0)
            journal.end_attempt(number, prediction, 1.0)
            await journal.put_call(Request("m", (), {}, Sample(sample_id, sample_id), key), prediction)
    return path


def texts(path: Path) -> dict[str, str | None]:
    with Journal(path) as journal:
        found = {sample_id: journal.last(CallKey("r", sample_id)) for sample_id in "abcd"}
    return {k: (p.text if p.failure is None else None) for k, p in found.items() if p is not None}


@pytest.mark.parametrize(
    ("parts", "union"),
    [
        ([{"a": "1"}, {"b": "2"}], {"a": "1", "b": "2"}),
        ([{"a": "1"}, {"a": "1", "c": "3"}], {"a": "1", "c": "3"}),
        ([{"a": None}, {"a": "1"}], {"a": "1"}),
        ([{"a": "1"}, {"a": None}], {"a": "1"}),
        ([{"a": None}, {"b": "2"}, {"a": None}], {"a": None, "b": "2"}),
    ],
    ids=["apart", "equal", "answer after failure", "failure after answer", "failures stay failures"],
)
async def test_union(tmp_path: Path, parts: list[dict[str, str | None]], union: dict[str, str | None]) -> None:
    paths = [await journal_of(tmp_path / f"{n}.sqlite", part) for n, part in enumerate(parts)]
    merge_journals(paths, tmp_path / "all.sqlite")
    assert texts(tmp_path / "all.sqlite") == union


async def test_unequal_answers_are_refused(tmp_path: Path) -> None:
    paths = [await journal_of(tmp_path / f"{text}.sqlite", {"a": text}) for text in ("yes", "no")]
    with pytest.raises(StoreError, match=r"no\.sqlite: another answer to sample 'a', trial 0"):
        merge_journals(paths, tmp_path / "all.sqlite")


async def test_a_shard_named_twice_is_refused(tmp_path: Path) -> None:
    path = await journal_of(tmp_path / "1.sqlite", {"a": "1"})
    with pytest.raises(StoreError, match="named twice"):
        merge_journals([path, path], tmp_path / "all.sqlite")


async def test_a_missing_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no journal there"):
        merge_journals([tmp_path / "none.sqlite"], tmp_path / "all.sqlite")
