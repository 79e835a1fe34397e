"""One process at a time: a dead owner is replaced at once on its machine, after the expiry from elsewhere."""

import contextlib
import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.errors import LockedError
from evalkit.history import History
from evalkit.night_lock import night_lock

ROOT = Path(__file__).parents[1]


class Clock:
    """A clock that stands until it is moved; the threads that renew read it too."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.sqlite") as opened:
        yield opened


def held_by(history: History, **changes: object) -> None:
    """Change who holds the only lock."""
    with history.transaction() as db:
        for column, value in changes.items():
            db.execute(f"UPDATE locks SET {column} = ?", (value,))


def test_the_second_is_told_who_holds_it_since_when(history: History) -> None:
    clock = Clock()
    with (
        night_lock(history, "nightly", owner="evalkit nightly", clock=clock),
        pytest.raises(
            LockedError, match=rf"nightly is at work already: evalkit nightly, process {os.getpid()} on .*2027-01-15"
        ),
        night_lock(history, "nightly", clock=clock),
    ):
        pass
    with night_lock(history, "nightly", clock=clock):
        pass


def test_names_have_locks_of_their_own(history: History) -> None:
    with night_lock(history, "one"), night_lock(history, "two"):
        pass


def test_a_lock_is_let_go_when_the_work_fails(history: History) -> None:
    with contextlib.suppress(ValueError), night_lock(history, "nightly"):
        raise ValueError
    with night_lock(history, "nightly"):
        pass


@pytest.mark.parametrize(
    ("changes", "is_free"),
    [
        ({"started": "1"}, True),
        ({"started": "1", "machine": "another"}, False),
        ({"started": "1", "namespace": "another"}, False),
        ({"machine": "another", "expires_at": 1.0}, True),
        ({"expires_at": 1.0}, True),
        ({}, False),
    ],
    ids=["ended here", "ended elsewhere", "another container", "expired elsewhere", "expired here", "at work"],
)
def test_who_may_take_it_over(history: History, changes: dict[str, object], is_free: bool) -> None:
    with night_lock(history, "nightly", ttl_s=1e6) as first:
        held_by(history, **changes)
        if is_free:
            with night_lock(history, "nightly") as second:
                assert second.holder.token != first.holder.token
        else:
            with pytest.raises(LockedError), night_lock(history, "nightly"):
                pass


def test_an_owner_that_was_replaced_finds_out_and_takes_nothing_back(history: History) -> None:
    with night_lock(history, "nightly", ttl_s=0.2) as first:
        first.check()
        held_by(history, token="another", expires_at=9e9)
        first._renewer.join(timeout=60)
        with pytest.raises(LockedError, match="another process took it over"):
            first.check()
    with pytest.raises(LockedError), night_lock(history, "nightly"):
        pass


def test_a_lock_is_renewed_while_it_is_held(history: History) -> None:
    clock = Clock()
    renewed = threading.Event()
    with night_lock(history, "nightly", ttl_s=0.2, clock=clock) as lock:
        clock.now += 1000
        while not renewed.wait(0.01):
            with sqlite3.connect(history.path) as db:
                (expires_at,) = db.execute("SELECT expires_at FROM locks").fetchone()
            if expires_at > clock.now:
                renewed.set()
        lock.check()
        with pytest.raises(LockedError), night_lock(history, "nightly", clock=clock):
            pass


def test_a_history_that_cannot_be_written_for_a_while_loses_no_lock(history: History) -> None:
    with night_lock(history, "nightly", ttl_s=0.2) as lock:
        history._db.execute("PRAGMA query_only=1")
        for _ in range(3):
            lock._is_done.wait(0.1)
        history._db.execute("PRAGMA query_only=0")
        lock.check()


_OWNER = """
    import sys
    from pathlib import Path
    from evalkit.history import History
    from evalkit.night_lock import night_lock
    with History(Path(sys.argv[1])) as history, night_lock(history, "nightly", owner="another"):
        print("held", flush=True)
        sys.stdin.read()
"""


@pytest.mark.slow
def test_a_killed_owner_is_replaced_at_once(history: History) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_OWNER), str(history.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"another, process {owner.pid}"), night_lock(history, "nightly"):
            pass
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    with night_lock(history, "nightly") as lock:
        assert lock.holder.process.pid == os.getpid()


@pytest.mark.slow
def test_of_many_that_start_at_once_one_works(history: History) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_OWNER), str(history.path)]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    refused = []
    try:
        while len(refused) < len(started) - 1:
            refused = [each for each in started if each.poll() is not None]
    finally:
        said = [each.communicate("")[1] for each in started]
    assert sorted(each.returncode for each in started) == [0, 1, 1, 1]
    assert sum("is at work already: another, process" in text for text in said) == len(started) - 1


def test_a_holder_says_who_it_is(history: History) -> None:
    with night_lock(history, "nightly") as lock:
        assert str(dataclasses.replace(lock.holder, host="here", owner="")).startswith(f"process {os.getpid()} on here")
