"""Trends as one self-contained page: no script, nothing loaded from anywhere."""

from collections.abc import Sequence

from markupsafe import Markup

from evalkit.report.assets import load_style, load_timeline_style
from evalkit.report.blocks import Section
from evalkit.report.html import page_template

__all__ = ["POLICY", "render_trends"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a page without scripts may do: nothing but look as its style sheet says."""


def render_trends(title: str, sections: tuple[Section, ...], *, name: str, leads: Sequence[str], version: str) -> str:
    """Return the page; the same trends give the same bytes. `leads` are the sentences under its heading."""
    page = page_template("trend.html.j2").render(
        title=title,
        name=name,
        leads=leads,
        sections=sections,
        version=version,
        policy=POLICY,
        style=Markup(f"{load_style()}\n{load_timeline_style()}"),  # noqa: S704  our own files
    )
    return page.strip() + "\n"
