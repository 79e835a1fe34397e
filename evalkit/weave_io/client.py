"""A Weave client over the embedded store, installed for the time of a block."""

import contextlib
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import PublishError
from evalkit.weave_io.local_store import LocalTraceStore
from evalkit.weave_io.sdk_environment import prepare_environment

if TYPE_CHECKING:
    from weave.trace.weave_client import WeaveClient

__all__ = ["default_store_path", "finish_client", "open_local_client", "split_project"]

FINISH_S = 120.0
"""Longest wait for the SDK to hand over what it holds, in seconds."""

AFTER_ERROR_S = 10.0
"""The same, when the block has failed anyway."""


def default_store_path(env: Mapping[str, str], cwd: Path) -> Path:
    """Return where the embedded store is: below `$EVALKIT_HOME`, else below `.evalkit` in `cwd`."""
    home = env.get("EVALKIT_HOME")
    return (Path(home).expanduser() if home else cwd / ".evalkit") / "weave.sqlite"


def split_project(project: str) -> tuple[str, str]:
    """Return entity and project; a bare name belongs to the entity `local`."""
    entity, slash, name = project.partition("/")
    return (entity, name) if slash else ("local", project)


@contextlib.contextmanager
def open_local_client(store_path: Path, project: str) -> "Generator[WeaveClient]":
    """Yield a Weave client whose server is the store at `store_path`, as the process's global client.

    Ops and the supported libraries (openai and others) are traced into it. On leaving, everything is on disk or an
    error says so, calls left unfinished are ended as aborted, and the client that was there before is back.
    `weave.init` must not be called inside the block: it knows nothing of this client and would go to the network.

    Raises:
        PublishError: the SDK did not hand over its work in time.
        StoreError: the store cannot be opened or written.
    """
    prepare_environment()
    from weave.integrations.patch import implicit_patch, register_import_hook, unregister_import_hook
    from weave.trace.context.weave_client_context import get_weave_client
    from weave.trace.weave_client import WeaveClient

    entity, name = split_project(project)
    server = LocalTraceStore(store_path)
    before = get_weave_client()
    try:
        client = WeaveClient(entity, name, server)  # pyright: ignore[reportArgumentType]  the store answers by name, see LocalTraceStore
        _install(client)
        implicit_patch()
        register_import_hook()
        with _handing_over(client):
            yield client
    finally:
        if before is None:
            unregister_import_hook()
        _install(before)
        server.close()


@contextlib.contextmanager
def _handing_over(client: "WeaveClient") -> Generator[None]:
    try:
        yield
    except GeneratorExit:
        raise  # nobody left the block: the interpreter is ending and the exit hooks have done the work
    except BaseException:
        # What was recorded up to the error is worth keeping; the error itself is what must be told.
        with contextlib.suppress(PublishError):
            finish_client(client, AFTER_ERROR_S)
        raise
    else:
        finish_client(client)


def finish_client(client: "WeaveClient", timeout_s: float = FINISH_S) -> None:
    """Wait until everything the client holds is on disk.

    Raises:
        PublishError: it took longer than `timeout_s`, or the store could not write.
    """
    failures: list[BaseException] = []

    def finish() -> None:
        try:
            client.finish(use_progress_bar=False)
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=finish, name="evalkit-weave-finish", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        raise PublishError(f"Weave still holds unsent work after {timeout_s:g} s; the run is whole, publish it again")
    if failures:
        raise PublishError(f"Weave could not hand over its work: {failures[0]}") from failures[0]


def _install(client: "WeaveClient | None") -> None:
    from weave.trace.context.weave_client_context import set_weave_client_global

    set_weave_client_global(None)  # it refuses to replace a client by another
    set_weave_client_global(client)
