"""Every suffix is read the same way, and each broken file is refused by file and line."""

import gzip
import io
from datetime import date
from pathlib import Path

import pytest

from evalkit.errors import DatasetError
from evalkit.rowfiles import read_rows

ROWS = [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]
JSONL = '{"id": "a", "n": "1"}\n{"id": "b", "n": "2"}\n'
BIG = "x" * 200_000
UNKNOWN = "rows are read from .jsonl, .json, .csv, .tsv (each also .gz) and .parquet; rename or convert the file"


def read(folder: Path, name: str, content: str | bytes):
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(file, name))


def parquet(table) -> bytes:
    from pyarrow.parquet import write_table

    buffer = io.BytesIO()
    write_table(table, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("r.jsonl", JSONL, ["r.jsonl:1", "r.jsonl:2"]),
        ("R.JSONL", JSONL, ["R.JSONL:1", "R.JSONL:2"]),
        ("r.jsonl", "\ufeff" + JSONL, ["r.jsonl:1", "r.jsonl:2"]),
        ("r.jsonl", JSONL.replace("\n", "\r\n\r\n").rstrip(), ["r.jsonl:1", "r.jsonl:3"]),
        ("r.jsonl.gz", gzip.compress(JSONL.encode(), mtime=0), ["r.jsonl.gz:1", "r.jsonl.gz:2"]),
        ("r.json", "[" + JSONL.strip().replace("\n", ",") + "]", ["r.json, row 1", "r.json, row 2"]),
        (
            "r.json",
            '{"canary": "x", "n": [1], "examples": [' + JSONL.strip().replace("\n", ",\n") + "]}",
            ["r.json, row 1", "r.json, row 2"],
        ),
        ("r.json", JSONL, ["r.json:1", "r.json:2"]),
        ("r.csv", "id,n\na,1\nb,2\n", ["r.csv:2", "r.csv:3"]),
        ("r.csv", "\ufeffid,n\r\na,1\r\n\r\nb,2", ["r.csv:2", "r.csv:4"]),
        ("r.csv.gz", gzip.compress(b"id,n\na,1\nb,2\n", mtime=0), ["r.csv.gz:2", "r.csv.gz:3"]),
        ("r.tsv", "id\tn\na\t1\nb\t2\n", ["r.tsv:2", "r.tsv:3"]),
    ],
    ids=[
        "jsonl",
        "upper case",
        "bom",
        "crlf and blank",
        "gz",
        "json",
        "json of one list",
        "json lines",
        "csv",
        "csv bom",
        "csv gz",
        "tsv",
    ],
)
def test_each_form_gives_the_same_rows_with_their_places(tmp_path, name, content, places):
    rows = read(tmp_path, name, content)
    assert rows == ROWS
    assert [row.where for row in rows] == places


def test_a_csv_cell_may_span_lines_and_be_long(tmp_path):
    rows = read(tmp_path, "r.csv", f'id,text\na,"two\nlines, ""quoted"""\nb,{BIG}\n')
    assert rows == [{"id": "a", "text": 'two\nlines, "quoted"'}, {"id": "b", "text": BIG}]
    assert [row.where for row in rows] == ["r.csv:2", "r.csv:4"]


