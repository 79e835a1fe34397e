"""The question before something is forgotten for good."""

import click

from evalkit.errors import ConfigError

__all__ = ["confirm"]


def confirm(question: str) -> None:
    """Ask, on stderr.

    Raises:
        ConfigError: the answer is no, or there is nobody to ask.
    """
    try:
        agrees = click.confirm(question, err=True)
    except click.Abort:
        agrees = False
    if not agrees:
        raise ConfigError("nothing was forgotten; answer y, or give --yes")
