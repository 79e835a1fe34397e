"""The parts of a sentence: plain text, links, and what carries its claim."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Inline", "Link", "PageLink", "Strong"]


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads to the samples behind it; `filters` are those of the explorer's address."""

    text: str
    filters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PageLink:
    """A text that leads to another file beside this page; `href` is its relative address."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Strong:
    """A text that carries the claim of its sentence."""

    text: str


Inline = str | Link | PageLink | Strong
"""A part of a sentence."""
