"""The files that people read, made from a stored run: report.html and summary.md."""

from pathlib import Path

from evalkit.report.content import build_sections
from evalkit.report.html import render_html
from evalkit.report.markdown import render_markdown
from evalkit.report.pack import pack_samples
from evalkit.store import RunFolder, write_atomically

__all__ = ["write_report"]


def write_report(folder: RunFolder) -> tuple[Path, ...]:
    """Write the files that the run's config asks for and return their paths; the same run gives the same bytes.

    Raises:
        StoreError: the run or its journal cannot be read.
    """
    run = folder.load()
    wanted = run.config.get("report", {})
    sections = build_sections(run)
    written: list[Path] = []
    if wanted.get("html", True):
        written.append(folder.path / "report.html")
        write_atomically(written[-1], render_html(run, sections, pack_samples(folder, run)))
    if wanted.get("markdown", True):
        written.append(folder.path / "summary.md")
        write_atomically(written[-1], render_markdown(run, sections))
    return tuple(written)
