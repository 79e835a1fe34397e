"""The answers of a turn as lines for a terminal: side by side where there is room, one below the other where not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.cli.chat_figures import latency_words, notes, readable, reasoning_of, usage_words
from evalkit.live_answer import INTERRUPTED, Answer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["Look", "draw_answers"]

_NARROWEST = 36
_BETWEEN = " │ "
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
_LEAST_BODY = 1


@dataclass(frozen=True, slots=True)
class Look:
    """How answers are drawn: on how many columns of characters, and whether reasoning is shown."""

    width: int
    shows_reasoning: bool = False


def draw_answers(answers: Sequence[Answer], look: Look, console: "Console", height: int | None = None) -> "list[Text]":
    """Return the lines of all answers; with `height`, at most so many, each answer down to its last lines.

    Columns have equal widths. No line is wider than `look.width`.
    """
    from rich.text import Text

    across = _columns(len(answers), look.width)
    rows = [answers[start : start + across] for start in range(0, len(answers), across)]
    width = (look.width - len(_BETWEEN) * (across - 1)) // across
    room = None if height is None else (height - (len(rows) - 1)) // len(rows)
    lines: list[Text] = []
    for number, row in enumerate(rows):
        if number:
            lines.append(Text(""))
        first = number * across
        blocks = [_Block(answer, _COLOURS[(first + at) % len(_COLOURS)]) for at, answer in enumerate(row)]
        lines += _beside([block.draw(width, look, console, room) for block in blocks], width)
    return lines


def _columns(count: int, width: int) -> int:
    """Return how many answers stand side by side: all of them, or as many as leaves no row much emptier."""
    fitting = max(1, (width + len(_BETWEEN)) // (_NARROWEST + len(_BETWEEN)))
    rows = -(-count // min(count, fitting))
    return -(-count // rows)


def _beside(blocks: "Sequence[_Drawn]", width: int) -> "list[Text]":
    """Join blocks line by line; what stands under the answers is on one height."""
    from rich.text import Text

    tallest = max(len(block.body) for block in blocks)
    deepest = max(len(block.foot) for block in blocks)
    columns = [
        [*block.head, *block.body, *[Text("")] * (tallest - len(block.body) + 1), *block.foot]
        + [Text("")] * (deepest - len(block.foot))
        for block in blocks
    ]
    joined: list[Text] = []
    for line in zip(*columns, strict=True):
        whole = Text("")
        for at, part in enumerate(line):
            piece = part.copy()
            if at:
                whole.append(_BETWEEN, style="dim")
            if at < len(line) - 1:
                piece.truncate(width, overflow="crop", pad=True)
            whole.append_text(piece)
        joined.append(whole)
    return joined


@dataclass(slots=True)
class _Drawn:
    """One answer as lines: its name, what it says, what it took."""

    head: "list[Text]"
    body: "list[Text]"
    foot: "list[Text]"


@dataclass(frozen=True, slots=True)
class _Block:
    """One answer on its way to lines."""

    answer: Answer
    colour: str

    def draw(self, width: int, look: Look, console: "Console", height: int | None) -> _Drawn:
        """Return the lines; with `height`, the last ones of the body that fit."""
        head, foot = self._head(width), self._foot(width, console)
        room = None if height is None else max(_LEAST_BODY, height - len(head) - len(foot) - 1)
        body = self._body(width, look, console, room)
        return _Drawn(head, body if room is None else body[-room:], foot)

    def _head(self, width: int) -> "list[Text]":
        from rich.text import Text

        name = Text(" ".join(readable(self.answer.label).split()), style=f"bold {self.colour}")
        name.truncate(width, overflow="ellipsis")
        return [name, Text("─" * width, style="dim")]

    def _foot(self, width: int, console: "Console") -> "list[Text]":
        answer = self.answer
        lines = _wrap(latency_words(answer), width, console, "dim")
        if answer.prediction is None:
            hurdle = answer.hurdle
            return (
                lines if hurdle is None else lines + _wrap(f"again after: {hurdle.message}", width, console, "yellow")
            )
        lines += _wrap(usage_words(answer), width, console, "dim")
        for note in notes(answer):
            lines += _wrap(note, width, console, "yellow")
        return lines

    def _body(self, width: int, look: Look, console: "Console", room: int | None) -> "list[Text]":
        from rich.text import Text

        answer = self.answer
        thought, said = reasoning_of(answer)
        lines: list[Text] = []
        if thought and look.shows_reasoning:
            lines += _wrap(_tail(thought, width, room), width, console, "dim italic")
        elif thought and (answer.prediction is not None or not said):
            lines += _wrap(f"[reasoning: {len(thought):,} characters]", width, console, "dim italic")
        if thought and said:
            lines.append(Text(""))
        lines += _wrap(_tail(said.strip("\n"), width, room), width, console)
        if answer.prediction is None:
            return lines
        if calls := answer.prediction.tool_calls:
            lines += _wrap(json.dumps(calls, ensure_ascii=False), width, console, "cyan")
        if answer.failure is not None:
            lines += [Text("")] if lines else []
            is_stopped = answer.failure.message == INTERRUPTED
            words, style = ("[interrupted]", "yellow") if is_stopped else (f"failed: {answer.failure.message}", "red")
            return lines + _wrap(words, width, console, style)
        return lines or _wrap("[an empty answer]", width, console, "dim italic")


def _tail(text: str, width: int, room: int | None) -> str:
    """Return enough of a text's end for `room` lines, from the beginning of a line: earlier ones need no wrapping."""
    if room is None:
        return text
    return text[text.rfind("\n", 0, max(0, len(text) - room * width)) + 1 :]


def _wrap(text: str, width: int, console: "Console", style: str = "") -> "list[Text]":
    from rich.text import Text

    return list(Text(readable(text), style=style).wrap(console, width, overflow="fold")) if text else []
