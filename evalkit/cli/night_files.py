"""The morning report on disk: a night's page, its Markdown and its JSON, in place of those of an earlier try."""

import json
from collections.abc import Sequence
from pathlib import Path

import evalkit
from evalkit.cli.output_file import write_output
from evalkit.flip_ledger import SampleRecord, SampleState
from evalkit.history import History
from evalkit.night_result import MetricNight, NightResult
from evalkit.report.blocks import Block, Paragraph
from evalkit.report.flip_answers import read_then_and_now
from evalkit.report.flip_sections import show_then_and_now
from evalkit.report.night_page import render_night, summarize_night
from evalkit.report.night_sections import build_night
from evalkit.report.numbers import plural
from evalkit.report.run_pages import RunPages

__all__ = ["write_night"]

_SHOWN_FAILURES = 10

_Failure = tuple[MetricNight, SampleRecord]


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
    """Return samples that were right night after night and no longer are, with the answers then and now.

    Those of metrics that moved come first, then the least probable; where there is room, samples that failed for the
    first time with a metric that moved tonight.
    """
    metrics = [metric for metric in result.metrics if metric.ledger is not None]
    fresh = [(metric, each) for metric in metrics for each in _of(metric, SampleState.NEW_FAILURE)]
    fresh.sort(key=_strength)
    shown = fresh[:_SHOWN_FAILURES]
    blocks = _then_and_now(shown, pages)
    if len(fresh) > len(shown):
        blocks.append(Paragraph((f"And {len(fresh) - len(shown):,} more: `evalkit flips` lists them all.",), "note"))
    for metric in metrics:
        if (room := _SHOWN_FAILURES - len(shown)) and metric.has_moved and metric.is_worse:
            first = [(metric, each) for each in _of(metric, SampleState.FAILING)]
            blocks += _first_failures(metric, first, room, pages)
            shown += first[:room]
    return tuple(blocks)


def _of(metric: MetricNight, state: SampleState) -> Sequence[SampleRecord]:
    return () if metric.ledger is None else metric.ledger.of(state)


def _strength(failure: _Failure) -> tuple[bool, float]:
    """Sort what belongs to a metric that moved first, then the least probable."""
    metric, record = failure
    return not (metric.has_moved or metric.standing is not None), record.chance or 0.0


def _first_failures(metric: MetricNight, failures: Sequence[_Failure], room: int, pages: RunPages) -> Sequence[Block]:
    if not failures:
        return ()
    said = (
        f"{metric.title} moved, and {plural(len(failures), 'sample')} that it had right night after night"
        f" {'are' if len(failures) > 1 else 'is'} wrong, not for long enough yet to call each failure stable."
    )
    return Paragraph((said,), "note"), *_then_and_now(failures[:room], pages)


def _then_and_now(failures: Sequence[_Failure], pages: RunPages) -> list[Block]:
    """Return failures with their answers, in their order; each run folder is read once a metric."""
    read: dict[tuple[str, str], tuple[Block, ...]] = {}
    for metric in dict.fromkeys(metric for metric, _ in failures):
        ledger = metric.ledger
        assert ledger is not None
        records = [each for of, each in failures if of is metric]
        for each in read_then_and_now(ledger, records):
            read[metric.title, each.record.sample_id] = show_then_and_now(ledger, each, pages)
    return [block for metric, each in failures for block in read.get((metric.title, each.sample_id), ())]
