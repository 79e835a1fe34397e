"""Where a reply announces a verdict, whatever verdicts look like; pure.

A verdict counts where the judge announces one (`Verdict: B`, `[[A]]`, `Rating: 4/5`, "B is better") or where a first or
last line, or the whole reply, is nothing else. The last one wins. A letter met in prose is none; nor is one that is
quoted ("it says 'Verdict: A'") or made to depend on something ("Verdict: A if ...").
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple, Protocol, cast

from evalkit.records import Json

__all__ = ["Understand", "Verdict", "VerdictReader", "plain_text"]

_MOST_CHARACTERS = 50_000
"""A longer reply is read from its end, where its verdict stands."""

_MOST_OBJECTS = 500
_REASON_CHARACTERS = 240
_KEYS = ("verdict", "label", "grade", "rating", "score", "decision", "choice", "winner")
_REASON_KEYS = ("reason", "reasoning", "explanation", "rationale", "feedback")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_QUOTES = "\"'`“”\u2018\u2019«»"
_OPEN = r"[\s*_`\"'“”\u2018\u2019«»(\[{<#$]{0,12}(?:\\(?:boxed|text|textbf)\{)?"
_CLOSE = r"[*_`\"'“”\u2018\u2019«»)\]}>$]{0,12}"
_NAMES = (
    r"(?:verdict|label|grade|rating|score|judge?ment|decision|winner|preference|conclusion|assessment|evaluation"
    r"|classification|result|choice|(?:final|my)\s+answer)"
)
_STRONG = rf"(?<![\w-]){_NAMES}(?P<shut>{_CLOSE})\s*(?:[:=]|->|→)\s*"
_WEAK = rf"(?<![\w-]){_NAMES}{_CLOSE}\s+(?:is|would\s+be|should\s+be|must\s+be|of)\s*:?\s+"
_BETTER = (
    r"\s+(?:wins\b|(?:is|was)\s+(?:(?:the|clearly|overall|slightly|much|therefore|thus|definitely)\s+){0,3}"
    r"(?:better|best|superior|preferable|preferred|winner)\b)"
)
_AFTER = (
    r"(?=\s*(?:\Z|\n|[.,](?![0-9])|[;:!?)\]}*_`\"'“”\u2018\u2019«»|>(\\\u2014\u2013]|-(?![0-9\w])"
    r"|(?:because|since|as|is|wins|given|with|but|for|if|when|where|unless|means)\b))"
)
_RULE = re.compile(
    rf"{_CLOSE}\s*,?\s*(?:(?:only\s+)?(?:if|when|where|whenever|unless|in\s+case)\b|for\s+(?:an?|any|each|every)\s|means\b)",
    re.IGNORECASE,
)
_DECODER = json.JSONDecoder()


class Verdict(NamedTuple):
    """What a judge decided: a label or a number as the config has it, and why, in short."""

    said: str | float
    reason: str


class Understand(Protocol):
    """What turns a match into an allowed verdict, None where it is none."""

    def __call__(self, match: re.Match[str], /) -> str | float | None:
        """Return the verdict."""
        ...


class _Found(NamedTuple):
    """Where a verdict is announced; `said` is None where no allowed one stands there."""

    place: int
    said: str | float | None


class VerdictReader:
    """Finds verdicts of one form: `target` is a pattern whose group `said` is one; `compares` allows "B is better"."""

    def __init__(self, target: str, *, compares: bool) -> None:
        flags = re.IGNORECASE
        found = rf"{_OPEN}{target}(?P<end>){_CLOSE}{_AFTER}"
        self._bare = re.compile(rf"{_OPEN}{target}{_CLOSE}[.!]?{_CLOSE}\s*", flags)
        announced = rf"(?:(?:my|the|final|overall)\s+)*{_NAMES}{_CLOSE}\s*(?:[:=]|->|→|\bis\b)"
        self._line = re.compile(rf"{_OPEN}{announced}{_OPEN}{target}{_CLOSE}[.!]?{_CLOSE}", flags)
        self._strong = re.compile(_STRONG, flags)
        self._target = re.compile(found, flags)
        self._others = [re.compile(_WEAK + found, flags), re.compile(rf"\[\[\s*{target}(?P<end>)\s*\]\]", flags)]
        if compares:
            self._others.append(re.compile(rf"{target}(?P<end>){_CLOSE}{_BETTER}", flags))
            self._others.append(re.compile(rf"\bprefer(?:red)?(?:\s+is)?\s*:?\s+{found}", flags))

    def read(self, reply: str, understand: Understand) -> Verdict | None:
        """Return the last verdict; a last announcement of none that is allowed leaves none."""
        text = plain_text(reply)[-_MOST_CHARACTERS:]
        whole = self._alone(text, understand)
        if whole is not None:
            return Verdict(whole, "")
        given = _last_object(text)
        found = list(self._in_prose(text, understand, None if given is None else given.span))
        if given is not None:
            found.append(_Found(given.span[1], self._in_object(given.verdict, understand)))
        if found:
            last = max(found, key=lambda each: each.place)
            said = last.said
        else:
            said = self._on_a_line(text, understand)
        if said is None:
            return None
        return Verdict(said, given.reason if given is not None and given.reason else self._reason(text))

    def _alone(self, text: str, understand: Understand) -> str | float | None:
        match = self._bare.fullmatch(text.strip())
        return None if match is None else understand(match)

    def _in_object(self, value: Json, understand: Understand) -> str | float | None:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return self._alone(str(value).lower(), understand) if isinstance(value, bool) else None
        return self._alone(plain_text(str(value)), understand)

    def _in_prose(self, text: str, understand: Understand, masked: tuple[int, int] | None) -> Iterator[_Found]:
        for anchor in self._strong.finditer(text):
            match = self._target.match(text, anchor.end())
            if not _is_masked(anchor.start(), masked) and not (match and _is_cited(text, anchor, match)):
                yield _Found(anchor.start(), None if match is None else understand(match))
        for pattern in self._others:
            for match in pattern.finditer(text):
                said = understand(match)
                if said is not None and not _is_masked(match.start(), masked) and not _is_cited(text, match, match):
                    yield _Found(match.start("said"), said)

    def _on_a_line(self, text: str, understand: Understand) -> str | float | None:
        """Return the verdict that the last line is, else the first: of a list of them, none."""
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004  a single line is the whole reply
            return None
        for line, neighbour in ((lines[-1], lines[-2]), (lines[0], lines[1])):
            said = self._alone(line, understand)
            if said is not None and self._alone(neighbour, understand) is None:
                return said
        return None

    def _reason(self, text: str) -> str:
        """Return the prose of a reply, in short, without the lines that are the verdict alone."""
        lines = (line.strip() for line in text.splitlines() if line.strip())
        kept = (line for line in lines if not (self._bare.fullmatch(line) or self._line.fullmatch(line)))
        return _shortened(" ".join(kept))


class _Object(NamedTuple):
    """A JSON object with a verdict in it."""

    span: tuple[int, int]
    verdict: Json
    reason: str


def _last_object(text: str) -> _Object | None:
    """Return the last outermost JSON object that has a verdict."""
    found: _Object | None = None
    position = 0
    for _ in range(_MOST_OBJECTS):
        start = text.find("{", position)
        if start < 0:
            break
        try:
            value, position = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        named = {str(key).casefold(): inner for key, inner in cast("dict[str, Json]", value).items()}
        key = next((key for key in _KEYS if key in named), None)
        if key is not None:
            why = next((named[name] for name in _REASON_KEYS if isinstance(named.get(name), str)), "")
            found = _Object((start, position), named[key], _shortened(why))
    return found


def _is_masked(place: int, span: tuple[int, int] | None) -> bool:
    return span is not None and span[0] <= place < span[1]


def _is_cited(text: str, anchor: re.Match[str], match: re.Match[str]) -> bool:
    """Tell whether an announcement is quoted as a whole, or says what it would depend on."""
    shut = anchor.groupdict().get("shut") or ""
    before = text[anchor.start() - 1] if anchor.start() else " "
    after = text[match.end("end") : match.end("end") + 1]
    is_quoted = before in _QUOTES and after in _QUOTES and after != "" and not any(mark in shut for mark in _QUOTES)
    return is_quoted or _RULE.match(text, match.end("end")) is not None


def plain_text(text: str) -> str:
    """Return text in one spelling: compatible characters made equal, invisible ones gone."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _REASON_CHARACTERS else f"{words[: _REASON_CHARACTERS - 1]}…"
