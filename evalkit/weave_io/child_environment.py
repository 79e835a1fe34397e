"""The environment of the process that publishes: what the SDK must be told, and what it must not see."""

from collections.abc import Mapping

__all__ = ["child_environment"]

_SDK_SETTINGS = {
    "WEAVE_USE_SERVER_CACHE": "false",  # it is keyed by content, not by server: another store would be left empty
    "WEAVE_PRINT_CALL_LINK": "false",
    "WEAVE_LOG_LEVEL": "WARNING",
    "WANDB_ERROR_REPORTING": "false",
    "WEAVE_PARALLELISM": "32",
}
_OURS_TO_SET = ("WEAVE_",)
_REMOTE = ("WANDB_", "WF_")
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


def child_environment(backend: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for publishing to `backend`.

    For the local store nothing that names a server or a key is left, whatever is exported; for W&B its own variables
    are kept, and no other secret.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OURS_TO_SET) and not _is_foreign(name, backend)
    }
    return {**kept, **_SDK_SETTINGS}


def _is_foreign(name: str, backend: str) -> bool:
    if name.startswith(_REMOTE):
        return backend != "wandb"
    return any(word in name.upper() for word in _SECRET_WORDS)
