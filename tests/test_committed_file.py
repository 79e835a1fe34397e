from pathlib import Path

import pytest

from evalkit.committed_file import read_committed
from evalkit.config.spec import Spec
from evalkit.errors import ConfigError


class Shelf(Spec):
    shelf: int
    books: list[str]


def read(path: Path) -> Shelf:
    return read_committed(path, Shelf, kind="shelf", version=2, mend="build it again")[0]


def test_a_file_is_read_checked_and_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "shelf.json"
    path.write_text('{"shelf": 2, "books": ["a"]}', encoding="utf-8")
    found, content = read_committed(path, Shelf, kind="shelf", version=2, mend="build it again")
    assert (found.books, content) == (["a"], {"shelf": 2, "books": ["a"]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[", "not a shelf (Expecting value", id="not JSON"),
        pytest.param("\xff", "not a shelf (Expecting value", id="no text of JSON"),
        pytest.param("[]", "not a shelf, which begins with its format's version; build it again", id="a list"),
        pytest.param(
            '{"books": []}', "not a shelf, which begins with its format's version; build it again", id="no key"
        ),
        pytest.param('{"shelf": 3, "books": []}', "a shelf of version 3; this evalkit reads 2", id="another version"),
        pytest.param(
            '{"shelf": 2, "shelf": 2}', "not a shelf (a key stands twice); build it again", id="a doubled key"
        ),
        pytest.param('{"shelf": 2, "books": [1]}', "books.0: Input should be a valid string", id="a wrong value"),
        pytest.param('{"shelf": 2, "books": [], "b": 1}', "b: Extra inputs are not permitted", id="an unknown key"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "shelf.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: {said}")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the shelf cannot be read \(No such file or directory\); build it again"):
        read(tmp_path / "none.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shelf.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not a shelf"):
        read(path)
