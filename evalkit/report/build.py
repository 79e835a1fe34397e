"""The files that people and CI pages read, made from a stored run."""

from pathlib import Path

from evalkit.report.board_files import render_board_csv, render_board_json, render_board_markdown
from evalkit.report.content import build_sections
from evalkit.report.github import render_comment
from evalkit.report.html import render_html
from evalkit.report.junit import render_junit
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
        _write(folder, "report.html", render_html(run, sections, pack_samples(folder, run)), written)
    if wanted.get("markdown", True):
        _write(folder, "summary.md", render_markdown(run, sections), written)
        _write(folder, "comment.md", render_comment(run, sections), written)
    if wanted.get("csv", False):
        _write(folder, "leaderboard.csv", render_board_csv(run), written)
        _write(folder, "leaderboard.json", render_board_json(run), written)
        _write(folder, "leaderboard.md", render_board_markdown(run, sections), written)
    if wanted.get("junit", False):
        _write(folder, "junit.xml", render_junit(run), written)
    return tuple(written)


def _write(folder: RunFolder, name: str, content: str, written: list[Path]) -> None:
    written.append(folder.path / name)
    write_atomically(written[-1], content)
