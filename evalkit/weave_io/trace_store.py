"""The embedded store as one thing: its rooms over one database, speaking plain dictionaries."""

from pathlib import Path

from evalkit.weave_io.store_calls import CallIntake
from evalkit.weave_io.store_codec import now_micros
from evalkit.weave_io.store_database import StoreDatabase
from evalkit.weave_io.store_feedback import FeedbackRoom
from evalkit.weave_io.store_files import FileRoom
from evalkit.weave_io.store_labels import LabelRoom
from evalkit.weave_io.store_objects import ObjectRoom
from evalkit.weave_io.store_query import CallQueries
from evalkit.weave_io.store_refs import RefReader
from evalkit.weave_io.store_tables import TableRoom
from evalkit.weave_io.store_usage import UsageReader

__all__ = ["TraceStore"]


class TraceStore:
    """An open store. Requests and answers are what goes over the wire, so that every face says the same.

    Reading needs nothing of the SDK; publishing objects, tables and files uses its digests.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, creating it and its folder when missing.

        Raises:
            StoreError: the file is not a store, is of a newer version, or cannot be created.
        """
        self.database = StoreDatabase(path)
        self.intake = CallIntake(self.database)
        self.calls = CallQueries(self.database)
        self.usage = UsageReader(self.database)
        self.objects = ObjectRoom(self.database)
        self.labels = LabelRoom(self.database)
        self.tables = TableRoom(self.database)
        self.files = FileRoom(self.database)
        self.refs = RefReader(self.database)
        self.feedback = FeedbackRoom(self.database)

    def ensure_project(self, project_id: str) -> None:
        """Note that a project exists."""
        text = "INSERT OR IGNORE INTO projects VALUES (?, ?)"
        self.database.write(lambda connection: connection.execute(text, (project_id, now_micros())) and None)

    def projects(self) -> list[str]:
        """Return the projects of the store, oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute("SELECT project_id FROM projects ORDER BY created_at, project_id").fetchall()
        return [row[0] for row in rows]

    def flush(self, timeout_s: float = 60.0) -> None:
        """Return once everything taken so far is on disk.

        Raises:
            StoreError: a change could not be written, or the time ran out.
        """
        self.database.flush(timeout_s)

    def close(self) -> None:
        """Write what is pending, end what this process left unfinished, and close the file."""
        self.database.close()

    def __enter__(self) -> "TraceStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
