"""What the requests of a run came to, read back from its journal, older journals included."""

import sqlite3
from pathlib import Path

import pytest

from evalkit.journal import Journal
from evalkit.journal_reader import JournalReader
from evalkit.journal_schema import ATTEMPT_COLUMNS, attempt_columns
from evalkit.merge import merge_journals
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Usage,
)
from evalkit.spending import Account, Caller
from evalkit.tokens import Tokens

KEY = CallKey("r", "s")
GUESS = Tokens(20, 100)


def answer(prompt: int | None, completion: int | None) -> Prediction:
    return Prediction(PredictionOutcome.OK, "x", usage=Usage(prompt, completion))


def failed(status: int | None, *, is_sent: bool = True) -> Prediction:
    failure = Failure(FailureKind.TRANSIENT, "no", status, is_sent=is_sent)
    return Prediction(PredictionOutcome.INFRA_ERROR, failure=failure)


async def attempt(journal: Journal, ended: Prediction | None, model: str = "m") -> None:
    number = await journal.start_attempt(KEY, 1.0, provider="p", model=model, guess=GUESS)
    if ended is not None:
        journal.end_attempt(number, ended, 2.0)


def accounts(path: Path) -> dict[Caller, Account]:
    with JournalReader(path) as reader:
        return reader.accounts()


@pytest.mark.parametrize(
    ("ended", "account"),
    [
        (answer(10, 5), Account(1, 10, 5)),
        (answer(None, 5), Account(1, 0, 5, 20, 0, 1)),
        (Prediction(PredictionOutcome.OK, "x"), Account(1, 0, 0, 20, 100, 1)),
        (failed(503), Account(1)),
        (failed(None), Account(1, 0, 0, 20, 100, 1)),
        (failed(200), Account(1, 0, 0, 20, 100, 1)),
        (failed(None, is_sent=False), Account(1)),
        (None, Account(1, 0, 0, 20, 100, 1)),
    ],
    ids=["answer", "half a usage", "no usage", "503", "lost", "malformed", "no connection", "killed"],
)
async def test_what_one_request_came_to(tmp_path: Path, ended: Prediction | None, account: Account) -> None:
    """The journal says of every ended request what the budget said when it ended."""
    path = tmp_path / "calls.sqlite"
    with Journal(path) as journal:
        await attempt(journal, ended)
    assert accounts(path) == {("p", "m"): account}


async def test_sums_are_by_provider_and_model(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with Journal(path) as journal:
        for ended in (answer(10, 5), answer(1, 1), failed(500), None):
            await attempt(journal, ended)
        await attempt(journal, answer(7, 7), "other")
    assert accounts(path) == {("p", "m"): Account(4, 11, 6, 20, 100, 1), ("p", "other"): Account(1, 7, 7)}


def test_an_empty_journal_came_to_nothing(tmp_path: Path) -> None:
    Journal(tmp_path / "calls.sqlite").close()
    assert accounts(tmp_path / "calls.sqlite") == {}


async def make_old(path: Path) -> None:
    """Write a journal as it was before attempts knew their model and guess: an answer, a 429, and one cut short."""
    with Journal(path) as journal:
        number = await journal.start_attempt(KEY, 1.0)
        journal.end_attempt(number, answer(10, 5), 2.0)
        request = Request("m", (Message("user", "x"),), {}, Sample("s", "x"), KEY)
        await journal.put_call(request, answer(10, 5))
        journal.end_attempt(await journal.start_attempt(KEY, 3.0), failed(429), 4.0)
        await journal.start_attempt(CallKey("r2", "s2"), 5.0)
    with sqlite3.connect(path) as db:
        for name in ATTEMPT_COLUMNS:
            db.execute(f"ALTER TABLE attempts DROP COLUMN {name}")
        db.execute("UPDATE attempts SET usage = NULL WHERE status = 429")
    db.close()


OLD = {(None, "m"): Account(2, 10, 5), (None, None): Account(1, 0, 0, 0, 0, 1)}


async def test_an_older_journal_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    await make_old(path)
    assert accounts(path) == OLD


async def test_an_older_journal_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    await make_old(path)
    with Journal(path) as journal:
        await attempt(journal, answer(1, 2))
    assert accounts(path) == {**OLD, ("p", "m"): Account(1, 1, 2)}
    Journal(path).close()
    db = sqlite3.connect(path)
    assert set(ATTEMPT_COLUMNS) <= set(attempt_columns(db))
    db.close()


async def test_merging_adds_up_old_and_new(tmp_path: Path) -> None:
    old, new, into = (tmp_path / f"{name}.sqlite" for name in ("old", "new", "into"))
    await make_old(old)
    with Journal(new) as journal:
        await attempt(journal, failed(None))
    merge_journals([old, new], into)
    assert accounts(into) == {**OLD, ("p", "m"): Account(1, 0, 0, 20, 100, 1)}
