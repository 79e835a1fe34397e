"""A run and its gate as GitHub shows them: the step summary, the comment of a pull request, and annotations."""

import re
from collections.abc import Iterator, Sequence

from evalkit.report.blocks import Section, Table
from evalkit.report.ci_cases import Case, gate_cases, run_cases
from evalkit.report.claims import claim_best, claim_tie
from evalkit.report.escape import mark_controls
from evalkit.report.markdown import escape_markdown, markdown_lead, markdown_sentence, markdown_table
from evalkit.results import RunResult

__all__ = ["annotations", "comment_marker", "first_sentence", "render_comment", "render_step_summary"]

_MOST_ROWS = 20
_MOST_ANNOTATIONS = 10
_MARKS = {
    "failure": "\u2715\u00a0FAIL",
    "error": "!\u00a0not\u00a0measured",
    "skipped": "?\u00a0undecided",
    "passed": "\u2713\u00a0PASS",
}
_ORDER = tuple(_MARKS)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def comment_marker(run: RunResult) -> str:
    """Return the hidden first line by which a comment on a pull request is found again and updated in place."""
    return f"<!-- evalkit:{_UNSAFE.sub('-', run.name).replace('--', '-')} -->"


def first_sentence(run: RunResult) -> str:
    """Return the verdict in one sentence: the gate's, else the leaderboard's claim."""
    if run.gate is not None:
        return str(run.gate["sentence"])
    return claim_best(run) if run.status == "complete" else f"The run is {run.status}. {claim_best(run)}"


def render_comment(run: RunResult, sections: Sequence[Section]) -> str:
    """Return the comment: the marker, the verdict in one sentence, the checks, the leaderboard, and which run it is."""
    return "\n".join((comment_marker(run), *_body(run, sections))) + "\n"


def render_step_summary(run: RunResult, sections: Sequence[Section]) -> str:
    """Return what a job's page shows: the comment without its marker, under the run's name."""
    return "\n".join((f"### evalkit: {markdown_sentence(run.name)}", "", *_body(run, sections))) + "\n"


def annotations(run: RunResult) -> Iterator[str]:
    """Yield a workflow command for each check and cell that did not pass; no more than GitHub shows, ten of a kind."""
    for kind, wanted in (("error", ("failure", "error")), ("warning", ("skipped",))):
        found = [case for case in (*gate_cases(run), *run_cases(run)) if case.outcome in wanted]
        shown = found if len(found) <= _MOST_ANNOTATIONS else found[: _MOST_ANNOTATIONS - 1]
        for case in shown:
            title = _property(f"evalkit {run.name}: {case.name}")
            yield f"::{kind} title={title}::{_data(case.message)}"
        if len(shown) < len(found):
            yield f"::{kind} title={_property(f'evalkit {run.name}')}::and {len(found) - len(shown)} more like these"


def _body(run: RunResult, sections: Sequence[Section]) -> list[str]:
    lines = [f"**{markdown_sentence(first_sentence(run))}**", ""]
    if run.gate is not None:
        lines += [*_checks(tuple(gate_cases(run))), *(f"{markdown_sentence(note)}\n" for note in run.gate["notes"])]
    tie = claim_tie(run)
    claim = claim_best(run) if tie is None else " ".join(tie)
    if run.gate is not None or tie is not None:
        lines += [f"**Leaderboard.** {markdown_sentence(claim)}", ""]
    lines += _boards(sections)
    commit = (run.git or {}).get("commit")
    known = (f"run `{run.run_id}`", *(() if not commit else (f"commit `{str(commit)[:7]}`",)))
    has_page = run.config.get("report", {}).get("html", True)
    page = " Every sample is in `report.html`, beside this file or in the uploaded report." if has_page else ""
    return [*lines, f"{', '.join(known)}.{page}"]


def _checks(cases: Sequence[Case]) -> list[str]:
    ranked = sorted(cases, key=lambda case: _ORDER.index(case.outcome))
    lines = ["| | check | what was found |", "| --- | --- | --- |"] if ranked else []
    lines += [_row(case) for case in ranked[:_MOST_ROWS]]
    if len(ranked) > _MOST_ROWS:
        lines += ["", f"and {len(ranked) - _MOST_ROWS} more checks"]
    return [*lines, ""]


def _row(case: Case) -> str:
    mark = "!\u00a0WARN" if case.message.startswith("WARN ") else _MARKS[case.outcome]
    return f"| {mark} | {escape_markdown(case.name)} | {markdown_sentence(case.found or case.message)} |"


def _boards(sections: Sequence[Section]) -> list[str]:
    blocks = next((section.blocks for section in sections if section.id == "leaderboard"), ())
    lines = markdown_lead(blocks)
    for block in blocks:
        if isinstance(block, Table):
            lines += [*markdown_table(block, block.rows[:_MOST_ROWS]), ""]
            if len(block.rows) > _MOST_ROWS:
                lines += [f"and {len(block.rows) - _MOST_ROWS} more", ""]
    return lines


def _data(text: str) -> str:
    return mark_controls(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
