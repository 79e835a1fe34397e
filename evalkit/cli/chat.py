"""`evalkit chat`: one prompt to several models, side by side."""

import asyncio
import sys
from pathlib import Path

import click

from evalkit.cli.chat_plan import Asked, plan_chat, read_settings
from evalkit.cli.chat_prompt import converse
from evalkit.cli.chat_screen import JsonScreen, LiveScreen, PlainScreen
from evalkit.cli.chat_session import Chat, hold_chat
from evalkit.errors import ConfigError, ExitCode
from evalkit.records import Json

__all__ = ["command"]

_HELP = "Ask several models one prompt and see the answers side by side."
_STDIN = "-"


@click.command("chat", help=_HELP)
@click.argument("prompt", required=False)
@click.option("-m", "--model", "models", multiple=True, help="A model's id; with --config, a label or a glob.")
@click.option("--file", "prompt_file", type=click.Path(path_type=Path), help="Read the prompt from this file.")
@click.option("--config", type=click.Path(path_type=Path), help="Take models, providers and weave from this config.")
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--provider", metavar="NAME", help="Who serves -m: wandb (the default), openai, local, or of --config.")
@click.option("--base-url", metavar="URL", help="Ask this OpenAI-compatible server.")
@click.option("--api-key-env", metavar="VAR", help="The variable that holds the key for --base-url.")
@click.option("--project", metavar="TEAM/PROJECT", help="Whose limits and credits it counts for; also traced there.")
@click.option("--no-trace", is_flag=True, help="Record nothing in Weave.")
@click.option("--system", help="System prompt of every model.")
@click.option("--temperature", type=float, help="How freely tokens are drawn; 0 takes the likeliest.")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of an answer.")
@click.option("--top-p", type=float, help="Draw from the likeliest tokens of this share.")
@click.option("--seed", type=int, help="Draw the same way again, where the server can.")
@click.option("--stop", multiple=True, metavar="TEXT", help="End the answer at this text.")
@click.option("--param", "extra", multiple=True, metavar="KEY=VALUE", help="Another parameter; JSON or text.")
@click.option("--show-reasoning", is_flag=True, help="Show what a model thinks before it answers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def command(
    prompt: str | None,
    *,
    prompt_file: Path | None,
    extra: tuple[str, ...],
    show_reasoning: bool,
    as_json: bool,
    **options: Json,
) -> ExitCode:
    """Ask the prompt; without one, in a terminal, keep asking for the next. Return what the answers mean."""
    asked = Asked(**{name: options.pop(name) for name in Asked.__dataclass_fields__})
    system, stop = options.pop("system"), list(options.pop("stop"))
    plan = plan_chat(asked, read_settings({**options, "stop": stop or None}, extra), system)
    text = _prompt(prompt, prompt_file)
    if text is None and as_json:
        raise ConfigError("--json needs a prompt: an argument, --file, or text on stdin")
    if as_json:
        screen = JsonScreen(project=None if plan.weave.backend == "off" else plan.weave.project)
    else:
        screen = (LiveScreen if sys.stdout.isatty() else PlainScreen)(shows_reasoning=show_reasoning)

    async def once(chat: Chat) -> ExitCode:
        turn = await chat.take_turn(text or "")
        return turn.exit_code if await chat.settle(turn) else ExitCode.INTERRUPTED

    return asyncio.run(hold_chat(plan, screen, converse if text is None else once))


def _prompt(argument: str | None, file: Path | None) -> str | None:
    """Return the prompt: the argument, the file's or the piped text; None when a person is to be asked for it."""
    if argument is not None and file is not None:
        raise ConfigError("the prompt is given twice: as an argument and as --file")
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--file {file} cannot be read: {error}") from None
    elif argument is not None and argument != _STDIN:
        text = argument
    elif argument is None and sys.stdin.isatty():
        return None
    else:
        text = sys.stdin.read()
    if not text.strip():
        raise ConfigError("the prompt is empty: give it as an argument, in a --file, or on stdin")
    return text.strip("\n")
