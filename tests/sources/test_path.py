"""Files by name, list and pattern."""

import pytest

from evalkit.errors import DatasetError
from evalkit.sources.path import Path

UNKNOWN = "rows are read from .jsonl, .json, .csv, .tsv (each also .gz) and .parquet; rename or convert the file"


@pytest.fixture
def folder(tmp_path):
    for name in ("qa/b.jsonl", "qa/a.jsonl", "qa/deep/c.jsonl", "qa/odd[1].jsonl"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'{{"id": "{file.stem}"}}\n')
    (tmp_path / "qa" / "notes.txt").write_text("no rows")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("qa/a.jsonl", ["qa/a.jsonl:1"]),
        ("./qa/a.jsonl", ["qa/a.jsonl:1"]),
        ("qa/?.jsonl", ["qa/a.jsonl:1", "qa/b.jsonl:1"]),
        ("qa/**/c.jsonl", ["qa/deep/c.jsonl:1"]),
        ("qa/odd[1].jsonl", ["qa/odd[1].jsonl:1"]),
        (["qa/b.jsonl", "qa/a*.jsonl"], ["qa/b.jsonl:1", "qa/a.jsonl:1"]),
    ],
    ids=["name", "dotted", "pattern", "deep", "brackets in a name", "list"],
)
def test_files_are_found_below_the_base_and_shown_as_written(folder, path, places):
    assert [row.where for row in Path(path=path, base_dir=folder).load()] == places


def test_an_absolute_path_needs_no_base(folder):
    file = str(folder / "qa" / "a.jsonl")
    assert [row.where for row in Path(path=file).load()] == [f"{file}:1"]
    pattern = str(folder / "qa" / "?.jsonl")
    assert [row["id"] for row in Path(path=pattern).load()] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("qa/z*.jsonl", "no file matches 'qa/z*.jsonl' in {folder}"),
        ("qa/z.jsonl", "no file matches 'qa/z.jsonl' in {folder}"),
        (["qa/a.jsonl", "z.csv"], "no file matches 'z.csv' in {folder}"),
        ("qa", "qa: is a folder; name its files, such as qa/*.jsonl"),
        (["qa/a.jsonl", "qa/?.jsonl"], "qa/a.jsonl: named twice in path; its rows would be read twice"),
        (
            "qa/notes.txt",
            "qa/notes.txt: " + UNKNOWN,
        ),
        ([], "path: names no file"),
    ],
    ids=["pattern", "name", "one of a list", "folder", "twice", "suffix", "empty"],
)
def test_what_cannot_be_read_is_named(folder, path, message):
    with pytest.raises(DatasetError) as caught:
        list(Path(path=path, base_dir=folder).load())
    assert str(caught.value) == message.format(folder=folder)
