"""The command line: which command is in which module, and how an error becomes an exit code."""

import difflib
import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn, cast

import click

import evalkit
from evalkit.errors import EvalkitError, ExitCode

__all__ = ["COMMANDS", "main"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("evalkit.cli.init", "Write a commented config and rows to start from."),
    "validate": ("evalkit.cli.validate", "Check a config, its datasets and its scorers; ask no model."),
    "plan": ("evalkit.cli.plan", "Say what a run would take, and what its gate could notice."),
    "run": ("evalkit.cli.run", "Ask every model every evaluation, score, report and publish."),
    "chat": ("evalkit.cli.chat", "Ask several models one prompt and see the answers side by side."),
    "show": ("evalkit.cli.show", "Show a run, or one sample of it in full."),
    "score": ("evalkit.cli.score", "Score the stored answers of a run again; ask no model."),
    "compare": ("evalkit.cli.compare", "Compare runs, or models of them, sample by sample."),
    "calibrate": ("evalkit.cli.calibrate", "Say how often each gate rule would fail with nothing changed."),
    "report": ("evalkit.cli.report", "Build the report of a stored run again."),
    "publish": ("evalkit.cli.publish", "Publish a stored run to Weave."),
    "merge": ("evalkit.cli.merge", "Join the shards of a split run into one run."),
    "gate": ("evalkit.cli.gate", "Hold a stored run to its gate's rules; ask no model."),
    "baseline set": ("evalkit.cli.baseline_set", "Make a run the baseline, with a reason."),
    "baseline show": ("evalkit.cli.baseline_show", "Show what a baseline holds, who set it, when and why."),
    "baseline verify": (
        "evalkit.cli.baseline_verify",
        "Check a baseline file, and against its run where that is here.",
    ),
    "baseline diff": ("evalkit.cli.baseline_diff", "Show what changes from a baseline to a run or another baseline."),
    "nightly": ("evalkit.cli.nightly", "Run tonight's comparison, with a morning report and alerts."),
    "history": ("evalkit.cli.history", "Show past runs: scores, failures, verdict, cost."),
    "history import": ("evalkit.cli.history_import", "Register run folders in the history."),
    "history forget": ("evalkit.cli.history_forget", "Forget old runs; their folders stay."),
    "trend": ("evalkit.cli.trend", "Show a metric over nights, with intervals, moves and releases."),
    "flips": ("evalkit.cli.flips", "Show which samples newly fail, flip, or have recovered."),
    "quarantine add": ("evalkit.cli.quarantine_add", "Set samples aside from nightly claims until a day."),
    "quarantine list": ("evalkit.cli.quarantine_list", "Show what is set aside, why, until when, and what it weighs."),
    "quarantine remove": ("evalkit.cli.quarantine_remove", "Let samples count again."),
    "schedule show": ("evalkit.cli.schedule_show", "Print a ready file for cron, systemd, GitHub, GitLab, Kubernetes."),
    "alert test": ("evalkit.cli.alert_test", "Send a marked test alert through each channel of a config."),
    "cache explain": ("evalkit.cli.cache_explain", "Say of each call whether the shared cache has it, and why not."),
    "cache info": ("evalkit.cli.cache_info", "Show what the shared cache holds, by model."),
    "cache clear": ("evalkit.cli.cache_clear", "Forget cached answers: all, a model's, or old ones."),
    "config show": ("evalkit.cli.config_show", "Print each effective value with its origin."),
    "schema": ("evalkit.cli.schema", "Print the config's JSON Schema, for editors."),
    "doctor": ("evalkit.cli.doctor", "Check keys, project, models, limits and Weave; say what to do."),
    "models": ("evalkit.cli.models", "Show what an endpoint serves beside what is known of it."),
    "server": ("evalkit.cli.server", "Serve the embedded Weave store on loopback."),
    "local": ("evalkit.cli.local", "Manage the small model that runs on this machine."),
}
"""Command -> its module, which has a click command called `command`, and the line that --help prints."""

_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_SHORTEST_SECRET = 6
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_GROUPS = {
    "alert": "Look after those who are told of a night.",
    "baseline": "Keep the run that others are held to: a small file, to be reviewed.",
    "cache": "Look into the answers that runs with run.cache: shared use again.",
    "config": "Look at a config as a run would see it.",
    "quarantine": "Set unstable samples aside from nightly claims for a while: a small file, to be reviewed.",
    "schedule": "Let another system's clock start a night.",
}


class _CommandMap(click.Group):
    """Commands that are imported when they are used, so that --help costs no more than click."""

    def __init__(self, name: str, modules: Mapping[str, tuple[str, str]], *, help: str) -> None:  # noqa: A002  click's word
        super().__init__(name, help=help, context_settings={"help_option_names": ["-h", "--help"]})
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(dict.fromkeys(name.split()[0] for name in self._modules))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._modules:
            command: click.Command = importlib.import_module(self._modules[cmd_name][0]).command
            return command
        if cmd_name in _GROUPS:
            first = f"{cmd_name} "
            below = {name[len(first) :]: found for name, found in self._modules.items() if name.startswith(first)}
            return _CommandMap(cmd_name, below, help=_GROUPS[cmd_name])
        close = difflib.get_close_matches(cmd_name, self.list_commands(ctx), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "evalkit --help lists them"
        raise click.UsageError(f"no command is called {cmd_name!r}; {hint}", ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = " ".join(args[:2])
        if args[0] in self._modules and name in self._modules:  # a command that has commands of its own beside it
            return name, self.get_command(ctx, name), args[2:]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lines = {name: self._modules.get(name, ("", _GROUPS.get(name, "")))[1] for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl(list(lines.items()))


def _evalkit() -> click.Group:
    group = _CommandMap(
        "evalkit", COMMANDS, help="Evaluate language models from one YAML file: run, score, rank, publish."
    )
    flag = click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
    return flag(group)


def _print_version(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:  # noqa: FBT001  click's signature
    if is_wanted:
        click.echo(f"evalkit {evalkit.__version__}")
        ctx.exit()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: with what the command returns, or with the code of the error it raised."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    try:
        group = _evalkit()
        with group.make_context("evalkit", arguments) as context:
            return int(group.invoke(context) or ExitCode.DONE)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort, EOFError):
        _say("interrupted; what was finished is saved")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001  the one place where every error ends
        return _report(error)


def _report(error: Exception) -> int:
    known = next((each for each in _parts(error) if isinstance(each, EvalkitError)), None)
    if known is not None:
        _say(str(known))
        return known.exit_code
    if isinstance(error, BrokenPipeError) and _reader_is_gone():
        return ExitCode.DONE
    _say(f"a bug in evalkit: {type(error).__name__}: {error}; please report it with what follows")
    _say("".join(traceback.format_exception(error)))
    return ExitCode.BUG


def _parts(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _parts(inner)


def _reader_is_gone() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _say(text: str) -> None:
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, f"<{name}>")
    click.echo(_CONTROL.sub("", text), err=True)
