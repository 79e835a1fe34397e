"""The SDK's own digests of objects, rows, tables and files; what the store needs of the SDK."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.weave_io.sdk_environment import prepare_environment
from evalkit.weave_io.store_errors import bad_request, conflict

if TYPE_CHECKING:
    from weave.trace.serialization.digest import ObjectDigestResult

__all__ = ["digest_file", "digest_object", "digest_rows", "digest_table"]


def digest_object(object_id: str, val: Any, wanted_class: str | None, expected: str | None) -> "ObjectDigestResult":
    """Return an object's normalised value, its classes and its digest.

    Raises:
        RequestError: the value does not fit its class, or `expected` is another digest.
    """
    prepare_environment()
    from weave.trace.serialization.digest import compute_object_digest_result

    try:
        result = compute_object_digest_result(val, wanted_class)
    except ValueError as error:
        raise bad_request(f"{object_id} is not a valid {wanted_class}: {error}") from error
    _check(f"object {object_id}", result.digest, expected)
    return result


def digest_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the digest of each row."""
    prepare_environment()
    from weave.trace.serialization.digest import compute_row_digest

    return [compute_row_digest(dict(row)) for row in rows]


def digest_table(row_digests: Sequence[str], expected: str | None) -> str:
    """Return the digest of a table of these rows.

    Raises:
        RequestError: `expected` is another digest.
    """
    prepare_environment()
    from weave.trace.serialization.digest import compute_table_digest

    digest = compute_table_digest(list(row_digests))
    _check("table", digest, expected)
    return digest


def digest_file(name: str, content: bytes, expected: str | None) -> str:
    """Return the digest of a file.

    Raises:
        RequestError: `expected` is another digest.
    """
    prepare_environment()
    from weave.trace.serialization.digest import compute_file_digest

    digest = compute_file_digest(content)
    _check(f"file {name}", digest, expected)
    return digest


def _check(what: str, digest: str, expected: str | None) -> None:
    if expected not in (None, digest):
        raise conflict(f"the digest of {what} is {digest}, not {expected}")
