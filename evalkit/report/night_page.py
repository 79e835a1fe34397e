"""A night as one self-contained page, and as Markdown."""

from markupsafe import Markup

from evalkit.report.assets import load_shell, load_style, load_timeline_style
from evalkit.report.blocks import Section
from evalkit.report.comparison_page import summarize_comparison
from evalkit.report.html import content_policy, page_template

__all__ = ["render_night", "summarize_night"]


def render_night(title: str, sections: tuple[Section, ...], *, version: str) -> str:
    """Return the page; the same night gives the same bytes."""
    script = load_shell()
    page = page_template("comparison.html.j2").render(
        title=title,
        what="night",
        sections=sections,
        version=version,
        policy=content_policy(script),
        style=Markup(f"{load_style()}\n{load_timeline_style()}"),  # noqa: S704  our own files
        script=Markup(script),  # noqa: S704  our own files
    )
    return page.strip() + "\n"


def summarize_night(sections: tuple[Section, ...]) -> str:
    """Return the night as Markdown: no image, no HTML."""
    return summarize_comparison(sections)
