import os
import sqlite3
import threading
from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import PROJECT, start


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        StoreDatabase(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
    connection.close()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 30], ids=["text"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be opened"):
        StoreDatabase(path)
    assert path.read_bytes() == content


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    StoreDatabase(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer evalkit"):
        StoreDatabase(path)


def test_what_is_written_is_read_at_once_by_every_thread(tmp_path: Path) -> None:
    with TraceStore(tmp_path / "weave.sqlite") as store:
        missing: list[str] = []

        def write_and_read(first: int) -> None:
            for number in range(first, first + 20):
                store.intake.start(start(str(number)))
                if store.calls.read(PROJECT, str(number)) is None:
                    missing.append(str(number))

        threads = [threading.Thread(target=write_and_read, args=(first,)) for first in range(0, 80, 20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert missing == []
        assert store.calls.count({"project_id": PROJECT}) == 80


def test_two_stores_on_one_file_see_each_others_commits(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    with TraceStore(path) as one, TraceStore(path) as two:
        one.intake.start(start("a"))
        one.flush()
        assert two.calls.read(PROJECT, "a") is not None


def test_closing_ends_what_is_unfinished_and_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    store = TraceStore(path)
    store.intake.start(start("a"))
    store.close()
    store.close()
    with TraceStore(path) as again:
        call = again.calls.read(PROJECT, "a")
    assert call is not None
    assert call["exception"].startswith("aborted")
    assert not path.with_name(path.name + "-wal").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_refused(tmp_path: Path) -> None:
    with TraceStore(tmp_path / "weave.sqlite") as store:
        child = os.fork()
        if child == 0:
            try:
                store.intake.start(start("a"))
            except StoreError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
