from pathlib import Path

from evalkit.config.not_yet import NOT_YET
from evalkit.config.reference import render_reference

ROOT = Path(__file__).parents[2]


def test_the_page_in_the_repository_is_this_one() -> None:
    page = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    assert page == render_reference(), "run: evalkit schema --markdown > configs/README.md"


def test_every_key_says_something() -> None:
    rows = [line for line in render_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.rstrip(" |").count("|") < 4] == []


def test_what_is_not_yet_there_is_marked() -> None:
    assert render_reference().count("*not yet*") >= len(NOT_YET)
