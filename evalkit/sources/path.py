"""Rows from files on this machine."""

import glob
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.errors import DatasetError
from evalkit.located import LocatedRow
from evalkit.rowfiles import read_rows

__all__ = ["Path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Read jsonl, json, csv, tsv and parquet files, by suffix; `.gz` and patterns such as `qa/*.jsonl` are taken.

    Files are read in the order of the list, those of one pattern sorted by name. Relative paths start at `base_dir`.
    """

    path: str | list[str]
    base_dir: pathlib.Path = pathlib.Path()

    def load(self) -> Iterator[LocatedRow]:
        """Yield the rows of every file, each knowing its file and line.

        Raises:
            DatasetError: no file matches, a file is named twice, or one cannot be read as its suffix says.
        """
        for shown in self._files():
            file = self.base_dir / shown
            folder = file.parent
            for row in read_rows(file, shown, keeps_bytes=True):
                row.folder = folder
                yield row

    def _files(self) -> list[str]:
        patterns = [self.path] if isinstance(self.path, str) else self.path
        files = [file for pattern in patterns for file in self._matches(pattern)]
        if not files:
            raise DatasetError("path: names no file")
        seen: set[pathlib.Path] = set()
        for file in files:
            place = (self.base_dir / file).resolve()
            if place in seen:
                raise DatasetError(f"{file}: named twice in path; its rows would be read twice")
            seen.add(place)
        return files

    def _matches(self, pattern: str) -> list[str]:
        pattern = str(pathlib.Path(pattern).expanduser())
        exact = self.base_dir / pattern
        if exact.is_file():
            return [pattern]
        if exact.is_dir():
            raise DatasetError(f"{pattern}: is a folder; name its files, such as {pattern}/*.jsonl")
        found = sorted(glob.glob(pattern, root_dir=self.base_dir, recursive=True))  # noqa: PTH207  Path.glob takes no absolute pattern
        files = [file for file in found if (self.base_dir / file).is_file()]
        if not files:
            raise DatasetError(f"no file matches {pattern!r} in {self.base_dir.absolute()}")
        return files
