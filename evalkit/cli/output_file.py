"""A file that the user asked for: written whole or not at all, in a folder that is made where it lacks."""

from pathlib import Path

from evalkit.errors import StoreError
from evalkit.store import write_atomically

__all__ = ["write_output"]


def write_output(path: Path, text: str) -> None:
    """Write the file, and make the folder it is in.

    Raises:
        StoreError: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); choose another file") from None
