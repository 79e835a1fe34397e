"""Rows written in the config itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.errors import DatasetError
from evalkit.located import LocatedRow, located_row
from evalkit.records import Json

__all__ = ["Rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Take the rows as they stand in the config."""

    rows: list[dict[str, Json]]

    def load(self) -> Iterator[LocatedRow]:
        """Yield the rows in their order.

        Raises:
            DatasetError: there are none, or a value has no JSON form.
        """
        if not self.rows:
            raise DatasetError("rows: the list is empty")
        for number, row in enumerate(self.rows, 1):
            yield located_row(row, "row ", number)
