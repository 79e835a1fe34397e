"""Objects and ops with their versions: published once per digest, read by digest, `latest`, `vN`, tag or alias."""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.weave_io.store_codec import decode_json, encode_json, from_micros, now_micros
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_digests import digest_object
from evalkit.weave_io.store_errors import bad_request, not_found

__all__ = ["ObjectRoom", "read_object"]

_COLUMNS = (
    "project_id", "kind", "object_id", "version_index", "digest", "base_object_class", "leaf_object_class",
    "created_at", "deleted_at", "wb_user_id",
)  # fmt: skip
_LATEST = (
    "(deleted_at IS NULL AND version_index = (SELECT MAX(version_index) FROM objects AS other WHERE"
    " other.project_id = objects.project_id AND other.kind = objects.kind AND other.object_id = objects.object_id"
    " AND other.deleted_at IS NULL))"
)
_HEAD = f"{', '.join(_COLUMNS)}, {_LATEST} AS is_latest"
_VERSION = re.compile(r"v(\d+)")


class ObjectRoom:
    """Takes and answers objects. A version number is given inside the transaction, so it is never given twice."""

    def __init__(self, database: StoreDatabase) -> None:
        """Use `database`."""
        self._database = database

    def create(self, obj: Mapping[str, Any]) -> str:
        """Publish an object and return its digest; the same content again makes no new version.

        Raises:
            RequestError: the value does not fit its class, or `expected_digest` is another one.
        """
        wanted = obj.get("builtin_object_class") or obj.get("set_base_object_class")
        result = digest_object(obj["object_id"], obj["val"], wanted, obj.get("expected_digest"))
        row = (
            result.digest, encode_json(result.processed_val), result.base_object_class, result.leaf_object_class,
            now_micros(), obj.get("wb_user_id"),
        )  # fmt: skip
        key = (obj["project_id"], _kind(result.processed_val), obj["object_id"])
        self._database.write(lambda connection: _publish(connection, key, row))
        return result.digest

    def read(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return one version of an object.

        Raises:
            RequestError: it is not there, or it was deleted.
        """
        with self._database.reading() as connection:
            found = read_object(connection, request["project_id"], request["object_id"], request["digest"])
            if request.get("metadata_only"):
                found["val"] = {}
            return _labelled(connection, found) if request.get("include_tags_and_aliases") else found

    def query(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the versions that the request selects, oldest first when it names no order."""
        parts, values = _filters(request["project_id"], request.get("filter") or {})
        limit = request.get("limit")
        light = request.get("metadata_only")
        text = (
            f"SELECT {_HEAD}, {'NULL' if light else 'val'} FROM objects WHERE {' AND '.join(parts)}"  # noqa: S608  values are bound
            f" ORDER BY {_order(request.get('sort_by') or ())} LIMIT ? OFFSET ?"
        )
        values += [-1 if limit is None else limit, request.get("offset") or 0]
        with self._database.reading() as connection:
            found = [_object(row) for row in connection.execute(text, values)]
            return [_labelled(connection, item) for item in found] if request.get("include_tags_and_aliases") else found

    def delete(self, project_id: str, object_id: str, digests: Sequence[str] | None) -> list[dict[str, Any]]:
        """Delete versions (every version without `digests`) and return what was deleted."""

        def remove(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            gone = _versions(connection, project_id, object_id, digests)
            for item in gone:
                connection.execute(
                    "UPDATE objects SET deleted_at = ? WHERE project_id = ? AND object_id = ? AND digest = ?",
                    (now_micros(), project_id, object_id, item["digest"]),
                )
            return gone

        return self._database.write(remove)


def read_object(
    connection: sqlite3.Connection, project_id: str, object_id: str, version: str, *, kind: str | None = None
) -> dict[str, Any]:
    """Return one version of an object by digest, `latest`, `vN`, tag or alias; deleted ones raise.

    Where an op and an object share a name and `kind` does not tell, the newest of them is meant.

    Raises:
        RequestError: it is not there, or it was deleted.
    """
    condition, value = _which(version)
    rows = connection.execute(
        f"SELECT {_HEAD}, val FROM objects WHERE project_id = ? AND object_id = ? AND (kind = ? OR ? IS NULL)"  # noqa: S608  values are bound
        f" AND {condition} ORDER BY deleted_at IS NOT NULL, created_at DESC, version_index DESC LIMIT 1",
        (project_id, object_id, kind, kind, *value),
    ).fetchall()
    if not rows:
        raise not_found(f"no object {object_id}:{version} in {project_id}")
    found = _object(rows[0])
    if found["deleted_at"] is not None:
        raise not_found(f"{object_id}:{version} in {project_id} was deleted", deleted_at=found["deleted_at"])
    return found


def _publish(connection: sqlite3.Connection, key: tuple[str, str, str], row: tuple[Any, ...]) -> None:
    connection.execute("INSERT OR IGNORE INTO projects VALUES (?, ?)", (key[0], now_micros()))
    connection.execute(
        "INSERT INTO objects (project_id, kind, object_id, version_index, digest, val, base_object_class,"
        " leaf_object_class, created_at, wb_user_id) VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(version_index) + 1, 0)"
        " FROM objects WHERE project_id = ?1 AND kind = ?2 AND object_id = ?3), ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (project_id, kind, object_id, digest) DO UPDATE SET deleted_at = NULL",
        (*key, *row),
    )


def _which(version: str) -> tuple[str, tuple[Any, ...]]:
    if version == "latest":
        return _LATEST, ()
    if numbered := _VERSION.fullmatch(version):
        return "(version_index = ? OR digest = ?)", (int(numbered[1]), version)
    labelled = "(SELECT digest FROM labels WHERE labels.project_id = objects.project_id AND"
    return f"(digest = ? OR digest IN {labelled} labels.object_id = objects.object_id AND label = ?))", (
        version,
        version,
    )


def _filters(project_id: str, chosen: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    parts, values = ["project_id = ?", "deleted_at IS NULL"], [project_id]
    if chosen.get("is_op") is not None:
        parts.append("kind = 'op'" if chosen["is_op"] else "kind = 'object'")
    if chosen.get("latest_only"):
        parts.append(_LATEST)
    for key, condition in (
        ("object_ids", "object_id IN ({})"),
        ("base_object_classes", "base_object_class IN ({})"),
        ("exclude_base_object_classes", "COALESCE(base_object_class, '') NOT IN ({})"),
        ("leaf_object_classes", "leaf_object_class IN ({})"),
        ("tags", _labels_in("tag")),
        ("aliases", _labels_in("alias")),
    ):
        wanted: Sequence[str] | None = chosen.get(key)
        if wanted is not None:
            parts.append(condition.format(", ".join("?" * len(wanted))))
            values.extend(wanted)
    return parts, values


def _labels_in(sort: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM labels WHERE labels.project_id = objects.project_id AND labels.object_id ="  # noqa: S608  only names from this file
        f" objects.object_id AND labels.digest = objects.digest AND sort = '{sort}' AND label IN ({{}}))"
    )


def _order(sort_by: Iterable[Mapping[str, str]]) -> str:
    terms: list[str] = []
    for item in sort_by:
        if item["field"] not in {"object_id", "created_at"}:
            raise bad_request(f"objects are sorted by object_id or created_at, not {item['field']!r}")
        terms.append(f"{item['field']} {'DESC' if item['direction'].lower() == 'desc' else 'ASC'}")
    return ", ".join([*terms, "created_at", "version_index"])


def _versions(
    connection: sqlite3.Connection, project_id: str, object_id: str, digests: Sequence[str] | None
) -> list[dict[str, Any]]:
    if digests is not None:
        return [read_object(connection, project_id, object_id, digest) for digest in digests]
    text = f"SELECT {_HEAD}, NULL FROM objects WHERE project_id = ? AND object_id = ? AND deleted_at IS NULL"  # noqa: S608  values are bound
    found = [_object(row) for row in connection.execute(text, (project_id, object_id))]
    if not found:
        raise not_found(f"no object {object_id} in {project_id}")
    return found


def _object(row: tuple[Any, ...]) -> dict[str, Any]:
    item: dict[str, Any] = dict(zip((*_COLUMNS, "is_latest", "val"), row, strict=True))
    item["val"] = {} if item["val"] is None else decode_json(item["val"])
    item["created_at"], item["deleted_at"] = from_micros(item["created_at"]), from_micros(item["deleted_at"])
    return item


def _labelled(connection: sqlite3.Connection, item: dict[str, Any]) -> dict[str, Any]:
    rows = connection.execute(
        "SELECT sort, label FROM labels WHERE project_id = ? AND object_id = ? AND digest = ? ORDER BY label",
        (item["project_id"], item["object_id"], item["digest"]),
    ).fetchall()
    names = {sort: [label for kind, label in rows if kind == sort] for sort in ("tag", "alias")}
    latest = ["latest"] if item["is_latest"] else []
    return {**item, "tags": names["tag"], "aliases": names["alias"] + latest}


def _kind(val: Any) -> str:
    if isinstance(val, Mapping) and val.get("_type") == "CustomWeaveType":  # pyright: ignore[reportUnknownMemberType]  any JSON
        weave_type: Any = val.get("weave_type")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  any JSON
        if isinstance(weave_type, Mapping) and weave_type.get("type") == "Op":  # pyright: ignore[reportUnknownMemberType]  any JSON
            return "op"
    return "object"
