"""The table of past runs as a page of its own, and as lines for a terminal."""

from collections.abc import Sequence

from markupsafe import Markup

from evalkit.report.assets import load_style
from evalkit.report.blocks import Cell, Column, Section, Table
from evalkit.report.html import content_policy, page_template
from evalkit.report.terminal import clean_text

__all__ = ["history_lines", "render_history"]

_GAP = "  "


def render_history(name: str, table: Table, *, version: str) -> str:
    """Return the page; the same runs give the same bytes."""
    page = page_template("history.html.j2").render(
        name=name,
        title=f"{name}: past runs",
        sections=(Section("runs", "", table.caption, (table,)),),
        version=version,
        policy=content_policy(""),
        style=Markup(load_style()),  # noqa: S704  our own file
    )
    return page.strip() + "\n"


def history_lines(table: Table) -> list[str]:
    """Return the table's lines: a column each, and between the runs what happened there, over all columns."""
    from rich.cells import cell_len

    titles = [_clean(column.short or column.title.lower()) for column in table.columns]
    rows = [[_clean(_text(cell)) for cell in row.cells if isinstance(cell, Cell)] for row in table.rows]
    whole = [titles, *(cells for cells, row in zip(rows, table.rows, strict=True) if not row.is_group)]
    widths = [max(cell_len(cells[place]) for cells in whole) for place in range(len(titles))]

    def line(cells: Sequence[str]) -> str:
        fields = zip(cells, widths, table.columns, strict=True)
        return _GAP.join(_padded(cell, width - cell_len(cell), column) for cell, width, column in fields).rstrip()

    shown = zip(rows, table.rows, strict=True)
    return [line(titles), *(f"{_GAP}-- {cells[0]}" if row.is_group else line(cells) for cells, row in shown)]


def _padded(text: str, missing: int, column: Column) -> str:
    return " " * missing + text if column.holds == "number" else text + " " * missing


def _text(cell: Cell) -> str:
    text = cell.text if isinstance(cell.text, str) else cell.text.text
    return f"{text} ({cell.second})" if cell.second else text


def _clean(text: str) -> str:
    return " ".join(clean_text(text).split()).encode("utf-8", "replace").decode("utf-8")
