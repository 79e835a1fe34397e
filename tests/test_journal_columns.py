"""A journal read by columns says what it says row by row, whatever is missing."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import journal_columns
from evalkit.journal import Journal
from evalkit.journal_reader import JournalReader

SCORERS = ("exact", 'odd "name"\\', "ünlike")
OUTCOMES = ("ok", "truncated", "refused", "rejected", "infra_error")


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_columns, "_STRETCH", 3)


@st.composite
def results(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], tuple[str, dict[str, list[Any]]]]]:
    """Trials, and by position and trial how it ended; any of them may be missing."""
    trials = draw(st.integers(1, 3))
    places = [(position, trial) for position in range(draw(st.integers(0, 10))) for trial in range(trials)]
    kept = [place for place in places if draw(st.integers(0, 9))]
    score = st.one_of(
        st.tuples(st.sampled_from([0.0, 1.0, 0.1, 1 / 3]), st.just("scored")), st.just((None, "judge_failed"))
    )

    def ended() -> tuple[str, dict[str, list[Any]]]:
        outcome = draw(st.sampled_from(OUTCOMES))
        if outcome in {"ok", "truncated"}:
            return outcome, {name: [*draw(score), "an\nanswer", None, None] for name in SCORERS}
        return outcome, {}

    return trials, {place: ended() for place in draw(st.permutations(kept))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


def write(path: Path, found: dict[tuple[int, int], tuple[str, dict[str, list[Any]]]]) -> None:
    path.unlink(missing_ok=True)
    with Journal(path):
        pass
    with sqlite3.connect(path) as db:
        for (position, trial), (outcome, scores) in found.items():
            db.execute(
                "INSERT INTO results (cell, sample_id, position, trial, request, slot, outcome, scores) "
                "VALUES ('qa/m', ?, ?, ?, '', '', ?, ?)",
                (f"s{position}", position, trial, outcome, json.dumps(scores)),
            )
    db.close()


@given(results())
def test_results_by_columns_are_the_rows(folder: Path, drawn: Any) -> None:
    trials, found = drawn
    path = folder / "results.sqlite"
    write(path, found)
    got: dict[int, dict[str, str]] = {}
    with JournalReader(path) as reader:
        for stored in reader.result_columns("qa/m", SCORERS, trials=trials):
            assert list(stored.rows) == sorted(stored.rows)
            for name, texts in stored.scorings.items():
                for row, text in zip(stored.rows, texts, strict=True):
                    got.setdefault(row, {})[name] = text
    assert set(got) == {position * trials + trial for position, trial in found}
    for (position, trial), (outcome, scores) in found.items():
        for name, text in got[position * trials + trial].items():
            assert text.startswith(outcome)
            assert json.loads(text.removeprefix(outcome)) == scores.get(name, [None, None])[:2]


def test_a_whole_stretch_is_a_range(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    write(path, {(position, trial): ("ok", {}) for position in range(7) for trial in range(2) if position != 4})
    with JournalReader(path) as reader:
        rows = [stored.rows for stored in reader.result_columns("qa/m", ("exact",), trials=2)]
    assert [isinstance(each, range) for each in rows] == [True, False, True]
    assert [list(each) for each in rows] == [[0, 1, 2, 3, 4, 5], [6, 7, 10, 11], [12, 13]]


@pytest.mark.parametrize("size", [0, 1, 3, 4, 7])
def test_samples_in_their_order(tmp_path: Path, size: int) -> None:
    path = tmp_path / "calls.sqlite"
    with Journal(path):
        pass
    names = [f'{n} a "name",\nof two lines' for n in range(size)]
    with sqlite3.connect(path) as db:
        for position, name in reversed(list(enumerate(names))):
            content = {"digest": f"d{position}"} | ({"group": "g", "slices": {"a": "b"}} if position == 3 else {})
            db.execute("INSERT INTO samples VALUES ('qa', ?, ?, ?)", (position, name, json.dumps(content)))
    db.close()
    with JournalReader(path) as reader:
        assert reader.sample_names("qa") == (tuple(names), tuple(f"d{n}" for n in range(size)))
        assert [(place, json.loads(text)) for place, text in reader.sample_groupings("qa")] == (
            [(3, ["g", {"a": "b"}])] if size > 3 else []
        )
