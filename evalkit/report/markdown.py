"""A report as a short summary for pull requests and job pages: the same blocks, no image, no HTML."""

import re
from collections.abc import Sequence

from evalkit.report.blocks import (
    Block,
    Cell,
    Facts,
    Inline,
    IntervalCell,
    Paragraph,
    Row,
    Section,
    StripCell,
    Strong,
    Table,
    Verdict,
)
from evalkit.report.claims import claim_noise
from evalkit.report.escape import mark_controls, shorten
from evalkit.report.html import GLYPHS
from evalkit.report.judge_claims import claim_judges
from evalkit.results import RunResult

__all__ = ["escape_markdown", "markdown_lead", "markdown_sentence", "markdown_table", "render_markdown"]

_MOST_LINES = 60
_MOST_ROWS = 10
_MOST_CHARACTERS = 120
_FEWEST_CHARACTERS = 40
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\u00a0]+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render_markdown(run: RunResult, sections: Sequence[Section]) -> str:
    """Return the summary, at most 60 lines, cut from the bottom and never the verdict."""
    found = {section.id: section.blocks for section in sections}
    lines = [*_verdict(found["verdict"]), *_leaderboard(found.get("leaderboard", ()))]
    lines += _outcomes(found.get("outcomes", ()))
    said = (*claim_noise(run), *claim_judges(run))
    lines += [line for sentence in said for line in ("", markdown_sentence(sentence))]
    last = ["", _run_line(run), "", "Every sample: `report.html`, beside this file."]
    return "\n".join([*lines[: _MOST_LINES - len(last)], *last]) + "\n"


def escape_markdown(text: str) -> str:
    """Return untrusted text on one line, with nothing in it that Markdown or HTML would act on."""
    return markdown_sentence(shorten(_one_line(text), _MOST_CHARACTERS))


def _verdict(blocks: Sequence[Block]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Verdict):
            lines += [f"### {GLYPHS[block.kind]} {block.word}", ""]
            lines += [f"**{markdown_sentence(block.headline)}** {markdown_sentence(block.detail)}", ""]
        if isinstance(block, Table):
            lines += [*markdown_table(block, block.rows[:_MOST_ROWS]), ""]
            if len(block.rows) > _MOST_ROWS:
                lines += [f"and {len(block.rows) - _MOST_ROWS} more rules", ""]
        if isinstance(block, Facts):
            lines += [markdown_sentence(block.sentence), ""]
    return lines


def _leaderboard(blocks: Sequence[Block]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph) and block.role == "tie":
            lines += ["".join(_inline(part) for part in block.parts), ""]
    lines += markdown_lead(blocks)
    for block in blocks:
        if isinstance(block, Table):
            lines += [*([""] if lines and lines[-1] else []), *markdown_table(block, block.rows[:_MOST_ROWS])]
            if len(block.rows) > _MOST_ROWS:
                lines += ["", f"and {len(block.rows) - _MOST_ROWS} more"]
    return lines


def _outcomes(blocks: Sequence[Block]) -> list[str]:
    """Return how scorings ended, of the cells that were not scored in full."""
    lines: list[str] = []
    for block in blocks:
        if not isinstance(block, Table):
            continue
        rows: list[Row] = []
        evaluation = ""
        for row in block.rows:
            if row.is_group:
                evaluation = _cell(row.cells[0])
            elif isinstance(row.cells[-1], StripCell) and row.cells[-1].counts:
                name = Cell(f"{evaluation}, {_cell(row.cells[0])}")
                rows.append(Row((name, *row.cells[1:])))
        if rows:
            lines += ["", "Not every prediction was scored:", "", *markdown_table(block, rows[:_MOST_ROWS])]
            if len(rows) > _MOST_ROWS:
                lines += ["", f"and {len(rows) - _MOST_ROWS} more"]
    return lines


def markdown_lead(blocks: Sequence[Block]) -> list[str]:
    """Return the sentence that says what the scores of a leaderboard are, and an empty line; nothing without one."""
    leads = (block for block in blocks if isinstance(block, Paragraph) and block.role == "lead")
    return [line for lead in leads for line in ("".join(_inline(part) for part in lead.parts), "")]


def markdown_table(table: Table, rows: Sequence[Row]) -> list[str]:
    """Return the columns that hold text; what is drawn stays out."""
    kept = [place for place, _ in enumerate(table.columns) if all(_is_text(row, place) for row in rows)]
    columns = [table.columns[place] for place in kept]
    return [
        f"| {' | '.join(escape_markdown(column.title) for column in columns)} |",
        f"| {' | '.join('---:' if column.holds == 'number' else '---' for column in columns)} |",
        *(f"| {' | '.join(escape_markdown(_cell(row.cells[place])) for place in kept)} |" for row in rows),
    ]


def _is_text(row: Row, place: int) -> bool:
    return isinstance(row.cells[place], Cell)


def _cell(cell: Cell | IntervalCell | StripCell) -> str:
    if not isinstance(cell, Cell):
        return ""
    if cell.joined:
        return cell.joined
    if not cell.second or cell.is_second_code:
        return _text(cell.text)
    room = max(_FEWEST_CHARACTERS, _MOST_CHARACTERS - len(cell.second) - len(" ()"))
    return f"{shorten(_text(cell.text), room)} ({cell.second})"


def _text(part: Inline) -> str:
    return part if isinstance(part, str) else part.text


def _inline(part: Inline) -> str:
    """Return a part of a sentence; the claim is bold, so that no label at its start can open a list."""
    text = _text(part)
    return (
        f"**{markdown_sentence(text)}**"
        if isinstance(part, Strong)
        else f"{' ' * text.startswith(' ')}{markdown_sentence(text)}"
    )


def markdown_sentence(text: str) -> str:
    """Return untrusted text, whole, with nothing in it that Markdown or HTML would act on, and no link."""
    escaped = _SPECIAL.sub(r"\\\1", mark_controls(text)).replace("&", "&amp;").replace("@", "&#64;")
    escaped = _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", escaped)
    return _one_line(escaped)


def _one_line(text: str) -> str:
    """Return a text on one line, its runs of white space as one space each, but for spaces that hold words together."""
    return _SPACES.sub(" ", text).strip()


def _run_line(run: RunResult) -> str:
    commit = (run.git or {}).get("commit")
    parts = [
        f"run `{run.run_id}`",
        *(() if not commit else (f"commit `{str(commit)[:7]}`",)),
        f"plan `{run.plan_digest[:12]}`",
    ]
    digests = [f"{escape_markdown(name)} `{str(facts['digest'])[:12]}`" for name, facts in run.datasets.items()]
    return ", ".join([*parts, *digests[:5]])