def test_parquet_gives_json_values(tmp_path):
    import pyarrow as pa

    table = pa.table({"id": [1, 2], "day": [date(2026, 3, 1), None], "turns": [["a"], []], "extra": [{"k": 1.5}, None]})
    rows = read(tmp_path, "r.parquet", parquet(table))
    assert rows == [
        {"id": 1, "day": "2026-03-01", "turns": ["a"], "extra": {"k": 1.5}},
        {"id": 2, "day": None, "turns": [], "extra": None},
    ]
    assert rows[1].where == "r.parquet, row 2"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.jsonl", '{"a": 1}\n\n{"a": }\n', "r.jsonl:3: not JSON: Expecting value (column 7)"),
        ("r.jsonl", '{"a": 1}\n{"a": NaN}\n', "r.jsonl:2: not JSON: NaN is not a JSON number"),
        ("r.jsonl", '{"a": -Infinity}\n', "r.jsonl:1: not JSON: -Infinity is not a JSON number"),
        ("r.jsonl", '{"a": 1e999}\n', "r.jsonl:1: the number 1e999 is too large"),
        ("r.jsonl", '{"a": {"b": 1, "b": 2}}\n', "r.jsonl:1: the key 'b' stands twice in one object"),
        ("r.jsonl", '{"a": 1}\n[1]\n', "r.jsonl:2: a row must be an object, not a list"),
        ("r.jsonl", "17\n", "r.jsonl:1: a row must be an object, not a number"),
        ("r.jsonl", '{"a": 1} {"a": 2}\n', "r.jsonl:1: not JSON: Extra data (column 10)"),
        ("r.jsonl", "[" * 100_000, "r.jsonl:1: nested too deeply to be read"),
        ("r.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "r.jsonl:2: not UTF-8 (invalid start byte); save the file as UTF-8"),
        ("r.jsonl", "\ufeff".encode("utf-16"), "r.jsonl:1: not UTF-8 (invalid start byte); save the file as UTF-8"),
        ("r.jsonl", "", "r.jsonl: the file holds no rows"),
        ("r.jsonl", "\n  \n", "r.jsonl: the file holds no rows"),
        ("r.jsonl.gz", b"plain", "r.jsonl.gz: the gzip data is broken after line 0: Not a gzipped file (b'pl')"),
        (
            "r.jsonl.gz",
            gzip.compress(JSONL.encode(), mtime=0)[:-8],
            (
                "r.jsonl.gz: the gzip data is broken after line 2: "
                "Compressed file ended before the end-of-stream marker was reached"
            ),
        ),
        ("r.json", "", "r.json: the file holds no rows"),
        ("r.json", "[]", "r.json: the file holds no rows"),
        ("r.json", '[{"a": 1},\n {"a": }]', "r.json:2: not JSON: Expecting value (column 8)"),
        ("r.json", '[{"a": 1}, 2]', "r.json, row 2: a row must be an object, not a number"),
        ("r.json", '"text"', "r.json: must hold a list of objects, not text"),
        ("r.json", '{"a": 1}', "r.json: the object in it has no list of objects"),
        ("r.json", '{"a": []}', "r.json: the object in it has no list of objects"),
        (
            "r.json",
            '{"train": [{"a": 1}], "test": [{"a": 2}]}',
            "r.json: the object in it has several lists of objects (train, test); keep one a file",
        ),
        ("r.json", '{"a": 1}\n{"a": }', "r.json:2: not JSON: Expecting value (column 7)"),
        ("r.csv", "", "r.csv: the file holds no rows"),
        ("r.csv", "id,n\n", "r.csv: the file holds no rows"),
        ("r.csv", "id,n\na,1\nb\n", "r.csv:3: 1 values for 2 columns (id, n)"),
        ("r.csv", 'id,n\n"a\nb",1\nc,2,3\n', "r.csv:4: 3 values for 2 columns (id, n)"),
        ("r.csv", "id,id\na,1\n", "r.csv:1: two columns are called 'id'; rename one"),
        ("r.csv", ",n\n0,1\n", "r.csv:1: column 1 has no name; the first line must name every column"),
        ("r.csv", 'id,n\na,1\nb,"2\nc,3\n', "r.csv:3: not rows separated by ',': unexpected end of data"),
        ("r.csv", 'id,n\na,"1"2\n', "r.csv:2: not rows separated by ',': ',' expected after '\"'"),
        ("r.csv", b"id,n\na,\xe9\n", "r.csv:2: not UTF-8 (invalid continuation byte); save the file as UTF-8"),
        ("r.tsv", "id\tn\na 1\n", "r.tsv:2: 1 values for 2 columns (id, n)"),
        (
            "r.txt",
            "a",
            f"r.txt: {UNKNOWN}",
        ),
        (
            "r.parquet.gz",
            b"",
            f"r.parquet.gz: {UNKNOWN}",
        ),
    ],
)
def test_a_broken_file_is_refused_by_file_and_line(tmp_path, name, content, message):
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, name, content)
    assert str(caught.value) == message


def test_a_parquet_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"^r\.parquet: not a readable parquet file \(after row 0\): "):
        read(tmp_path, "r.parquet", b"not parquet at all")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([b"\x00"], "r.parquet, row 1: x holds bytes, which has no JSON form"),
        ([float("nan")], "r.parquet, row 1: x is nan, which JSON cannot say"),
        ([[{"y": float("inf")}]], "r.parquet, row 1: x[0].y is inf, which JSON cannot say"),
        ([], "r.parquet: the file holds no rows"),
    ],
    ids=["bytes", "nan", "nested infinity", "no rows"],
)
def test_a_parquet_value_without_json_form_is_refused(tmp_path, column, message):
    import pyarrow as pa

    with pytest.raises(DatasetError) as caught:
        read(tmp_path, "r.parquet", parquet(pa.table({"x": column})))
    assert str(caught.value) == message


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(DatasetError) as caught:
        list(read_rows(tmp_path / "gone.jsonl", "gone.jsonl"))
    assert str(caught.value) == "gone.jsonl: cannot be read: No such file or directory"


def test_rows_before_the_fault_are_given(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text('{"a": 1}\n{"a": ')
    rows = read_rows(file, "r.jsonl")
    assert next(rows) == {"a": 1}
    with pytest.raises(DatasetError, match=r"^r\.jsonl:2: "):
        next(rows)
