"""The morning report on disk: a night's page, its Markdown and its JSON, in place of those of an earlier try."""

import json
from collections.abc import Sequence
from pathlib import Path

import evalkit
from evalkit.cli.output_file import write_output
from evalkit.flip_ledger import SampleState
from evalkit.history import History
from evalkit.night_result import NightResult
from evalkit.report.blocks import Block, Paragraph
from evalkit.report.flip_answers import read_then_and_now
from evalkit.report.flip_sections import show_then_and_now
from evalkit.report.night_page import render_night, summarize_night
from evalkit.report.night_sections import build_night
from evalkit.report.run_pages import RunPages

__all__ = ["write_night"]

_SHOWN_FAILURES = 10


def write_night(result: NightResult, reports: Path, history: History, said: Sequence[str] = ()) -> Path:
    """Write the three files and return the page's path; `said` is what became of the alerts of this try."""
    folder = reports / result.name / "nightly"
    pages = RunPages(beside=folder.resolve())
    sections = build_night(result, pages, _failures(result, pages), (*_told(result, history), *said))
    page = folder / f"{result.night}.html"
    write_output(page, render_night(f"{result.name}, {result.night}", sections, version=evalkit.__version__))
    write_output(page.with_suffix(".md"), summarize_night(sections))
    write_output(page.with_suffix(".json"), json.dumps(result.describe(), indent=1) + "\n")
    return page


def _told(result: NightResult, history: History) -> list[str]:
    """Return what somebody was told on this night, in whichever try of it."""
    entries = [entry for entry in history.alert_entries(result.name) if entry.told == result.night]
    return [
        f"Told on this night{', that it is over' if entry.closed == result.night else ''}: {entry.title}"
        for entry in entries
    ]


def _failures(result: NightResult, pages: RunPages) -> tuple[Block, ...]:
    """Return samples that were right night after night and no longer are, with the answers then and now."""
    blocks: list[Block] = []
    shown = left = 0
    for ledger in (metric.ledger for metric in result.metrics if metric.ledger is not None):
        fresh = ledger.of(SampleState.NEW_FAILURE)
        first = fresh[: _SHOWN_FAILURES - shown]
        shown, left = shown + len(first), left + len(fresh) - len(first)
        for each in read_then_and_now(ledger, first):
            blocks += show_then_and_now(ledger, each, pages)
    if left:
        blocks.append(Paragraph((f"And {left:,} more: `evalkit flips` lists them all.",), "note"))
    return tuple(blocks)
