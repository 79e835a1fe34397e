"""A comparison as one self-contained page, and as Markdown for a pull request."""

from collections.abc import Sequence

from markupsafe import Markup

from evalkit.report.assets import load_shell, load_style
from evalkit.report.blocks import (
    Block,
    Details,
    Paragraph,
    RunLine,
    Section,
    Table,
    Verdict,
)
from evalkit.report.exchange import Answer, Exchange
from evalkit.report.html import content_policy, page_template
from evalkit.report.markdown import escape_markdown, markdown_sentence, markdown_table

__all__ = ["render_comparison", "summarize_comparison"]


def render_comparison(title: str, sections: tuple[Section, ...], *, version: str) -> str:
    """Return the page; the same comparison gives the same bytes."""
    script = load_shell()
    page = page_template("comparison.html.j2").render(
        title=title,
        what="comparison",
        sections=sections,
        version=version,
        policy=content_policy(script),
        style=Markup(load_style()),  # noqa: S704  our own file
        script=Markup(script),  # noqa: S704  our own files
    )
    return page.strip() + "\n"


def summarize_comparison(sections: Sequence[Section]) -> str:
    """Return the comparison as Markdown: no image, no HTML."""
    lines: list[str] = []
    for section in sections:
        if section.title:
            lines += [f"#### {markdown_sentence(section.title)}", ""]
        for block in section.blocks:
            lines += _lines(block)
    return "\n".join(lines).strip() + "\n"


def _lines(block: Block) -> list[str]:
    match block:
        case Verdict():
            lines = [f"### {markdown_sentence(block.headline)}", "", markdown_sentence(block.detail), ""]
        case RunLine():
            lines = ["; ".join(markdown_sentence(text) for text in (*block.texts, *block.codes)), ""]
        case Paragraph():
            text = "".join(part if isinstance(part, str) else part.text for part in block.parts)
            lines = [markdown_sentence(text), ""]
        case Table():
            caption = [f"{markdown_sentence(block.caption)}:", ""] if block.is_caption_shown else []
            lines = [*caption, *markdown_table(block, block.rows), ""]
        case Details():
            inner = (line for each in block.blocks for line in _lines(each))
            lines = [f"{markdown_sentence(block.summary)}:", "", *inner]
        case Exchange():
            lines = _exchange(block)
        case _:
            lines = []
    return lines


def _exchange(block: Exchange) -> list[str]:
    told = [f"input: {escape_markdown(block.question)}"]
    told += [f"target: {escape_markdown(block.target)}"] if block.target else []
    told += [_answer(answer) for answer in block.answers]
    return [
        f"- **{escape_markdown(block.title)}** ({escape_markdown(block.change)})",
        *(f"  - {it}" for it in told),
        "",
    ]


def _answer(answer: Answer) -> str:
    note = f" ({escape_markdown(answer.note)})" if answer.note else ""
    return f"{escape_markdown(answer.title)}, {escape_markdown(answer.mark)}: {escape_markdown(answer.text)}{note}"
