"""`evalkit local`: the small model that runs on this machine."""

import click

from evalkit.local_weights import pull_weights

__all__ = ["command"]


@click.group("local", help="Manage the small model that runs on this machine.")
def command() -> None:
    """Group the commands of the local model."""


@command.command("pull", help="Fetch the small model's pinned weights, check their SHA-256, keep them.")
def pull() -> int:
    """Print the weights' path on stdout."""
    path = pull_weights(tell=lambda step: click.echo(step, err=True))
    click.echo(str(path))
    return 0
