"""Which calls count together: the name of the book that their processes share, and where the books are."""

from pathlib import Path

from evalkit.digest import digest_json
from evalkit.local_weights import cache_folder
from evalkit.process_identity import machine
from evalkit.protocols import Provider
from evalkit.records import Json

__all__ = ["lease_folder", "lease_name", "lease_of"]


def lease_folder() -> Path:
    """Return where the books are: `leases` in the user's cache folder."""
    return cache_folder().parent / "leases"


def lease_name(*identity: Json) -> str:
    """Return the name of a book: a digest of what makes calls count together, on this machine as it runs now."""
    return digest_json([machine(), *identity])


def lease_of(provider: Provider, project: str | None) -> str | None:
    """Return the book of a provider's calls; None for one that calls no server which others could call too.

    An endpoint that is told the project limits the project, any other one the key, which its variable stands for.
    """
    if not provider.url.startswith(("http://", "https://")):
        return None
    if getattr(provider, "project_header", False):
        return lease_name(provider.url, "project", project)
    return lease_name(provider.url, "key", getattr(provider, "key_variable", None))
