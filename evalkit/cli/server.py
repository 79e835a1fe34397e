"""`evalkit server`: the embedded Weave store over loopback HTTP."""

import asyncio
import logging
import os
from pathlib import Path

import click

from evalkit.errors import ConfigError
from evalkit.weave_io.client import default_store_path
from evalkit.weave_io.server import client_environment, serve

__all__ = ["command"]


@click.command("server", help="Serve the embedded Weave store on loopback, for any unmodified Weave script.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any free one", help="The port to bind.")
@click.option("--token-env", metavar="NAME", help="The variable whose value is the only key accepted.")
@click.option("--store", type=click.Path(path_type=Path), help="The store's file [default: .evalkit/weave.sqlite].")
def command(port: int, token_env: str | None, store: Path | None) -> int:
    """Print the address on stdout, the environment for clients on stderr, and serve until stopped."""
    token = _token(token_env)
    path = store or default_store_path(os.environ, Path.cwd())
    logging.basicConfig(level=logging.WARNING, format="%(message)s")

    def announce(address: str) -> None:
        key = f'"${token_env}"' if token_env else "local"
        lines = "\n".join(f"export {name}={value}" for name, value in client_environment(address, key).items())
        click.echo(f"Serving {path}. For the scripts that should use it:\n{lines}", err=True)
        click.echo(address)

    asyncio.run(serve(path, port=port, token=token, announce=announce))
    return 0


def _token(name: str | None) -> str | None:
    if name is None:
        return None
    token = os.environ.get(name)
    if not token:
        raise ConfigError(f"--token-env: the variable {name} is not set; set it to the key that clients must send")
    return token
