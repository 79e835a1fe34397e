"""Refs to values: `weave:///entity/project/object/name:version` and the path into it."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_errors import bad_request
from evalkit.weave_io.store_objects import read_object
from evalkit.weave_io.store_tables import read_row

__all__ = ["RefReader"]

_SCHEME = "weave:///"
_MAX_HOPS = 32


@dataclass(frozen=True, slots=True)
class _Ref:
    project_id: str
    kind: str
    name: str
    version: str
    path: tuple[tuple[str, str], ...]


class RefReader:
    """Resolves refs. A path that leads nowhere reads as None; a missing object or row is an error."""

    def __init__(self, database: StoreDatabase) -> None:
        """Read from `database`."""
        self._database = database

    def read_batch(self, refs: Sequence[str]) -> list[Any]:
        """Return the value of each ref, in order.

        Raises:
            RequestError: a ref is malformed, or names an object or a row that is not there.
        """
        with self._database.reading() as connection:
            known: dict[tuple[str, ...], Any] = {}
            return [_resolve(connection, _parse(ref), known, hops=0) for ref in refs]


def _parse(ref: str) -> _Ref:
    parts = ref.removeprefix(_SCHEME).split("/")
    if not ref.startswith(_SCHEME) or len(parts) % 2:
        raise bad_request(f"not a weave ref: {ref}")
    try:
        entity, project, kind, name = parts[:4]
    except ValueError:
        raise bad_request(f"not a weave ref: {ref}") from None
    if kind not in {"object", "op"}:
        raise bad_request(f"only refs to objects and ops can be read, not {ref}")
    stem, colon, version = name.rpartition(":")
    path = [unquote(part) for part in parts[4:]]
    steps = tuple(zip(path[::2], path[1::2], strict=True))
    return _Ref(f"{entity}/{project}", kind, stem if colon else name, version if colon else "latest", steps)


def _resolve(connection: sqlite3.Connection, ref: _Ref, known: dict[tuple[str, ...], Any], *, hops: int) -> Any:
    if hops > _MAX_HOPS:
        raise bad_request(f"{ref.name} refers to itself")
    key = (ref.project_id, ref.kind, ref.name, ref.version)
    if key not in known:
        known[key] = read_object(connection, ref.project_id, ref.name, ref.version, kind=ref.kind)["val"]
    value = known[key]
    for edge, step in ref.path:
        value = _follow(connection, value, known, hops=hops) if edge != "id" else value
        value = _step(connection, ref.project_id, value, edge, step)
    return value


def _follow(connection: sqlite3.Connection, value: Any, known: dict[tuple[str, ...], Any], *, hops: int) -> Any:
    if isinstance(value, str) and value.startswith(_SCHEME) and "/table/" not in value and "/call/" not in value:
        return _resolve(connection, _parse(value), known, hops=hops + 1)
    return value


def _step(connection: sqlite3.Connection, project_id: str, value: Any, edge: str, step: str) -> Any:
    if edge in {"attr", "key"}:
        return value.get(step) if isinstance(value, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  any JSON
    if edge == "index":
        return value[int(step)] if isinstance(value, list) and 0 <= int(step) < len(value) else None  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  any JSON
    if edge == "id":
        owner = "/".join(value.removeprefix(_SCHEME).split("/")[:2]) if isinstance(value, str) else project_id
        return read_row(connection, owner, step)
    raise bad_request(f"a ref's path has attr, key, index and id, not {edge!r}")
