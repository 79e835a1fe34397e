"""Tags and aliases of object versions: a version has many tags; an alias names one version of its object."""

import sqlite3
from collections.abc import Iterable

from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_errors import bad_request
from evalkit.weave_io.store_objects import read_object

__all__ = ["LabelRoom"]


class LabelRoom:
    """Takes and answers tags and aliases."""

    def __init__(self, database: StoreDatabase) -> None:
        """Use `database`."""
        self._database = database

    def add_tags(self, project_id: str, object_id: str, digest: str, tags: Iterable[str]) -> None:
        """Tag one version."""
        self._add(project_id, object_id, digest, "tag", list(tags))

    def remove_tags(self, project_id: str, object_id: str, digest: str, tags: Iterable[str]) -> None:
        """Take tags off one version."""
        text = "DELETE FROM labels WHERE project_id = ? AND object_id = ? AND digest = ? AND sort = 'tag' AND label = ?"
        values = [(project_id, object_id, digest, tag) for tag in tags]
        self._database.write(lambda connection: connection.executemany(text, values) and None)

    def set_aliases(self, project_id: str, object_id: str, digest: str, aliases: Iterable[str]) -> None:
        """Let aliases name this version, and no other version of the object."""
        self._add(project_id, object_id, digest, "alias", list(aliases))

    def remove_aliases(self, project_id: str, object_id: str, aliases: Iterable[str]) -> None:
        """Drop aliases of an object."""
        text = "DELETE FROM labels WHERE project_id = ? AND object_id = ? AND sort = 'alias' AND label = ?"
        values = [(project_id, object_id, alias) for alias in aliases]
        self._database.write(lambda connection: connection.executemany(text, values) and None)

    def names(self, project_id: str, sort: str) -> list[str]:
        """Return every `tag` or `alias` of a project, in alphabetical order."""
        with self._database.reading() as connection:
            text = "SELECT DISTINCT label FROM labels WHERE project_id = ? AND sort = ? ORDER BY label"
            return [row[0] for row in connection.execute(text, (project_id, sort))]

    def _add(self, project_id: str, object_id: str, digest: str, sort: str, names: list[str]) -> None:
        if "latest" in names:
            raise bad_request(f"'latest' always names the newest version and cannot be set as {sort}")

        def store(connection: sqlite3.Connection) -> None:
            known = read_object(connection, project_id, object_id, digest)["digest"]
            for name in names:
                if sort == "alias":
                    text = "DELETE FROM labels WHERE project_id = ? AND object_id = ? AND sort = ? AND label = ?"
                    connection.execute(text, (project_id, object_id, sort, name))
                row = (project_id, object_id, sort, name, known)
                connection.execute("INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?, ?)", row)

        self._database.write(store)
