"""Rows of the config."""

from datetime import date

import pytest

from evalkit.errors import DatasetError
from evalkit.sources.rows import Rows


def test_rows_come_in_order_as_json():
    rows = list(Rows(rows=[{"id": 1, "day": date(2026, 1, 2)}, {"id": 2}]).load())
    assert rows == [{"id": 1, "day": "2026-01-02"}, {"id": 2}]
    assert rows[1].where == "row 2"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "rows: the list is empty"),
        ([{"id": 1}, {"x": float("nan")}], "row 2: x is nan, which JSON cannot say"),
    ],
    ids=["none", "nan"],
)
def test_unusable_rows_are_refused(rows, message):
    with pytest.raises(DatasetError) as caught:
        list(Rows(rows=rows).load())
    assert str(caught.value) == message
