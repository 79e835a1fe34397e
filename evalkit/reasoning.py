"""Blocks of reasoning taken off an answer before it is scored."""

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["DEFAULT_TAGS", "strip_reasoning"]

DEFAULT_TAGS = ("think", "thinking", "reasoning")
"""Names of the tags that models put around their reasoning."""


def strip_reasoning(text: str, tags: Sequence[str] = DEFAULT_TAGS) -> str | None:
    """Return `text` without its blocks of reasoning, or None when the last one is never closed.

    A closing tag without an opening one strips all before it (a chat template may have written the opening tag).
    An opening tag inside a block is text. A text without tags comes back as it is.
    """
    if "<" not in text:
        return text
    kept: list[str] = []
    start, inside, found_any = 0, "", False
    for tag in _tag_pattern(tuple(tags)).finditer(text):
        closing, name, empty = tag[1] == "/", tag[2].lower(), tag[3] == "/"
        if inside and not (closing and name == inside):
            continue
        if not inside and closing:
            kept.clear()
        elif not inside:
            kept.append(text[start : tag.start()])
        found_any = True
        start, inside = tag.end(), "" if closing or empty else name
    if not found_any:
        return text
    return None if inside else "".join((*kept, text[start:])).strip()


@lru_cache(maxsize=64)
def _tag_pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(re.escape(tag) for tag in tags) or r"(?!)"
    return re.compile(rf"<(/?)\s*({names})(?=[\s/>])[^<>]*?(/?)>", re.IGNORECASE)
