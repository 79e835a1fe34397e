"""A chat as a person has it: in a terminal and in a pipe, traced, stopped by Ctrl-C."""

import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from evalkit.weave_io.trace_store import TraceStore
from tests.end_to_end.command import command, environment, evalkit
from tests.fake_endpoint import FakeEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CANARY = "sk-canary-5f1c9e7a2b"
ENDLESS = " ".join(f"word{n}" for n in range(3_000))
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command in a terminal of its own: what it has written so far, and keys for it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process, self._master = process, master
        self._raw = b""

    @property
    def text(self) -> str:
        """Everything written so far, without control sequences."""
        return _ESCAPE.sub("", self._raw.decode("utf-8", "replace")).replace("\r\n", "\n")

    def wait_for(self, words: str) -> None:
        """Read until `words` have been written; an early end is an error."""
        while words not in self.text:
            assert self._read(), f"ended before {words!r}: {self.text}"

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self._process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 60)
        assert ready, f"nothing more was written: {self.text}"
        try:
            piece = os.read(self._master, 1 << 16)
        except OSError:  # Linux's way to say that the other side is gone
            piece = b""
        self._raw += piece
        return bool(piece)


@contextmanager
def terminal(cwd: Path, *arguments: str, columns: int = 120, **env: str) -> Iterator[Terminal]:
    """Run `evalkit chat` in a terminal of 40 lines."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        command("chat", *arguments),
        cwd=cwd,
        env=environment(TERM="xterm", COLUMNS="", LINES="", **env),  # the size is the terminal's own
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=_take_terminal,  # noqa: PLW1509  no threads between fork and exec matter to this child
    ) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            os.close(master)


def _take_terminal() -> None:
    """Make the terminal the child's own, so that Ctrl-C typed there reaches it."""
    os.setsid()
    ioctl(0, termios.TIOCSCTTY, 0)


def calls_of(project: str = "local/chat") -> list[dict[str, Any]]:
    with TraceStore(Path(os.environ["EVALKIT_HOME"]) / "weave.sqlite") as store:
        return list(store.calls.stream({"project_id": project}))


def test_a_turn_is_traced_like_the_guides_example(tmp_path: Path) -> None:
    with FakeEndpoint(api_key=CANARY, answers={"Tell me a joke.": "Knock, knock."}) as endpoint:
        done = evalkit(
            *("chat", "Tell me a joke.", "-m", "one", "-m", "two", "--json", "--temperature", "0"),
            *("--base-url", endpoint.url, "--api-key-env", "MY_KEY", "--system", "You are a helpful assistant."),
            cwd=tmp_path,
            env={"MY_KEY": CANARY},
        )
    assert done.code == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["trace"]["error"] is None
    root, *children = sorted(calls_of(), key=lambda call: call["parent_id"] is not None)
    assert shown["trace"]["ref"] == f"weave:///local/chat/call/{root['id']}"
    assert "/op/run_chat:" in root["op_name"]
    assert root["output"] == {"one": "Knock, knock.", "two": "Knock, knock."}
    assert {call["parent_id"] for call in children} == {root["id"]}
    assert [call["inputs"]["model"] for call in children] == ["one", "two"]
    for call, model in zip(children, shown["models"], strict=True):
        assert call["inputs"]["temperature"] == 0
        assert [message["role"] for message in call["inputs"]["messages"]] == ["system", "user"]
        assert call["output"]["choices"][0]["message"]["content"] == "Knock, knock."
        used = call["summary"]["usage"][model["model"]]
        assert used["completion_tokens"] == model["usage"]["completion_tokens"]
    assert set(root["summary"]["usage"]) == {"one", "two"}
    assert_nowhere(tmp_path, done.stdout + done.stderr)


def assert_nowhere(folder: Path, printed: str) -> None:
    assert CANARY not in printed
    homes = [folder, Path(os.environ["EVALKIT_HOME"])]
    for path in (path for home in homes for path in home.rglob("*") if path.is_file()):
        assert CANARY.encode() not in path.read_bytes(), path


def test_an_outage_of_weave_costs_no_answer(tmp_path: Path) -> None:
    with FakeEndpoint(answers={"hello": "Hi"}) as endpoint, FakeEndpoint() as nobody:
        away = nobody.url.removesuffix("/v1")
        done = evalkit(
            *("chat", "hello", "-m", "one", "--base-url", endpoint.url, "--project", "team/project"),
            cwd=tmp_path,
            env={"WANDB_API_KEY": "a" * 40, "WF_TRACE_SERVER_URL": away, "WANDB_BASE_URL": away},
        )
    assert (done.code, done.stdout) == (0, "Hi\n")
    assert "warning: this turn is not traced" in done.stderr


