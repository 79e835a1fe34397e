"""`evalkit config show`: each value a run would use, and who said so."""

import json
from pathlib import Path

import click

from evalkit.config.load import load_config
from evalkit.config.loaded import EffectiveValue
from evalkit.config.nodes import dotted

__all__ = ["command"]

_LONGEST_VALUE = 60


@click.command("show")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of {path, value, origin}.")
def command(config: Path, profile: str | None, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Print each effective value of CONFIG with its origin.

    An origin is a file with line and column, a profile, --set, built in (a provider that needs no entry), or default.
    What is not set and has no default is left out; --json lists it as null.
    """
    effective = load_config(config, profile=profile, overrides=overrides).effective
    if as_json:
        rows = [{"path": dotted(each.path), "value": each.value, "origin": each.origin} for each in effective]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    set_values = [each for each in effective if each.value is not None or each.origin != "default"]
    lines = [(f"{dotted(each.path)}: {_short(each)}", each.origin) for each in set_values]
    width = min(max(len(line) for line, _ in lines), 2 * _LONGEST_VALUE)
    for line, origin in lines:
        click.echo(f"{line:<{width}}  # {origin}")


def _short(each: EffectiveValue) -> str:
    text = json.dumps(each.value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
