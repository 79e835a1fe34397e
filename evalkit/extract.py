r"""Raw text to the answer in it, step by step: reasoning off, then a regex, a marker, a box, a number, a letter, JSON.

A step is a name, or a mapping of one name to its argument:

    strip_reasoning                     {strip_reasoning: [think, scratchpad]}
    {regex: "A: (.*)"}                  {regex: {pattern: "A: (.*)", group: 1, which: last, ignore_case: false}}
    {after: "Answer:"}                  the text after the last marker
    boxed                               what stands in the last \boxed{...}, braces balanced
    number                              the last numeric expression; {number: first}
    choice_letter                       the option letter the text states, the last one standing alone if it states none
    {json_path: "$.answer"}             the last JSON value of the text, and a path into it
    lower, strip_punctuation            forms of the answer
    tool_calls                          the tools that the model called instead of the text: a JSON list of name and
                                        arguments; the first step only

A step that finds nothing, or leaves nothing but space, ends the extraction: there is no answer.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from evalkit.errors import ConfigError
from evalkit.jsontext import follow_path, last_json, parse_path
from evalkit.letters import stated_letters
from evalkit.normalize import find_numbers, last_number
from evalkit.patterns import compile_pattern, search
from evalkit.reasoning import DEFAULT_TAGS, strip_reasoning
from evalkit.records import Json
from evalkit.registry import nearest

__all__ = ["Extractor", "strip_reasoning"]

Step = Callable[[str], str | None]

_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class Extractor:
    """A chain of steps from raw text to the answer; `steps` is the chain as it was written."""

    steps: tuple[Json, ...] = ()
    _run: tuple[Step, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def compile(cls, steps: Sequence[Json]) -> "Extractor":
        """Return the extractor of `steps`, all of them checked.

        Raises:
            ConfigError: a step is unknown or its argument is wrong; the message names the nearest step.
        """
        run = tuple(_step(written) for written in steps)
        if any(_name(written) == _CALLS for written in steps[1:]):
            raise ConfigError(f"extract: {_CALLS!r} stands in place of the text, so it can only be the first step")
        return cls(tuple(steps), run)

    @property
    def reads_calls(self) -> bool:
        """Whether the chain begins with the tools that the model called, not with its text."""
        return bool(self.steps) and _name(self.steps[0]) == _CALLS

    def extract(self, text: str) -> str | None:
        """Return the answer, stripped, or None when there is none.

        Raises:
            ValueError: the text is longer than a regex of the config may read (`patterns.MAX_CHARS`).
        """
        for step in self._run:
            found = step(text)
            if found is None:
                return None
            text = found
        return text.strip() or None


def _name(written: Json) -> Json:
    return written if isinstance(written, str) else next(iter(written), None)


def _step(written: Json) -> Step:
    name, argument = (written, None) if isinstance(written, str) else _named(written)
    if name not in _STEPS:
        raise ConfigError(f"extract: no step is called {name!r}{nearest(name, _STEPS)}")
    try:
        return _STEPS[name](argument)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"extract: step {name!r}: {error}") from None


def _named(written: Json) -> tuple[str, Json]:
    step = cast("dict[str, Json]", written) if isinstance(written, dict) else {}
    if len(step) != 1:
        raise ConfigError(f"extract: {written!r} is not a step; write a name, or one name with its argument")
    return next(iter(step.items()))


def _make_strip_reasoning(argument: Json) -> Step:
    tags = DEFAULT_TAGS if argument is None else tuple(argument)
    if isinstance(argument, str) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("its argument is a list of tag names, as in {strip_reasoning: [think]}")
    return lambda text: strip_reasoning(text, tags)


def _make_regex(argument: Json) -> Step:
    options: dict[str, Json] = {"pattern": argument} if isinstance(argument, str) else dict(argument or {})
    unknown = sorted(set(options) - {"pattern", "group", "which", "ignore_case"})
    if unknown:
        raise ValueError(f"no option {unknown[0]!r}{nearest(unknown[0], ('pattern', 'group', 'which', 'ignore_case'))}")
    if not isinstance(options.get("pattern"), str):
        raise TypeError('it needs a pattern, as in {regex: "Answer: (.*)"}')
    which = _one_of(options.get("which", "last"))
    pattern = compile_pattern(options["pattern"], ignore_case=options.get("ignore_case", False) is True)
    return partial(_regex, pattern, _group(pattern, options.get("group")), last=which == "last")


def _group(pattern: re.Pattern[str], group: Json) -> int | str | None:
    if group is None:
        return 0 if pattern.groups == 0 else None
    if isinstance(group, bool) or group not in {*range(pattern.groups + 1), *pattern.groupindex}:
        raise ValueError(f"{pattern.pattern!r} has no group {group!r}")
    return group


def _regex(pattern: re.Pattern[str], group: int | str | None, text: str, *, last: bool) -> str | None:
    """Take `group` of the match; without one, the first group that took part."""
    found = search(pattern, text, last=last)
    if found is None:
        return None
    return found[group] if group is not None else next((part for part in found.groups() if part is not None), None)


def _one_of(which: Json) -> str:
    if which not in ("first", "last"):
        raise ValueError(f"{which!r} is neither first nor last")
    return str(which)


def _make_after(argument: Json) -> Step:
    if not isinstance(argument, str) or not argument:
        raise ValueError('it needs a marker, as in {after: "Answer:"}')
    return lambda text: text.rpartition(argument)[2] if argument in text else None


def _make_number(argument: Json) -> Step:
    if _one_of("last" if argument is None else argument) == "last":
        return last_number
    return lambda text: next(iter(find_numbers(text)), None)


def _make_json_path(argument: Json) -> Step:
    if not isinstance(argument, str):
        raise TypeError('it needs a path, as in {json_path: "$.answer"}')
    steps = parse_path(argument)
    opening = "{[" if not steps else "{" if isinstance(steps[0], str) else "["
    return partial(_json_path, steps, opening)


def _json_path(steps: tuple[str | int, ...], opening: str, text: str) -> str | None:
    try:
        value = follow_path(last_json(text, opening), steps)
    except LookupError:
        return None
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def _choice_letter(text: str) -> str | None:
    return ", ".join(stated_letters(text, loose=True)) or None


_BOXES = re.compile(r"\\f?boxed\s*")


def _boxed(text: str) -> str | None:
    """Return what the last box holds; a box that is never closed holds nothing."""
    starts = [found.end() for found in _BOXES.finditer(text)]
    if not starts:
        return None
    start = starts[-1]
    if not text.startswith("{", start):
        return re.match(r"[^\s$]*", text[start:])[0]  # type: ignore[index]  the pattern matches everywhere
    depth = 0
    for brace in re.finditer(r"\\.|[{}]", text[start:]):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start + 1 : start + brace.start()]
    return None


_EDGE = " \t\r\n.,;:!?…*_`~\"'“”\u2018\u2019«»。\uff0c、\uff01\uff1f\uff1b\uff1a¿¡"
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">", "\uff08": "\uff09", "【": "】", "「": "」"}


def _strip_punctuation(text: str) -> str:
    """Strip punctuation at both ends, and brackets that enclose everything; the point of `.5` stays."""
    while True:
        bare = text.rstrip(_EDGE)
        left = bare.lstrip(_EDGE)
        bare = f".{left}" if bare.endswith(f".{left}") and left[:1].isdigit() else left
        if bare and _PAIRS.get(bare[0]) == bare[-1] and bare[0] not in bare[1:]:
            bare = bare[1:-1]
        if bare == text:
            return text
        text = bare


def _no_argument(step: Step) -> Callable[[Json], Step]:
    def make(argument: Json) -> Step:
        if argument is not None:
            raise ValueError("it takes no argument")
        return step

    return make


_STEPS: dict[str, Callable[[Json], Step]] = {
    "strip_reasoning": _make_strip_reasoning,
    "regex": _make_regex,
    "after": _make_after,
    "boxed": _no_argument(_boxed),
    "number": _make_number,
    "choice_letter": _no_argument(_choice_letter),
    "json_path": _make_json_path,
    "lower": _no_argument(str.lower),
    "strip_punctuation": _no_argument(_strip_punctuation),
    _CALLS: _no_argument(str),
}
