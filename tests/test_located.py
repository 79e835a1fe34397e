"""A row knows its place through copies, and every value becomes JSON or is refused by name."""

import copy
import dataclasses
import pickle
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import numpy as np
import pytest

from evalkit.digest import digest_json
from evalkit.errors import DatasetError
from evalkit.located import LocatedRow, json_value, located_row, place_of
from evalkit.records import Sample


class Level(StrEnum):
    EASY = "easy"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (Level.EASY, "easy"),
        (3, 3),
        (2.5, 2.5),
        ((1, [2]), [1, [2]]),
        ({"a": {"b": (1,)}}, {"a": {"b": [1]}}),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (time(3, 4), "03:04:00"),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (np.int64(3), 3),
        (np.float64(2.5), 2.5),
        (np.float32(2.5), 2.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array([[1, 2]]), [[1, 2]]),
    ],
    ids=repr,
)
def test_values_become_json(value, expected):
    made = json_value(value, "x")
    assert made == expected
    assert type(made) is type(expected)
    digest_json(made)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"x", "x holds bytes, which has no JSON form"),
        (float("nan"), "x is nan, which JSON cannot say"),
        (np.float32("inf"), "x is inf, which JSON cannot say"),
        ([1, {"y": object()}], "x[1].y holds a object, which has no JSON form"),
        ({"y": {1: 2}}, "the key 1 in x.y is not text"),
        ({1, 2}, "x holds a set, which has no JSON form"),
    ],
    ids=["bytes", "nan", "numpy infinity", "object inside", "key", "set"],
)
def test_what_has_no_json_form_is_refused_by_name(value, message):
    with pytest.raises(ValueError, match="x") as caught:
        json_value(value, "x")
    assert str(caught.value) == message


def test_pandas_missing_time_is_refused():
    import pandas as pd

    with pytest.raises(ValueError, match="x holds a NaTType"):
        json_value(pd.NaT, "x")


def test_a_row_is_refused_with_its_place():
    with pytest.raises(DatasetError, match=r"^rows, row 3: the key 1 is not text$"):
        located_row({1: 2}, "rows, row ", 3)


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_row_keeps_its_place(again):
    row = LocatedRow({"a": 1}.items(), "f.jsonl:", 17)
    assert again(row) == {"a": 1}
    assert again(row).where == place_of(again(row), 0) == "f.jsonl:17"


def test_a_row_survives_asdict():
    sample = Sample(id="a", input="x", fields=LocatedRow({"a": 1}.items(), "f.jsonl:", 17))
    assert dataclasses.asdict(sample)["fields"] == {"a": 1}


def test_a_plain_row_is_named_by_its_number():
    assert place_of({"a": 1}, 4) == "row 5"
