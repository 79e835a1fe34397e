"""Blocks of reasoning: taken off an answer before it is scored, told apart when it is shown."""

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["DEFAULT_TAGS", "split_reasoning", "strip_reasoning"]

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


def split_reasoning(text: str, tags: Sequence[str] = DEFAULT_TAGS) -> tuple[str, str]:
    """Return the reasoning and the rest of a text that may still be growing, by the rules of `strip_reasoning`.

    A block that is not closed yet is reasoning; of a text without tags the reasoning is "".
    """
    if "<" not in text:
        return "", text
    thought: list[str] = []
    said: list[str] = []
    start, inside = 0, ""
    for tag in _tag_pattern(tuple(tags)).finditer(text):
        closing, name, empty = tag[1] == "/", tag[2].lower(), tag[3] == "/"
        if inside and not (closing and name == inside):
            continue
        before = text[start : tag.start()]
        if inside or closing:
            thought += (*said, before) if not inside else (before,)
            said = said if inside else []
        else:
            said.append(before)
        start, inside = tag.end(), "" if closing or empty else name
    (thought if inside else said).append(text[start:])
    rest = "".join(said)
    return "".join(thought).strip(), rest.strip() if start else rest


@lru_cache(maxsize=64)
def _tag_pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(re.escape(tag) for tag in tags) or r"(?!)"
    return re.compile(rf"<(/?)\s*({names})(?=[\s/>])[^<>]*?(/?)>", re.IGNORECASE)
