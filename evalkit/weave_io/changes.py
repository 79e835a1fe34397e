"""What changed since an evaluation of this name was last published: dataset, scorer by scorer, or the SDK's own ops."""

from collections.abc import Mapping

from weave.trace.refs import ObjectRef
from weave.trace.weave_client import WeaveClient

from evalkit.records import Json

__all__ = ["compare_versions", "latest_version", "read_version"]

_SCORER_IDENTITY = ("use", "kind", "options", "identity")


def latest_version(client: WeaveClient, name: str) -> tuple[str, Mapping[str, Json]] | None:
    """Return digest and content of the newest version of an object, None when there is none."""
    return read_version(client, name, "latest")


def read_version(client: WeaveClient, name: str, digest: str) -> tuple[str, Mapping[str, Json]] | None:
    """Return digest and content of one version of an object, None when there is none."""
    try:
        found: Json = client.server.obj_read({"project_id": client.project_id, "object_id": name, "digest": digest})
    except Exception as error:
        if _is_absent(error):
            return None
        raise
    return found.obj.digest, found.obj.val


def compare_versions(client: WeaveClient, old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """Return which inputs of an evaluation differ between two versions: "dataset", "scorer <name>", "sdk"."""
    changed = ["dataset"] if old.get("dataset") != new.get("dataset") else []
    before, after = _scorers(old), _scorers(new)
    sdk = any(old.get(op) != new.get(op) for op in ("evaluate", "predict_and_score", "summarize"))
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) == after.get(name):
            continue
        if name in before and name in after and _identity(client, before[name]) == _identity(client, after[name]):
            sdk = True
        else:
            changed.append(f"scorer {name}")
    if not changed and not sdk and list(before) != list(after):
        changed.append("order of scorers")
    return [*changed, "sdk"] if sdk else changed


def _scorers(evaluation: Mapping[str, Json]) -> dict[str, str]:
    refs: list[str] = list(evaluation.get("scorers") or ())
    return {ObjectRef.parse_uri(uri).name: uri for uri in refs}


def _identity(client: WeaveClient, uri: str) -> dict[str, Json] | None:
    ref = ObjectRef.parse_uri(uri)
    found = read_version(client, ref.name, ref.digest)
    return None if found is None else {name: found[1].get(name) for name in _SCORER_IDENTITY}


def _is_absent(error: Exception) -> bool:
    return getattr(getattr(error, "response", None), "status_code", None) == 404 or "NotFound" in type(error).__name__  # noqa: PLR2004  HTTP's own number
