"""What a child process that speaks to Weave does first: its environment, its stdout, its client."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from evalkit.errors import EvalkitError, PublishError
from evalkit.weave_io.child_environment import child_environment
from evalkit.weave_io.client import open_local_client
from evalkit.weave_io.sdk_environment import prepare_environment

if TYPE_CHECKING:
    from weave.trace.weave_client import WeaveClient

__all__ = ["clean_environment", "open_client", "sentence", "take_stdout"]

_CREDENTIALS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")


def clean_environment(backend: str) -> None:
    """Forget every variable that a child for this backend must not see; call it before anything imports weave."""
    kept = child_environment(backend, os.environ)
    os.environ.clear()
    os.environ.update(kept)


def take_stdout() -> TextIO:
    """Keep stdout for our lines: whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


@contextlib.contextmanager
def open_client(backend: str, project: str, store: Path | None) -> Generator["WeaveClient"]:
    """Open W&B, or the embedded store, as the SDK's global client.

    Raises:
        PublishError: the key, the project or the store's path is missing.
    """
    prepare_environment()
    if backend == "wandb":
        if not any(os.environ.get(name) for name in _CREDENTIALS):
            # The SDK would ask for a key on stdin, which is not a person's.
            raise PublishError(
                "WANDB_API_KEY is not set; export it, or publish to the embedded store (--backend local)"
            )
        if project.startswith("local/"):
            raise PublishError("W&B needs a project; set weave.project, or give --project entity/project")
        import weave

        yield weave.init(project)
        return

    if store is None:
        raise PublishError("the embedded store needs a path; give --store PATH")
    with open_local_client(store, project) as client:
        yield client


def sentence(error: Exception) -> str:
    """Return what is told of an error: our own words, or the kind of another's and its words."""
    return str(error) if isinstance(error, EvalkitError) else f"{type(error).__name__}: {error}"
