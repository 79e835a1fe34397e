"""Processes that share one limit: never above it, all served, nothing lost by a kill, a freeze or a broken file."""

import asyncio
import contextlib
import random
import sqlite3
import tempfile
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.lease import Lease, share_limit
from evalkit.lease_book import LeaseBook, count_others
from evalkit.lease_names import lease_folder, lease_name, lease_of
from evalkit.process_identity import ProcessIdentity
from evalkit.providers.openai import OpenAI
from evalkit.providers.scripted import Scripted
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome
from evalkit.throttle import Throttle, Throttled
from tests.virtual_time import run_virtual, virtual_now

OK = Prediction(PredictionOutcome.OK, "yes")
REFUSED = Prediction(PredictionOutcome.INFRA_ERROR, failure=Failure(FailureKind.THROTTLE, "too many", 429))


class Server:
    """Answers after `latency_s`; refuses what exceeds `limit` calls in flight. It is what all processes call."""

    def __init__(self, limit: int = 10**6, latency_s: float = 0.3) -> None:
        self.limit, self.latency_s = limit, latency_s
        self.in_flight = self.peak = self.calls = self.refusals = 0

    async def predict(self, request: object, on_text: object = None) -> Prediction:
        self.calls += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.in_flight > self.limit:
                self.refusals += 1
                await asyncio.sleep(0.01)
                return REFUSED
            await asyncio.sleep(self.latency_s)
            return OK
        finally:
            self.in_flight -= 1


class Simulated:
    """One process: a throttle, a lease, and workers that ask without end, until it ends, freezes or is killed."""

    def __init__(self, server: Server, most: int, *, adaptive: bool = False) -> None:
        self.throttle = Throttle(most, adaptive=adaptive, clock=virtual_now)
        self.model = Throttled(server, self.throttle)
        self.answered = 0
        self.lease: Lease
        self._workers: list[asyncio.Task[None]] = []
        self._looking: asyncio.Task[None]

    async def join(self, lease: Lease) -> None:
        self.lease = lease
        await self.wake()

    def ask(self, workers: int) -> None:
        self._workers += [asyncio.create_task(self._work()) for _ in range(workers)]

    async def _work(self) -> None:
        while True:
            if (await self.model.predict(None)).outcome is PredictionOutcome.OK:  # type: ignore[arg-type]
                self.answered += 1
            else:
                await asyncio.sleep(0.1)

    def freeze(self) -> None:
        self._looking.cancel()

    async def wake(self) -> None:
        await self.lease.look()
        self._looking = asyncio.create_task(self.lease.keep_looking())

    async def idle(self) -> None:
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()


