"""A comparison as a terminal shows it: the same blocks, in columns."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evalkit.report.blocks import (
    Block,
    Cell,
    Column,
    Details,
    Inline,
    Paragraph,
    RunLine,
    Section,
    Table,
    Verdict,
)
from evalkit.report.escape import shorten
from evalkit.report.exchange import Exchange
from evalkit.report.terminal import clean_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as TextTable

__all__ = ["print_block", "print_comparison"]

_WIDTH_OF_A_PIPE = 120
_LONGEST_ANSWER = 2_000
_INDENT = "  "
_STYLES = {"better": "green", "worse": "red"}


def print_comparison(sections: Sequence[Section]) -> None:
    """Print the sections to stdout, as wide as the terminal."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else _WIDTH_OF_A_PIPE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    for section in sections:
        if section.title:
            console.print(_clean(section.title), style="bold")
        for block in section.blocks:
            print_block(console, block)
        if section.id.startswith("verdict"):
            console.print()


def print_block(console: "Console", block: Block) -> None:
    """Print one block; what a terminal cannot show is left out."""
    match block:
        case Verdict():
            console.print(_clean(block.headline), style="bold")
            console.print(_clean(block.detail))
        case RunLine():
            for line in block.codes:
                console.print(_clean(line), style="dim")
        case Paragraph():
            text = "".join(_text(part) for part in block.parts)
            console.print(_clean(text), style="dim" if block.role == "note" else None)
            console.print()
        case Table():
            if block.is_caption_shown:
                console.print(_clean(block.caption))
            console.print(_table(block))
            console.print()
        case Details():
            console.print(_clean(block.summary))
            for inner in block.blocks:
                print_block(console, inner)
        case Exchange():
            for line in _exchange(block):
                console.print(line)
            console.print()
        case _:
            pass


def _table(block: Table) -> "TextTable":
    from rich.table import Table as TextTable

    table = TextTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    shown = [place for place, column in enumerate(block.columns) if column.holds != "drawing"]
    for place in shown:
        column = block.columns[place]
        is_number = column.holds == "number"
        table.add_column(_title(column), justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in block.rows:
        cells = [row.cells[place] for place in shown]
        table.add_row(*(_cell(cell) if isinstance(cell, Cell) else "" for cell in cells))
    return table


def _title(column: Column) -> str:
    return column.short or column.title.lower() if len(column.title) > 1 else column.title


def _cell(cell: Cell) -> str:
    """Return a cell's text with its second line in brackets; a verdict stands for itself in colour."""
    text = _clean(_text(cell.text))
    if cell.second in _STYLES or cell.second == "unclear":
        return text
    return f"{text} ({_clean(cell.second)})" if cell.second else text


def _exchange(block: Exchange) -> Iterator[str]:
    yield f"{_clean(block.title)}: {_clean(block.change)}"
    parts = [("input", block.question), *([("target", block.target)] if block.target else [])]
    parts += [
        (f"{answer.title}, {answer.mark}{f' ({answer.note})' if answer.note else ''}", answer.text)
        for answer in block.answers
    ]
    for name, text in parts:
        lines = shorten(_printable(text), _LONGEST_ANSWER).splitlines() or [""]
        if len(lines) == 1:
            yield f"{_INDENT}{_clean(name)}: {lines[0]}"
        else:
            yield f"{_INDENT}{_clean(name)}:"
            yield from (f"{_INDENT * 2}{line}" for line in lines)


def _text(part: Inline) -> str:
    return part if isinstance(part, str) else part.text


def _clean(text: str) -> str:
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    """Return text that a terminal can show, without what could move its cursor or reverse its reading."""
    return clean_text(text).encode("utf-8", "replace").decode("utf-8")
