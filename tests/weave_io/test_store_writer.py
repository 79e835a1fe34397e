import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.weave_io.store_errors import not_found
from evalkit.weave_io.store_writer import StoreWriter


def insert(value: object):
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (value,)) and None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "t.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (v INTEGER UNIQUE NOT NULL)")
    connection.close()
    return path


@pytest.fixture
def writer(file: Path) -> Iterator[StoreWriter]:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    opened = StoreWriter(connection, stamp=lambda _: None)
    yield opened
    opened.close(10)


def values(file: Path) -> list[int]:
    connection = sqlite3.connect(file)
    found = [row[0] for row in connection.execute("SELECT v FROM t ORDER BY rowid")]
    connection.close()
    return found


def test_order_is_kept_and_flush_means_on_disk(writer: StoreWriter, file: Path) -> None:
    for number in range(1000):
        writer.put(insert(number))
    writer.flush(10)
    assert values(file) == list(range(1000))


def test_many_threads_lose_nothing(writer: StoreWriter, file: Path) -> None:
    def put(first: int) -> None:
        for number in range(first, first + 100):
            writer.put(insert(number), urgent=number % 37 == 0)

    threads = [threading.Thread(target=put, args=(first,)) for first in range(0, 800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.flush(10)
    assert sorted(values(file)) == list(range(800))


def test_a_waiting_change_returns_its_result_after_the_commit(writer: StoreWriter, file: Path) -> None:
    writer.put(insert(1))
    assert writer.call(lambda connection: connection.execute("SELECT COUNT(*) FROM t").fetchone()[0]) == 1
    assert values(file) == [1]


def test_a_refused_change_leaves_nothing_and_harms_nobody(writer: StoreWriter, file: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (50)")
        raise not_found("no")

    writer.put(insert(1))
    with pytest.raises(StoreError, match="no"):
        writer.call(half)
    writer.put(insert(2))
    writer.flush(10)
    assert values(file) == [1, 2]


def test_one_broken_change_does_not_take_its_group_along_and_is_told(file: Path) -> None:
    writer = StoreWriter(sqlite3.connect(file, isolation_level=None, check_same_thread=False), stamp=lambda _: None)
    for value in (1, None, 2):
        writer.put(insert(value))
    with pytest.raises(StoreError, match="lost a change"):
        writer.flush(10)
    with pytest.raises(StoreError, match="lost a change"):
        writer.put(insert(3))
    with pytest.raises(StoreError, match="lost a change"):
        writer.close(10)
    assert values(file) == [1, 2]


def test_a_broken_waiting_change_is_told_to_the_one_who_waits(writer: StoreWriter, file: Path) -> None:
    with pytest.raises(StoreError, match="NOT NULL"):
        writer.call(insert(None))
    writer.put(insert(1))
    writer.flush(10)
    assert values(file) == [1]


def test_a_full_disk_is_told_to_everyone_from_then_on(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA max_page_count = 4")
    writer = StoreWriter(connection, stamp=lambda _: None)
    with pytest.raises(StoreError, match="full"):
        writer.call(lambda held: held.execute("CREATE TABLE big AS SELECT randomblob(100000)") and None)
    for attempt in (lambda: writer.put(insert(1)), lambda: writer.flush(10), lambda: writer.close(10)):
        with pytest.raises(StoreError, match="full"):
            attempt()
    assert values(file) == []


def test_another_process_may_hold_the_lock_for_a_while(writer: StoreWriter, file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.put(insert(1), urgent=True)
    with pytest.raises(StoreError, match="not on disk"):
        writer.flush(0.2)
    other.execute("ROLLBACK")
    other.close()
    writer.flush(10)
    assert values(file) == [1]


def test_flush_has_a_deadline(writer: StoreWriter) -> None:
    release = threading.Event()
    writer.put(lambda _: release.wait(10) and None, urgent=True)
    with pytest.raises(StoreError, match="not on disk after"):
        writer.flush(0.01)
    release.set()
    writer.flush(10)


def test_a_closed_writer_takes_nothing(writer: StoreWriter) -> None:
    writer.close(10)
    with pytest.raises(StoreError, match="closed"):
        writer.put(insert(1))
