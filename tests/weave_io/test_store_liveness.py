import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.weave_io.store_codec import now_micros
from evalkit.weave_io.store_liveness import ABORTED, Writer, reap_dead_writers
from evalkit.weave_io.trace_store import TraceStore
from tests.weave_io.store_events import PROJECT, end, start

HERE = Writer.present("here")
HOUR = 3600 * 1_000_000


def gone() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


WRITERS = {
    "alive": (HERE, 0, False),
    "process-gone": (dataclasses.replace(HERE, pid=-1), 0, True),
    "id-reused": (dataclasses.replace(HERE, started="1"), 0, True),
    "start-unknown": (dataclasses.replace(HERE, started=""), HOUR, False),
    "elsewhere-talking": (dataclasses.replace(HERE, realm="other", pid=-1), 0, False),
    "elsewhere-silent": (dataclasses.replace(HERE, realm="other"), HOUR, True),
}


@pytest.mark.parametrize(("writer", "silent_us", "dead"), WRITERS.values(), ids=WRITERS)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="start times are read from /proc")
def test_only_the_dead_are_reaped(tmp_path: Path, writer: Writer, silent_us: int, *, dead: bool) -> None:
    writer = dataclasses.replace(writer, name="other", pid=gone() if writer.pid == -1 else writer.pid)
    with TraceStore(tmp_path / "weave.sqlite") as store:
        for call_id in ("open", "finished"):
            store.intake.start(start(call_id))
        store.intake.end(end("finished"))
        seen = now_micros() - silent_us

        def arrange(connection) -> int:
            writer.register(connection)
            connection.execute("UPDATE writers SET seen_at = ? WHERE writer = 'other'", (seen,))
            connection.execute("UPDATE calls SET writer = 'other'")
            return reap_dead_writers(connection, HERE)

        assert store.database.write(arrange) == int(dead)
        call, finished = store.calls.read(PROJECT, "open"), store.calls.read(PROJECT, "finished")
    assert call is not None
    assert call["exception"] == (ABORTED if dead else None)
    assert call["summary"]["weave"]["status"] == ("error" if dead else "running")
    assert finished is not None
    assert finished["exception"] is None


def test_the_true_end_replaces_the_reapers(tmp_path: Path) -> None:
    path = tmp_path / "weave.sqlite"
    first = TraceStore(path)
    first.intake.start(start("a"))
    first.close()
    with TraceStore(path) as second:
        second.intake.end(end("a"))
        call = second.calls.read(PROJECT, "a")
    assert call is not None
    assert (call["exception"], call["output"], call["summary"]["weave"]["status"]) == (None, "4", "success")


def test_this_process_is_alive() -> None:
    assert HERE.pid == os.getpid()
    assert Writer.present("again") == dataclasses.replace(HERE, name="again")
