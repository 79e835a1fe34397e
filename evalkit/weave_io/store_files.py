"""Files: the source of ops, and media."""

from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_digests import digest_file
from evalkit.weave_io.store_errors import not_found

__all__ = ["FileRoom"]


class FileRoom:
    """Takes and answers files. The same content twice is stored once."""

    def __init__(self, database: StoreDatabase) -> None:
        """Use `database`."""
        self._database = database

    def create(self, project_id: str, name: str, content: bytes, expected: str | None) -> str:
        """Store a file and return its digest.

        Raises:
            RequestError: `expected` is another digest.
        """
        digest = digest_file(name, content, expected)
        text = "INSERT INTO files (project_id, digest, name, content) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        values = (project_id, digest, name, content)
        self._database.write(lambda connection: connection.execute(text, values) and None)
        return digest

    def read(self, project_id: str, digest: str) -> bytes:
        """Return a file's content.

        Raises:
            RequestError: there is no such file.
        """
        with self._database.reading() as connection:
            text = "SELECT content FROM files WHERE project_id = ? AND digest = ?"
            row = connection.execute(text, (project_id, digest)).fetchone()
        if row is None:
            raise not_found(f"no file {digest} in {project_id}")
        return bytes(row[0])

    def total_size(self, project_id: str) -> int:
        """Return the bytes of all files of a project."""
        with self._database.reading() as connection:
            text = "SELECT COALESCE(SUM(LENGTH(content)), 0) FROM files WHERE project_id = ?"
            return connection.execute(text, (project_id,)).fetchone()[0]
