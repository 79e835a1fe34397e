import pytest
from markupsafe import Markup

from evalkit.report.escape import escape_text, mark_controls, shorten, shorten_label


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x00", "U+0000"),
        ("\x1b[31m", "U+001B[31m"),
        ("a\u202eb", "aU+202Eb"),
        ("\ud800", "U+D800"),
        ("\u200b\ufeff", "U+200BU+FEFF"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
    ],
    ids=["plain", "nul", "escape", "override", "surrogate", "invisible", "letters"],
)
def test_controls_are_marked(text, marked):
    assert mark_controls(text) == marked


@pytest.mark.parametrize("text", ["<script>", "</script>", "\" onload='x'", "&amp;", "<img src=x onerror=alert(1)>"])
def test_nothing_of_html_is_left(text):
    assert not set(escape_text(text)) & set("<>\"'")


def test_own_markup_passes():
    assert escape_text(Markup("<b>x</b>")) == "<b>x</b>"


def test_shorten():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"


def test_a_label_in_a_sentence_has_at_most_sixty_characters():
    assert shorten_label("Atlas\n 70B") == "Atlas 70B"
    assert len(shorten_label("\u202e" * 60)) == 60
