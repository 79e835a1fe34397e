"""`evalkit schema`: the config's JSON Schema, or every key as a Markdown page."""

import json

import click

from evalkit.config.json_schema import config_schema
from evalkit.config.reference import render_reference

__all__ = ["command"]


@click.command("schema")
@click.option("--markdown", is_flag=True, help="Print configs/README.md instead: every key, as a page.")
def command(*, markdown: bool) -> None:
    """Print the config's JSON Schema, for editors.

    In VS Code's YAML extension, begin a config with "# yaml-language-server: $schema=evalkit.schema.json".
    """
    click.echo(render_reference() if markdown else json.dumps(config_schema(), indent=2), nl=not markdown)
