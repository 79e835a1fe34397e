"""A user's function in a process of its own: every way it can go wrong touches that sample alone."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.errors import ConfigError
from evalkit.scoring import aclose_scorers
from tests.scorers.scoring_by import bind, scored

MODULE = """
import os, sys, time
import evalkit_test_neighbour as neighbour

calls = 0

def by_text(sample, text):
    global calls
    calls += 1
    print("noise")
    kind, _, value = text.partition(":")
    return {
        "true": lambda: True,
        "float": lambda: float(value),
        "dict": lambda: {"value": 0.5, "reason": f"{sample['id']} {sample['target']} {sample['fields']['x']}"},
        "novalue": lambda: {"reason": "x"},
        "none": lambda: None,
        "text": lambda: "yes",
        "raise": lambda: 1 / 0,
        "exit": lambda: sys.exit(2),
        "crash": lambda: os._exit(3),
        "sleep": lambda: time.sleep(60),
        "pid": lambda: {"value": 1, "reason": str(os.getpid())},
        "calls": lambda: {"value": 1, "reason": str(calls)},
        "stdin": lambda: {"value": 1, "reason": repr(sys.stdin.read())},
        "help": lambda: neighbour.help(),
    }[kind]()

async def awaited(sample, text):
    return text == sample["target"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "evalkit_test_neighbour.py").write_text("def help(): return 0.25\n")
    (tmp_path / "broken.py").write_text("def f(s, t): return 1\nraise RuntimeError('not today')\n")
    return tmp_path


@pytest.fixture
async def ask(folder: Path):
    bound = bind(folder, use="python", function="mine:by_text", timeout=5)

    async def ask(text: str):
        return await scored(bound, "t", text, fields={"x": 1})

    yield ask
    await aclose_scorers([bound])


async def test_every_answer_of_a_function(ask):
    """One process serves them all, so the table is one test."""
    table = {
        "true": (1.0, "scored", ""),
        "float:0.25": (0.25, "scored", ""),
        "dict": (0.5, "scored", "q7 t 1"),
        "help": (0.25, "scored", ""),
        "stdin": (1.0, "scored", "''"),
        "none": (None, "no_answer", "None"),
        "float:nan": (None, "scorer_error", "nan"),
        "float:1.5": (None, "scorer_error", "outside [0, 1]"),
        "float:inf": (None, "scorer_error", "inf"),
        "text": (None, "scorer_error", "str"),
        "novalue": (None, "scorer_error", "'value'"),
        "raise": (None, "scorer_error", "ZeroDivisionError"),
        "exit": (None, "scorer_error", "SystemExit"),
        "calls": (1.0, "scored", "14"),
    }
    for text, (value, outcome, reason) in table.items():
        score = await ask(text)
        assert (score.value, score.outcome) == (value, outcome), text
        assert reason in score.reason, text


async def test_a_crash_is_that_samples_error_and_the_next_gets_a_new_process(ask):
    first = await ask("pid")
    crashed = await ask("crash")
    assert crashed.outcome == "scorer_error"
    assert "exit code 3" in crashed.reason
    second = await ask("pid")
    assert second.value == 1
    assert second.reason != first.reason


async def test_a_time_out_kills_the_process_and_says_so(folder):
    bound = bind(folder, use="python", function="mine:by_text", timeout=0.5)
    pid = int((await scored(bound, "t", "pid")).reason)
    score = await scored(bound, "t", "sleep")
    assert score.outcome == "scorer_error"
    assert "0.5 s" in score.reason
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (await scored(bound, "t", "true")).value == 1
    await aclose_scorers([bound])


async def test_a_cancelled_question_leaves_no_answer_behind(folder):
    bound = bind(folder, use="python", function="mine:by_text")
    await scored(bound, "t", "true")
    waiting = asyncio.create_task(scored(bound, "t", "sleep"))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await scored(bound, "t", "float:0.25")).value == 0.25
    await aclose_scorers([bound])


async def test_many_questions_at_once_each_get_their_own_answer(ask):
    scores = await asyncio.gather(*(ask(f"float:{n / 100}") for n in range(50)))
    assert [score.value for score in scores] == [n / 100 for n in range(50)]


async def test_a_coroutine_function(folder):
    bound = bind(folder, use="python", function="mine:awaited", graded=False)
    assert bound.kind == "binary"
    assert (await scored(bound, "t", "t")).value == 1
    assert (await scored(bound, "t", "u")).value == 0
    await aclose_scorers([bound])


async def test_values_of_their_own_range_are_rescaled(folder):
    bound = bind(folder, use="python", function="mine:by_text", range=[1, 5])
    assert (await scored(bound, "t", "float:2")).value == 0.25
    assert (await scored(bound, "t", "float:0.5")).outcome == "scorer_error"
    await aclose_scorers([bound])


async def test_a_binary_scorer_gives_no_half_points(folder):
    bound = bind(folder, use="python", function="mine:by_text", graded=False)
    assert (await scored(bound, "t", "float:0.5")).outcome == "scorer_error"
    await aclose_scorers([bound])


async def test_a_module_that_cannot_be_imported_is_tried_once(folder):
    bound = bind(folder, use="python", function="broken:f")
    for _ in range(2):
        score = await scored(bound, "t", "x")
        assert score.outcome == "scorer_error"
        assert "not today" in score.reason
    await aclose_scorers([bound])


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("mine:by_txt", "by_text"),
        ("absent:f", "absent"),
        ("mine", "module:function"),
        ("mine:by_text:x", "module:function"),
    ],
)
def test_a_wrong_function_is_found_before_a_run(folder, function, told):
    with pytest.raises(ConfigError, match=told):
        bind(folder, use="python", function=function)


def test_the_source_is_the_identity_and_the_folder_is_not(folder, tmp_path_factory):
    bound = bind(folder, use="python", function="mine:by_text", timeout=3)
    assert "version" not in bound.identity
    assert str(folder) not in str(bound.identity)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "mine.py").write_text(MODULE)
    assert bind(elsewhere, use="python", function="mine:by_text").identity == bound.identity
    (elsewhere / "mine.py").write_text(MODULE + "# changed\n")
    assert bind(elsewhere, use="python", function="mine:by_text").identity != bound.identity


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_ends_with_its_parent(folder):
    program = (
        "import asyncio, os, sys, pathlib\n"
        "from tests.scorers.scoring_by import bind, scored\n"
        f"bound = bind(pathlib.Path({str(folder)!r}), use='python', function='mine:by_text')\n"
        "async def main():\n"
        "    print((await scored(bound, 't', 'pid')).reason, flush=True)\n"
        "    task = asyncio.create_task(scored(bound, 't', 'sleep'))\n"
        "    await asyncio.sleep(0.1)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, check=False, timeout=30)
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.02)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"
