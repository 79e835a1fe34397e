"""An answer is used again for exactly the call it was given to, and a broken cache costs nothing but the reuse."""

import asyncio
import contextlib
import dataclasses
import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cache import KEPT, Cached, SharedCache, cache_path
from evalkit.digest import digest_json
from evalkit.records import (
    CallKey,
    Failure,
    FailureKind,
    Json,
    Message,
    Prediction,
    PredictionOutcome,
    Request,
    Sample,
    Timing,
    Usage,
)

URL = "http://127.0.0.1:1/v1"


def asks(
    text: str = "2 + 2?", *, sample: str = "s1", trial: int = 0, model: str = "m", url: str = URL, **params: Json
) -> Request:
    """Return the request that a plan would make of these."""
    messages = (Message("user", text),)
    content = [url, model, [[m.role, m.content] for m in messages], params]
    return Request(model, messages, params, Sample(sample, text), CallKey(digest_json(content), sample, trial))


class Counting:
    """A model that answers with how often it was asked."""

    def __init__(self, outcome: PredictionOutcome = PredictionOutcome.OK) -> None:
        self.outcome = outcome
        self.asked: list[Request] = []

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        del on_text
        self.asked.append(request)
        failure = None if self.outcome in KEPT else Failure(FailureKind.TRANSIENT, "no")
        timing = Timing(1_780_000_000.25, 1_780_000_001.0, 0.75)
        return Prediction(self.outcome, f"answer {len(self.asked)}", failure, Usage(5, 2, 7), timing, "stop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".evalkit" / "cache.sqlite"


@pytest.fixture
def shelf() -> Iterator[Path]:
    """Return a cache in a folder that users without rights can enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "cache.sqlite"


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody for a while where the tests run as root, who writes everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def ask(path: Path, model: Counting, *requests: Request, refresh: bool = False) -> list[Prediction]:
    """Ask in one run's time: the cache is opened before and closed after."""

    async def main() -> list[Prediction]:
        cached = Cached(model, cache, url=URL, refresh=refresh)
        return [await cached.predict(request) for request in requests]

    with SharedCache(path) as cache:
        return asyncio.run(main())


def test_a_second_run_asks_nothing_and_reads_the_same(path: Path) -> None:
    model = Counting()
    [first] = ask(path, model, asks())
    [second] = ask(path, model, asks())
    assert len(model.asked) == 1
    assert not first.from_cache
    assert second == dataclasses.replace(first, from_cache=True)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(asks(trial=1), id="trial"),
        pytest.param(asks(sample="s2"), id="sample"),
        pytest.param(asks("2 + 3?"), id="text"),
        pytest.param(asks(model="n"), id="model"),
        pytest.param(asks(temperature=0.2), id="param"),
        pytest.param(asks(url="http://127.0.0.1:2/v1"), id="url"),
        pytest.param(dataclasses.replace(asks(), key=dataclasses.replace(asks().key, slot="judge:s:0")), id="slot"),
    ],
)
def test_another_call_is_asked(path: Path, other: Request) -> None:
    model = Counting()
    ask(path, model, asks())
    [answer] = ask(path, model, other)
    assert model.asked == [asks(), other]
    assert not answer.from_cache


@pytest.mark.parametrize("outcome", sorted(PredictionOutcome))
def test_only_a_models_own_words_are_kept(path: Path, outcome: PredictionOutcome) -> None:
    model = Counting(outcome)
    ask(path, model, asks())
    ask(path, model, asks())
    assert len(model.asked) == (1 if outcome in {PredictionOutcome.OK, PredictionOutcome.TRUNCATED} else 2)


def test_refresh_asks_again_and_overwrites(path: Path) -> None:
    model = Counting()
    ask(path, model, asks())
    [anew] = ask(path, model, asks(), refresh=True)
    [after] = ask(path, model, asks())
    assert (anew.text, anew.from_cache) == ("answer 2", False)
    assert (after.text, after.from_cache) == ("answer 2", True)