class Machine:
    """The processes of one machine, and the book they share."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server, self.path = server, path
        self.living: dict[int, Simulated] = {}
        self.gone: set[int] = set()

    async def start(self, *, workers: int = 16, most: int = 8, adaptive: bool = False) -> Simulated:
        number = len(self.living) + len(self.gone) + 1
        process = self.living[number] = Simulated(self.server, most, adaptive=adaptive)
        lease = Lease(
            process.throttle,
            LeaseBook(self.path),
            clock=virtual_now,
            sleep=asyncio.sleep,
            process=ProcessIdentity(number, "", ""),
            is_gone=lambda process: process.pid in self.gone,
        )
        await process.join(lease)
        process.ask(workers)
        return process

    async def kill(self, process: Simulated) -> None:
        """End it without a word: its calls end with their connections, its row stays in the book."""
        process.freeze()
        await process.idle()
        self._forget(process)

    async def leave(self, process: Simulated) -> None:
        await process.idle()
        process.freeze()
        await process.lease.leave()
        self._forget(process)

    def _forget(self, process: Simulated) -> None:
        number = next(number for number, other in self.living.items() if other is process)
        del self.living[number]
        self.gone.add(number)

    def held(self) -> dict[int, int]:
        """Return what each living process holds, as committed."""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = dict(db.execute("SELECT pid, held FROM processes").fetchall())
        return {number: held for number, held in rows.items() if number in self.living}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in list(self.living.values()):
            await self.leave(process)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "leases" / "name.1.sqlite"


def test_alone_all_is_there_before_the_first_call(tmp_path: Path) -> None:
    async def main() -> None:
        throttle = Throttle(8, adaptive=False, clock=virtual_now)
        async with share_limit(throttle, name="n", folder=tmp_path / "new", clock=virtual_now) as lease:
            assert virtual_now() == 0.0, "nothing is waited for"
            assert (throttle.limit, lease.others, lease.has_given_up) == (8, 0, False)
            assert count_others(name="n", folder=tmp_path / "new", clock=virtual_now) == 1
        assert count_others(name="n", folder=tmp_path / "new", clock=virtual_now) == 0

    run_virtual(main())
    assert count_others(name="other", folder=tmp_path / "new") == 0


def test_a_newcomer_has_its_fair_share_within_a_second(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            first = await machine.start()
            await asyncio.sleep(5)
            second = await machine.start()
            await asyncio.sleep(1)
            assert (first.throttle.limit, second.throttle.limit) == (4, 4)
            assert (first.lease.others, second.lease.others) == (1, 1)
            await second.idle()
            await asyncio.sleep(0.6)
            assert first.throttle.limit == 8, "who does not want gives back"
            await machine.leave(second)
            await asyncio.sleep(0.3)
            assert first.throttle.limit == 8
            assert machine.server.peak == 8
        assert machine.held() == {}

    run_virtual(main())


def test_a_killed_process_frees_its_share_at_the_next_look(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            first, second = await machine.start(), await machine.start()
            await asyncio.sleep(2)
            await machine.kill(second)
            await asyncio.sleep(0.3)
            assert (first.throttle.limit, first.lease.others) == (8, 0)

    run_virtual(main())


def test_a_frozen_process_keeps_its_share_for_a_minute_and_comes_back_as_a_newcomer(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            first, second = await machine.start(), await machine.start()
            await asyncio.sleep(2)
            second.freeze()
            await second.idle()
            await asyncio.sleep(58)
            assert first.throttle.limit == 4
            await asyncio.sleep(3)
            assert first.throttle.limit == 8
            await second.wake()
            assert second.throttle.limit == 0, "what was its own may be another's by now"
            second.ask(16)
            await asyncio.sleep(1)
            assert (first.throttle.limit, second.throttle.limit) == (4, 4)
            assert machine.server.peak == 8

    run_virtual(main())


def test_more_processes_than_places_take_turns(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            processes = [await machine.start(most=2) for _ in range(5)]
            await asyncio.sleep(30)
            answered = [process.answered for process in processes]
            assert machine.server.peak == 2
            assert min(answered) >= 0.5 * max(answered), answered
            assert sum(answered) >= 0.7 * 2 * 30 / 0.2, answered

    run_virtual(main())


@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_never_above_the_limit_and_nobody_starves(data: st.DataObject) -> None:
    """Processes come, go, idle, and are killed at any moment; the held of all never exceed the limit."""

    async def change(machine: Machine, most: int) -> None:
        deed = data.draw(st.sampled_from(["come", "come", "leave", "kill", "idle"]))
        oldest = next(iter(machine.living.values()), None)
        if deed == "come" or oldest is None:
            await machine.start(most=most, workers=data.draw(st.integers(0, 12)))
        elif deed == "idle":
            await oldest.idle()
        elif deed == "leave":
            await machine.leave(oldest)
        else:
            await machine.kill(oldest)

    async def main(path: Path) -> None:
        most, latency_s = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([0.05, 0.4, 1.5]))
        async with Machine(Server(latency_s=latency_s), path) as machine:
            for _ in range(data.draw(st.integers(4, 10))):
                await change(machine, most)
                for _ in range(data.draw(st.integers(0, 12))):
                    await asyncio.sleep(0.13)
                    held = machine.held()
                    assert sum(held.values()) <= most
                    assert all(p.throttle.in_flight <= held[number] for number, p in machine.living.items())
            before = {number: p.answered for number, p in machine.living.items()}
            await asyncio.sleep((latency_s + 2.5) * (len(machine.living) + 1))
            starved = [n for n, p in machine.living.items() if p.throttle.waiting and p.answered == before[n]]
            assert starved == []
            assert machine.server.peak <= most

    with tempfile.TemporaryDirectory() as folder:
        run_virtual(main(Path(folder) / "name.1.sqlite"))


def test_together_they_learn_the_servers_limit(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(limit=5, latency_s=0.5), book) as machine:
            processes = [await machine.start(), await machine.start()]
            await asyncio.sleep(10)
            server = machine.server
            server.calls = server.refusals = 0
            await asyncio.sleep(60)
            assert 4 <= sum(process.throttle.limit for process in processes) <= 6
            assert server.refusals <= 0.05 * server.calls
            assert server.calls >= 0.7 * 60 / 0.5 * 5
            answered = [process.answered for process in processes]
            assert min(answered) >= 0.3 * sum(answered)

    run_virtual(main())


def test_a_newcomer_starts_with_what_the_other_learned_alone(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(limit=5, latency_s=0.5), book) as machine:
            first = await machine.start(workers=64, most=32, adaptive=True)
            await asyncio.sleep(12)
            server = machine.server
            server.calls = server.refusals = 0
            second = await machine.start(workers=64, most=32, adaptive=True)
            await asyncio.sleep(10)
            assert server.refusals <= 0.05 * server.calls
            assert 3 <= first.throttle.limit + second.throttle.limit <= 6
            assert second.answered > 0

    run_virtual(main())


def test_refusals_that_have_nothing_to_do_with_concurrency_do_not_hold_them_down(book: Path) -> None:
    chance = random.Random(0)

    class Moody(Server):
        async def predict(self, request: object, on_text: object = None) -> Prediction:
            answer = await super().predict(request, on_text)
            return REFUSED if chance.random() < 0.3 else answer

    async def main() -> None:
        async with Machine(Moody(latency_s=0.2), book) as machine:
            processes = [await machine.start(), await machine.start()]
            limits = list[int]()
            for _ in range(120):
                await asyncio.sleep(1)
                limits.append(sum(process.throttle.limit for process in processes))
            assert limits[-40:].count(8) > 20, limits

    run_virtual(main())


async def _share_once(throttle: Throttle, folder: Path) -> tuple[int, bool]:
    async with share_limit(throttle, name="n", folder=folder, clock=virtual_now) as lease:
        return throttle.limit, lease.has_given_up


def test_a_damaged_file_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "n.1.sqlite").write_bytes(b"this is no database, and long enough to be told apart" * 100)
    assert run_virtual(_share_once(Throttle(8, adaptive=False), tmp_path)) == (8, False)
    assert caplog.records == []


def test_a_file_of_another_shape_is_replaced(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "n.1.sqlite")) as db:
        db.execute("CREATE TABLE processes (pid INTEGER)")
    assert run_virtual(_share_once(Throttle(8, adaptive=False), tmp_path)) == (8, False)


def test_a_file_that_is_damaged_or_gone_while_both_run_is_no_way_around_the_limit(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            first, second = await machine.start(), await machine.start()
            for break_it in (lambda: book.write_bytes(b"x" * 5000), book.unlink):
                await asyncio.sleep(3)
                break_it()
                await asyncio.sleep(1.5)
                assert (first.throttle.limit, second.throttle.limit) == (4, 4)
            assert machine.server.peak == 8

    run_virtual(main())


def test_a_row_of_nonsense_is_no_hindrance(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run_virtual(_share_once(Throttle(8, adaptive=False), tmp_path)) == (8, False)
    with contextlib.closing(sqlite3.connect(tmp_path / "n.1.sqlite")) as db:
        db.execute("INSERT INTO processes (name, held) VALUES ('x', 'much')")
        db.commit()
    assert run_virtual(_share_once(Throttle(8, adaptive=False), tmp_path)) == (8, True)
    assert len(caplog.records) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence_and_no_hindrance(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert run_virtual(_share_once(Throttle(8, adaptive=False), tmp_path / "file" / "leases")) == (8, True)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the in-flight limit is not shared with other processes"
    ]


def test_a_file_that_stays_locked_is_no_hindrance(book: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            first, second = await machine.start(), await machine.start()
            await asyncio.sleep(2)
            with contextlib.closing(sqlite3.connect(book, isolation_level=None)) as db:
                db.execute("BEGIN EXCLUSIVE")
                newcomer = await machine.start()
                assert (newcomer.throttle.limit, newcomer.lease.has_given_up) == (8, True)
                assert (first.throttle.limit, second.throttle.limit) == (4, 4)
                await asyncio.sleep(10)
                assert (first.throttle.limit, second.throttle.limit) == (8, 8)
            assert virtual_now() < 20

    run_virtual(main())
    assert len(caplog.records) == 3
    assert "is held by another process" in caplog.text


def test_where_the_system_tells_nothing_of_processes_silence_frees(book: Path) -> None:
    async def main() -> None:
        async with Machine(Server(latency_s=0.2), book) as machine:
            first = await machine.start()
            await asyncio.sleep(1)
            ghost = Lease(
                Throttle(8, adaptive=False),
                LeaseBook(book),
                clock=virtual_now,
                sleep=asyncio.sleep,
                process=ProcessIdentity(99, "", "somewhere else"),
            )
            await ghost.look()
            await asyncio.sleep(30)
            assert first.lease.others == 1
            await asyncio.sleep(31)
            assert (first.lease.others, first.throttle.limit) == (0, 8)

    run_virtual(main())


def test_the_name_tells_nothing_and_tells_apart() -> None:
    name = lease_name("https://api.example/v1", "team/secret-project", "KEY_VARIABLE")
    assert name == lease_name("https://api.example/v1", "team/secret-project", "KEY_VARIABLE")
    assert name != lease_name("https://api.example/v1", "team/other", "KEY_VARIABLE")
    assert name.isalnum()
    assert len(name) == 32


def test_calls_count_together_by_project_where_it_is_sent_and_by_key_elsewhere() -> None:
    billed = OpenAI(base_url="https://api.example/v1", project_header=True, api_key_env="ONE")
    other_key = OpenAI(base_url="https://api.example/v1/", project_header=True, api_key_env="OTHER")
    assert lease_of(billed, "team/a") == lease_of(other_key, "team/a") != lease_of(billed, "team/b")
    keyed = OpenAI(base_url="https://api.example/v1", api_key_env="ONE")
    assert lease_of(keyed, "team/a") == lease_of(keyed, "team/b") != lease_of(billed, "team/a")
    assert lease_of(Scripted(), None) is None


def test_the_books_are_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert lease_folder() == tmp_path / "evalkit" / "leases"
