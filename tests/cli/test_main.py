"""evalkit.cli itself: the map of commands, and errors to exit codes."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from evalkit import cli as command_line
from evalkit.cli import COMMANDS
from evalkit.errors import (
    AccessError,
    ConfigError,
    DatasetError,
    EvalkitError,
    IncompleteError,
    ProviderError,
    PublishError,
    StoreError,
)
from tests.cli.commands import CommandLine

ROOT = Path(__file__).parents[2]
HEAVY = ("pydantic", "jinja2", "ruamel", "rich", "openai", "weave", "numpy", "pandas", "pyarrow", "scipy", "datasets")


def python(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, input=stdin
    )


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> "type[Failing]":
    """Put a command called `fail` on the map, which raises what the test says."""
    monkeypatch.setattr(command_line, "COMMANDS", {**COMMANDS, "fail": (__name__, "Raise.")})
    return Failing


class Failing:
    """What the command `fail` does."""

    error: BaseException | None = None
    result: object = None


@click.command("fail")
def command() -> object:
    if Failing.error is not None:
        raise Failing.error
    return Failing.result


def test_help_lists_every_command_with_its_line(cli: CommandLine) -> None:
    done = cli("--help")
    assert done.code == 0
    for name, (_, line) in COMMANDS.items():
        first, _, second = name.partition(" ")
        assert first in done.out
        assert second or line in done.out


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("config", "--help"), ("--version",)])
def test_help_costs_no_more_than_click(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys, evalkit.cli\n"
        f"try: evalkit.cli.main({list(arguments)!r})\n"
        "except SystemExit as done: assert not done.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_importing_the_library_imports_nothing_of_it() -> None:
    done = python("-c", "import sys, evalkit\nprint([name for name in sys.modules if name.startswith('evalkit.')])")
    assert done.stdout.strip() == "[]"


def test_the_module_is_the_command_line() -> None:
    done = python("-m", "evalkit", "--version")
    assert done.stdout.startswith("evalkit ")
    assert done.returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_map_is_there(name: str) -> None:
    found = importlib.import_module(COMMANDS[name][0]).command
    assert isinstance(found, click.Command)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("valdate",), "no command is called 'valdate'; did you mean 'validate'?"),
        (("zzz",), "no command is called 'zzz'; evalkit --help lists them"),
        (("config", "shwo"), "no command is called 'shwo'; did you mean 'show'?"),
        (("validate",), "Missing argument 'CONFIG'"),
        (("validate", "x", "--nope"), "No such option"),
        (("--nope",), "No such option"),
    ],
)
def test_wrong_usage_is_2(cli: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_no_command_prints_the_help(cli: CommandLine) -> None:
    done = cli()
    assert done.code == 2
    assert "Commands:" in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("what"), 2),
        (DatasetError("what"), 2),
        (StoreError("what"), 2),
        (IncompleteError("what"), 3),
        (ProviderError("what"), 3),
        (PublishError("what"), 4),
        (AccessError("what"), 6),
        (EvalkitError("what"), 70),
        (ExceptionGroup("several", [ValueError("x"), AccessError("what")]), 6),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_of_ours_is_its_message_and_its_code(
    cli: CommandLine, failing: type[Failing], monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr(failing, "error", error)
    done = cli("fail")
    assert (done.code, done.out, done.err) == (code, "", "what\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), EOFError()], ids=repr)
def test_an_interrupt_is_130(
    cli: CommandLine, failing: type[Failing], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(failing, "error", error)
    done = cli("fail")
    assert (done.code, done.err) == (130, "interrupted; what was finished is saved\n")


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (3, 3)])
def test_a_command_returns_its_code(
    cli: CommandLine, failing: type[Failing], monkeypatch: pytest.MonkeyPatch, result: object, code: int
) -> None:
    monkeypatch.setattr(failing, "result", result)
    assert cli("fail").code == code


def test_a_bug_is_70_with_a_sentence_and_a_traceback_without_secrets(
    cli: CommandLine, failing: type[Failing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "key-of-a-test")
    monkeypatch.setenv("my_password", "hunter2")
    monkeypatch.setenv("A_TOKEN", "ab")
    monkeypatch.setattr(failing, "error", ValueError("sent key-of-a-test and hunter2 to ab"))
    done = cli("fail")
    assert done.code == 70
    first = done.err.splitlines()[0]
    assert first == (
        "a bug in evalkit: ValueError: sent <WANDB_API_KEY> and <my_password> to ab; please report it with what follows"
    )
    assert "Traceback" in done.err
    assert "key-of-a-test" not in done.err
    assert "hunter2" not in done.err


def test_control_characters_are_not_printed(
    cli: CommandLine, failing: type[Failing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing, "error", ConfigError("a\x1b[31mred\x07\nnext\tline\x9b2J"))
    assert cli("fail").err == "a[31mred\nnext\tline2J\n"


def test_a_reader_that_leaves_early_is_no_bug() -> None:
    done = subprocess.run(
        f"{sys.executable} -m evalkit schema | head -n 1; echo ${{PIPESTATUS[0]}}",
        cwd=ROOT,
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "{\n0\n"
    assert done.stderr == ""
