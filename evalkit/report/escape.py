"""Untrusted text on its way into a page: the one place that escapes it and makes invisible characters visible."""

import html
import re

from markupsafe import Markup

__all__ = ["escape_text", "mark_controls", "shorten", "shorten_label"]

_LABEL = 60
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def mark_controls(text: str) -> str:
    """Return text with each control, direction and surrogate character written as its number."""
    return _CONTROL.sub(lambda found: f"U+{ord(found[0]):04X}", text)


def escape_text(value: object) -> Markup:
    """Return a text as HTML; markup that this package made itself passes as it is."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(mark_controls(str(value))))  # noqa: S704  escaped right here


def shorten(text: str, most: int) -> str:
    """Return a text of at most `most` characters, with an ellipsis where it was cut."""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def shorten_label(label: str) -> str:
    """Return a model's label as a sentence or a chart can hold it; tables show the whole of it."""
    return shorten(" ".join(mark_controls(label).split()), _LABEL)