def test_columns_in_a_terminal(tmp_path: Path) -> None:
    with FakeEndpoint(answers={"hello": "Hi there"}) as endpoint:
        asked = ("hello", "-m", "left", "-m", "right", "--base-url", endpoint.url)
        with terminal(tmp_path, *asked) as wide:
            assert wide.end() == 0
        with terminal(tmp_path, *asked, "--no-trace", columns=60) as narrow:
            assert narrow.end() == 0
    assert re.search(r"^Hi there +│ Hi there *$", wide.text, re.MULTILINE)
    assert "trace: weave:///local/chat/call/" in wide.text
    assert "│" not in narrow.text
    assert narrow.text.index("left") < narrow.text.index("right")
    assert "trace" not in narrow.text


def test_ctrl_c_keeps_and_traces_what_was_received(tmp_path: Path) -> None:
    with FakeEndpoint(answers={"hello": ENDLESS}, chunk_s=0.05) as endpoint:
        with terminal(tmp_path, "hello", "-m", "left", "-m", "right", "--base-url", endpoint.url) as screen:
            screen.wait_for("word3")
            screen.press("\x03")
            assert screen.end() == 130
        abandoned = endpoint.stats()["abandoned"]
    assert abandoned == 2
    assert "[interrupted]" in screen.text
    assert "Traceback" not in screen.text
    children = [call for call in calls_of() if call["parent_id"] is not None]
    assert len(children) == 2
    received = [call["output"]["choices"][0]["message"]["content"] for call in children]
    assert all(ENDLESS.startswith(text) for text in received)
    assert any("word3" in text for text in received)
    assert all("interrupted" in call["exception"] for call in children)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_in_a_pipe(tmp_path: Path, number: signal.Signals) -> None:
    with (
        FakeEndpoint(faults={"hang": 1.0}) as endpoint,
        subprocess.Popen(
            command("chat", "hello", "-m", "one", "--json", "--base-url", endpoint.url),
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        while not endpoint.stats()["requests"]:
            assert process.poll() is None
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    (model,) = json.loads(stdout)["models"]
    assert (model["outcome"], model["failure"]["message"]) == ("not_run", "interrupted")


def test_ctrl_c_in_a_conversation_ends_the_answer_not_the_conversation(tmp_path: Path) -> None:
    with (
        FakeEndpoint(answers={"long": ENDLESS, "short": "Hi there"}, chunk_s=0.05) as endpoint,
        terminal(tmp_path, "-m", "one", "--base-url", endpoint.url, "--no-trace") as screen,
    ):
        screen.wait_for("> ")
        screen.press("long\n")
        screen.wait_for("word3")
        screen.press("\x03")
        screen.wait_for("ms\n\n> ")
        screen.press("short\n")
        screen.wait_for("cost unknown\n\n> ")
        screen.press("\x04")
        assert screen.end() == 0
    assert "Hi there" in screen.text


def test_a_second_ctrl_c_does_not_wait_for_weave(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        FakeEndpoint(answers={"hello": ENDLESS}, chunk_s=0.05) as endpoint,
    ):
        away = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"WANDB_API_KEY": "a" * 40, "WF_TRACE_SERVER_URL": away, "WANDB_BASE_URL": away}
        asked = ("hello", "-m", "one", "--base-url", endpoint.url, "--project", "team/project")
        with terminal(tmp_path, *asked, **env) as screen:
            screen.wait_for("word3")
            screen.press("\x03")
            screen.wait_for("saving the trace")
            screen.press("\x03")
            assert screen.end() == 130
    assert "it was not waited for" in screen.text
    assert "Traceback" not in screen.text


TWICE = """
import asyncio
from evalkit.cli.chat_session import stop_on_interrupt

async def hang():
    with stop_on_interrupt(lambda: print("first", flush=True)):
        print("ready", flush=True)
        while True:
            await asyncio.sleep(60)

asyncio.run(hang())
"""


def test_a_second_ctrl_c_ends_what_does_not_stop() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TWICE], env=environment(), stdout=subprocess.PIPE, text=True
    ) as hanging:
        assert hanging.stdout is not None
        assert hanging.stdout.readline() == "ready\n"
        hanging.send_signal(signal.SIGINT)
        assert hanging.stdout.readline() == "first\n"
        hanging.send_signal(signal.SIGINT)
        assert hanging.wait(60) == 130
