"""What `weave:...` names as a baseline: the newest published run, the runs of a board, or one evaluate call."""

import re
from dataclasses import dataclass

from evalkit.errors import ConfigError

__all__ = ["WeaveReference", "is_in_weave", "parse_reference"]

_SCHEME = "weave:"
_LATEST = "weave:latest"
_REF = re.compile(r"weave:///(?P<project>[^/]+/[^/]+)/(?P<kind>call|object)/(?P<name>[^/:]+)(?::(?P<version>[^/:]+))?")


@dataclass(frozen=True, slots=True)
class WeaveReference:
    """A reference as it was written, and its parts; without a project, that of the config."""

    text: str
    project: str | None = None
    call: str | None = None
    board: str | None = None


def is_in_weave(reference: str) -> bool:
    """Whether a baseline's reference means a published run."""
    return reference.startswith(_SCHEME)


def parse_reference(text: str) -> WeaveReference:
    """Read a reference.

    Raises:
        ConfigError: it is none.
    """
    if text == _LATEST:
        return WeaveReference(text)
    found = _REF.fullmatch(text)
    if found is None or (found["kind"] == "object") != (found["version"] is not None):
        raise ConfigError(
            f"baseline {text!r}: write {_LATEST}, a leaderboard weave:///ENTITY/PROJECT/object/NAME:DIGEST, or an "
            "evaluate call weave:///ENTITY/PROJECT/call/ID"
        )
    if found["kind"] == "call":
        return WeaveReference(text, found["project"], call=found["name"])
    return WeaveReference(text, found["project"], board=text)
