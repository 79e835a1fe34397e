"""An interactive chat: prompts and commands typed by a person, one after another."""

import asyncio
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from evalkit.cli.chat_figures import describe_turn
from evalkit.cli.chat_session import Chat
from evalkit.errors import ExitCode
from evalkit.playground import Turn
from evalkit.report.numbers import plural

__all__ = ["converse"]

_HELP = """/system TEXT  set the system prompt of every model (/system alone shows it)
/clear        forget the conversation
/save FILE    write the conversation as JSON
/quit         leave (so does Ctrl-D); Ctrl-C stops an answer"""


async def converse(chat: Chat) -> ExitCode:
    """Ask for prompts until the person leaves; every model remembers its own answers."""
    _edit_lines()
    click.echo("Type a prompt; /help lists the commands.", err=True)
    last: Turn | None = None
    code = ExitCode.DONE
    while True:
        try:
            typed = _next_line()
        except KeyboardInterrupt:
            click.echo(err=True)
            code = ExitCode.INTERRUPTED
            break
        if typed is None:
            break
        if typed.startswith("/"):
            if not _obey(chat, typed):
                break
        elif typed.strip():
            last = await chat.take_turn(typed.strip())
            chat.tell_traces()
        await asyncio.sleep(0)
    if last is not None:
        await chat.settle(last)
    return code


def _next_line() -> str | None:
    """Return one line, None at the end of input; the loop stands still meanwhile, for nothing else is to be done."""
    try:
        return input("\n> ")
    except EOFError:
        click.echo(err=True)
        return None


def _edit_lines() -> None:
    """Give `input` arrow keys and a history, where the system has them."""
    try:
        importlib.import_module("readline")
    except ImportError:
        return


def _obey(chat: Chat, typed: str) -> bool:
    """Do what a command says; False when it is to leave."""
    name, _, rest = typed.partition(" ")
    if name in {"/quit", "/exit"}:
        return False
    action = _ACTIONS.get(name)
    if action is None:
        click.echo(
            f"no command is called {name}; /help lists them, and a space in front sends the line as it is", err=True
        )
    else:
        click.echo(action(chat, rest.strip()), err=True)
    return True


def _clear(chat: Chat, _rest: str) -> str:
    chat.conversation.clear()
    return "forgotten"


def _system(chat: Chat, rest: str) -> str:
    if rest:
        chat.conversation.system = rest
        return "system prompt set"
    own = {bound.label: bound.spec.system for bound in chat.conversation.models}
    systems = own if chat.conversation.system is None else dict.fromkeys(own, chat.conversation.system)
    return "\n".join(f"{label}: {system or 'no system prompt'}" for label, system in systems.items())


def _save(chat: Chat, rest: str) -> str:
    if not rest:
        return "name a file: /save chat.json"
    turns = [describe_turn(turn, None, project=None) for turn in chat.conversation.turns]
    try:
        Path(rest).expanduser().write_text(
            json.dumps({"turns": turns}, indent=1, default=dict) + "\n", encoding="utf-8"
        )
    except OSError as error:
        return f"{rest} cannot be written: {error.strerror}"
    return f"saved {plural(len(turns), 'turn')} in {rest}"


def _help(_chat: Chat, _rest: str) -> str:
    return _HELP


_ACTIONS: Mapping[str, Callable[[Chat, str], str]] = {
    "/clear": _clear,
    "/help": _help,
    "/save": _save,
    "/system": _system,
}