def test_a_failed_refresh_leaves_the_kept_answer(path: Path) -> None:
    ask(path, Counting(), asks())
    ask(path, Counting(PredictionOutcome.INFRA_ERROR), asks(), refresh=True)
    assert ask(path, Counting(), asks())[0].from_cache


def test_a_kept_answer_is_heard_by_who_listens(path: Path) -> None:
    ask(path, Counting(), asks())
    heard: list[str] = []
    with SharedCache(path) as cache:
        asyncio.run(Cached(Counting(), cache, url=URL).predict(asks(), heard.append))
    assert heard == ["answer 1"]


def test_a_question_is_kept_once_for_all_models_and_trials(path: Path) -> None:
    ask(path, Counting(), *(asks(model=model, trial=trial) for model in "ab" for trial in range(3)))
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM questions").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM answers").fetchone() == (6,)
        assert db.execute("SELECT DISTINCT url, params FROM answers").fetchall() == [(URL, "{}")]
    db.close()


def spoil_text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is no database, and it is long enough to be taken for the header of one: " * 10)


def spoil_version(path: Path) -> None:
    SharedCache(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()


def spoil_tables(path: Path) -> None:
    SharedCache(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE answers")
    db.close()


def spoil_folder(path: Path) -> None:
    path.parent.write_text("a file where the folder would be")


def spoil_file(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize("spoil", [spoil_text, spoil_version, spoil_tables, spoil_folder, spoil_file])
def test_a_cache_that_cannot_be_used_is_one_problem(path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(path)
    model = Counting()
    with SharedCache(path) as cache:
        cached = Cached(model, cache, url=URL)
        answers = [asyncio.run(cached.predict(asks())) for _ in range(2)]
    assert [answer.text for answer in answers] == ["answer 1", "answer 2"]
    assert cache.problem is not None
    assert str(path) in cache.problem


def test_a_folder_that_cannot_be_written_is_one_problem(shelf: Path) -> None:
    shelf.parent.chmod(0o555)
    with without_rights(), SharedCache(shelf) as cache:
        answer = asyncio.run(Cached(Counting(), cache, url=URL).predict(asks()))
    assert answer.text == "answer 1"
    assert "the run did without it" in (cache.problem or "")
    shelf.parent.chmod(0o755)


def test_a_file_that_cannot_be_written_gives_what_it_holds(shelf: Path) -> None:
    ask(shelf, Counting(), asks())
    shelf.chmod(0o444)
    shelf.parent.chmod(0o777)
    model = Counting()
    with without_rights(), SharedCache(shelf) as cache:
        cached = Cached(model, cache, url=URL)
        answers = [asyncio.run(cached.predict(request)) for request in (asks("new"), asks())]
    assert [answer.from_cache for answer in answers] == [False, True]
    assert "cannot be written" in (cache.problem or "")
    assert "did without" not in (cache.problem or "")


def test_a_full_disk_costs_no_answer(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot be written" in done.stdout


def test_a_look_up_that_failed_is_the_last(path: Path) -> None:
    """It may have waited for a lock, and every other call with it."""
    ask(path, Counting(), asks())
    with SharedCache(path) as cache:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("ALTER TABLE answers RENAME TO away")
            assert cache.find(asks().key) is None
            first = cache.problem or ""
            other.execute("ALTER TABLE away RENAME TO answers")
        assert cache.find(asks().key) is None
    assert cache.problem == first
    assert "from there on, every call was asked" in first
    assert ask(path, Counting(), asks())[0].from_cache, "the next run reads it again"


def test_an_answer_tells_which_run_it_is_from(path: Path) -> None:
    for run_id in ("first", "second"):
        with SharedCache(path, run_id=run_id) as cache:
            asyncio.run(Cached(Counting(), cache, url=URL).predict(asks()))
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT run_id FROM answers").fetchall() == [("first",)]


def test_an_answer_that_cannot_be_read_is_asked_again(path: Path) -> None:
    ask(path, Counting(), asks())
    with sqlite3.connect(path) as db:
        db.execute("""UPDATE answers SET prediction = '{"outcome": "ok"'""")
    db.close()
    assert not ask(path, Counting(), asks())[0].from_cache
    assert ask(path, Counting(), asks())[0].from_cache, "the answer that was asked for took its place"


def test_a_closed_cache_keeps_quiet(path: Path) -> None:
    cache = SharedCache(path)
    cache.close()
    cache.put(asks(), URL, Prediction(PredictionOutcome.OK, "late"))
    cache.close()
    assert cache.find(asks().key) is None
    assert cache.problem is None


_WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from evalkit.cache import SharedCache
    from evalkit.records import CallKey, Message, Prediction, PredictionOutcome, Request, Sample
    path, who = Path(sys.argv[1]), sys.argv[2]
    with SharedCache(path) as cache:
        for n in range(200):
            request = Request("m", (Message("user", str(n)),), {}, Sample(f"{who}{n}", ""), CallKey("r", f"{who}{n}"))
            cache.put(request, "u", Prediction(PredictionOutcome.OK, f"{who}{n}"))
            cache.find(request.key)
    sys.exit(cache.problem)
""")


_FULL_DISK = textwrap.dedent("""
    import asyncio, resource, sys
    from pathlib import Path
    from evalkit.cache import Cached, SharedCache
    from evalkit.records import CallKey, Message, Prediction, PredictionOutcome, Request, Sample

    class Model:
        async def predict(self, request, on_text=None):
            return Prediction(PredictionOutcome.OK, "x" * 100_000)

    cache = SharedCache(Path(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    cached = Cached(Model(), cache, url="u")
    for n in range(40):
        request = Request("m", (Message("user", str(n)),), {}, Sample(str(n), ""), CallKey("r", str(n)))
        assert asyncio.run(cached.predict(request)).text
    cache.close()
    print(cache.problem)
""")


@pytest.mark.slow
def test_many_processes_write_and_read_at_once(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), who]) for who in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with SharedCache(path) as cache:
        for who in "abcd":
            for n in range(200):
                found = cache.find(CallKey("r", f"{who}{n}"))
                assert found is not None
                assert found.text == f"{who}{n}"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        pytest.param({}, "/home/me/.evalkit/cache.sqlite", id="beside the reports"),
        pytest.param({"EVALKIT_HOME": "/data"}, "/data/cache.sqlite", id="moved"),
    ],
)
def test_where_the_cache_is(env: dict[str, str], expected: str) -> None:
    assert cache_path(env, Path("/home/me")) == Path(expected)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
calls = st.builds(
    lambda text, sample, trial, model, params: asks(text, sample=sample, trial=trial, model=model, **params),
    st.text(max_size=8),
    st.text(max_size=3),
    st.integers(0, 3),
    st.sampled_from("mn"),
    st.dictionaries(st.sampled_from(["temperature", "max_tokens", "extra"]), json_values, max_size=2),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(calls, max_size=6), st.lists(calls, max_size=6))
def test_a_hit_is_the_answer_to_exactly_that_call(
    tmp_path_factory: pytest.TempPathFactory, before: list[Request], after: list[Request]
) -> None:
    path = tmp_path_factory.mktemp("cache") / "cache.sqlite"
    given = dict(zip([request.key for request in before], ask(path, Counting(), *before), strict=True))
    model = Counting()
    answers = ask(path, model, *after)
    known = [request.key in given for request in after]
    for request, answer in zip(after, answers, strict=True):
        if request.key in given:
            assert answer == dataclasses.replace(given[request.key], from_cache=True)
    assert len(model.asked) >= len({r.key for r, is_known in zip(after, known, strict=True) if not is_known})
    assert not any(request.key in given for request in model.asked)
