"""What is written is there for every reader, whatever happens next."""

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.codec import decode_prediction, decode_sample, encode_prediction, encode_sample
from evalkit.errors import StoreError
from evalkit.journal import Journal
from evalkit.journal_reader import JournalReader
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    SampleResult,
    Score,
    ScoreOutcome,
    Timing,
    Usage,
)

SAMPLE = Sample("s1", "2 + 2?", "4", slices={"topic": "sums"}, fields={"id": "s1", "q": "2 + 2?", "n": 1}, digest="d")
KEY = CallKey("r" * 32, "s1")
REQUEST = Request("m", (Message("user", "2 + 2?"),), {"temperature": 0}, SAMPLE, KEY)
ANSWER = Prediction(
    PredictionOutcome.OK,
    "4",
    usage=Usage(5, 1, 6),
    timing=Timing(1.5, 2.0, 0.5, 0.1),
    served_model="m-1",
    finish_reason="stop",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.sqlite"


async def test_an_answer_is_found_again_and_marked(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.find(KEY) is None
        await journal.put_call(REQUEST, ANSWER)
    with Journal(path) as journal:
        found = journal.find(KEY)
        assert found is not None
        assert found.from_journal
        assert (found.text, found.usage, found.timing) == (ANSWER.text, ANSWER.usage, ANSWER.timing)
        assert journal.find(CallKey("r" * 32, "s1", trial=1)) is None
        assert journal.find(CallKey("r" * 32, "s1", slot="judge:j:0")) is None


@pytest.mark.parametrize(
    ("outcome", "again"),
    [(o, o in {"infra_error", "not_run", "rejected"}) for o in PredictionOutcome],
    ids=str,
)
async def test_only_failures_that_are_not_the_models_are_asked_again(
    path: Path, outcome: PredictionOutcome, again: bool
) -> None:
    failure = None if outcome is PredictionOutcome.OK else Failure(FailureKind.REJECTED, "no", 400)
    with Journal(path) as journal:
        await journal.put_call(REQUEST, Prediction(outcome, failure=failure))
        assert (journal.find(KEY) is None) is again


async def test_results_are_read_in_sample_order_with_their_request(path: Path) -> None:
    with Journal(path) as journal:
        for position, sample_id in [(2, "c"), (0, "a"), (1, "b")]:
            key = CallKey("r" * 32, sample_id)
            request = Request("m", REQUEST.messages, {"seed": position}, SAMPLE, key)
            await journal.put_call(request, ANSWER)
            scores = {"exact": Score(1.0, "equal", answer="4"), "f1": Score(None, "broke", ScoreOutcome.SCORER_ERROR)}
            journal.put_result(SampleResult("qa/m", sample_id, 0, ANSWER, scores, key), position)
    reader = JournalReader(path)
    stored = list(reader.results("qa/m"))
    assert [s.result.sample_id for s in stored] == ["a", "b", "c"]
    assert [s.params["seed"] for s in stored] == [0, 1, 2]
    assert stored[0].messages == REQUEST.messages
    assert stored[0].result.scores["f1"] == Score(None, "broke", ScoreOutcome.SCORER_ERROR)
    assert [s.result.sample_id for _, s in reader.results_after(0)] == ["c", "a", "b"]
    assert reader.results_after(3) == []


async def test_a_result_asked_again_replaces_the_first(path: Path) -> None:
    failed = Prediction(PredictionOutcome.NOT_RUN)
    with Journal(path) as journal:
        none = {"exact": Score(None, outcome=ScoreOutcome.NOT_RUN)}
        journal.put_result(SampleResult("qa/m", "s1", 0, failed, none, CallKey("", "s1")), 0)
        await journal.put_call(REQUEST, ANSWER)
        journal.put_result(SampleResult("qa/m", "s1", 0, ANSWER, {"exact": Score(1.0)}, KEY), 0)
    (stored,) = JournalReader(path).results("qa/m")
    assert stored.result.prediction.outcome is PredictionOutcome.OK
    assert stored.result.scores["exact"].value == 1.0


async def test_an_attempt_is_on_disk_before_it_is_sent(path: Path) -> None:
    with Journal(path) as journal:
        number = await journal.start_attempt(KEY, 1.0)
        other = sqlite3.connect(path)
        assert other.execute("SELECT id, ended_at FROM attempts").fetchall() == [(number, None)]
        journal.end_attempt(number, ANSWER, 2.0)
        await journal.put_call(REQUEST, ANSWER)
        assert other.execute("SELECT ended_at, outcome, status FROM attempts").fetchall() == [(2.0, "ok", 200)]
        other.close()
    assert JournalReader(path).attempts_by_status() == {"200": 1}


def test_samples_come_back_whole_and_in_order(path: Path) -> None:
    samples = [Sample(str(n), {"x": n}, fields={"k": n, "t": None}, index=n) for n in range(5)]
    with Journal(path) as journal:
        journal.put_samples("qa", samples)
        journal.put_samples("qa", samples)
    reader = JournalReader(path)
    assert list(reader.samples("qa")) == samples
    assert reader.datasets() == ("qa",)


def test_a_file_that_is_no_journal_is_refused_in_one_sentence(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be mistaken for one" * 20)
    with pytest.raises(StoreError, match="cannot be used as a journal"):
        Journal(path)
    with pytest.raises(StoreError, match="no journal there"):
        JournalReader(path.with_name("other.sqlite"))


def test_a_killed_writer_loses_nothing_it_was_told_is_written(path: Path) -> None:
    script = f"""
        import asyncio, os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from pathlib import Path
        from evalkit.journal import Journal
        from evalkit.records import *
        async def main():
            journal = Journal(Path({str(path)!r}))
            sample = Sample("s", "x")
            for n in range(200):
                key = CallKey("r", str(n))
                await journal.put_call(Request("m", (), {{}}, sample, key), Prediction(PredictionOutcome.OK, str(n)))
                print(n, flush=True)
                if n == 137:
                    os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    told = [int(line) for line in done.stdout.split()]
    with Journal(path) as journal:
        assert len(told) == 138
        assert all(journal.find(CallKey("r", str(n))) for n in told)


async def test_many_writers_of_one_turn_share_a_commit(path: Path) -> None:
    with Journal(path) as journal:
        commits = list[str]()
        journal._db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        await asyncio.gather(*(journal.start_attempt(CallKey("r", str(n)), 0.0) for n in range(32)))
        assert len(commits) == 1


async def test_a_failed_write_is_heard_by_the_next_row_and_loses_none(path: Path) -> None:
    with Journal(path) as journal:
        await journal.put_call(REQUEST, ANSWER)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        journal._db.execute("PRAGMA busy_timeout = 10")
        journal.put_result(SampleResult("qa/m", "s1", 0, ANSWER, {"exact": Score(1.0)}, KEY), 0)
        await asyncio.sleep(0.05)
        other.execute("ROLLBACK")
        other.close()
        with pytest.raises(StoreError, match="cannot write"):
            journal.put_result(SampleResult("qa/m", "s2", 0, ANSWER, {"exact": Score(1.0)}, KEY), 1)
        journal._failure = None
    (stored,) = JournalReader(path).results("qa/m")
    assert stored.result.sample_id == "s1"


texts = st.text(st.characters(codec=None), max_size=40)  # lone surrogates included


@given(text=texts, reason=texts, tokens=st.none() | st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_every_prediction_survives_the_file(text: str, reason: str, tokens: int | None) -> None:
    prediction = Prediction(
        PredictionOutcome.TRUNCATED,
        text,
        reasoning=reason,
        usage=Usage(tokens),
        tool_calls=[{"name": text}],
        logprobs=[0.5],
    )
    encoded = encode_prediction(prediction)
    encoded.encode("utf-8")
    assert decode_prediction(encoded) == prediction


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda x: st.lists(x, max_size=3), max_leaves=5
)


@given(input_=json_values, target=json_values, extra=st.dictionaries(texts, json_values, max_size=3))
@settings(max_examples=60, deadline=None)
def test_every_sample_survives_the_file(input_: object, target: object, extra: dict[str, object]) -> None:
    sample = Sample("1", input_, target, choices=("a", "b"), group="g", fields={**extra, "in": input_, "out": target})
    assert decode_sample(encode_sample(sample)) == sample
