"""Files of ours that people keep in git: JSON that says its format's version, read strictly."""

import json
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from evalkit.config.spec import Json, Spec
from evalkit.errors import ConfigError

__all__ = ["read_committed"]

_Content = TypeVar("_Content", bound=Spec)


def read_committed(
    path: Path, spec: type[_Content], *, kind: str, version: int, mend: str
) -> tuple[_Content, dict[str, Json]]:
    """Read a file of a kind, which is also the key of its version; return it checked, and as it stands.

    Raises:
        ConfigError: it cannot be read, is of another kind or version, or a value does not fit; `mend` says what to do.
    """
    try:
        plain: Json = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_doubles)
    except OSError as error:
        raise ConfigError(f"{path}: the {kind} cannot be read ({error.strerror}); {mend}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not a {kind} ({error}); {mend}") from None
    if not (isinstance(plain, dict) and kind in plain):
        raise ConfigError(f"{path}: not a {kind}, which begins with its format's version; {mend}")
    content = cast("dict[str, Json]", plain)
    if content[kind] != version:
        raise ConfigError(f"{path}: a {kind} of version {content[kind]}; this evalkit reads {version}")
    try:
        return spec.model_validate(content), content
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']}; {mend}") from None


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
