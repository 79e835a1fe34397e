"""What a CI host is told of a run while its job goes on: GitHub's step summary and its annotations."""

from collections.abc import Mapping
from pathlib import Path

import click

from evalkit.report.content import build_sections
from evalkit.report.github import annotations, render_step_summary
from evalkit.results import RunResult

__all__ = ["tell_ci"]


def tell_ci(run: RunResult, env: Mapping[str, str]) -> None:
    """Append the run to the file named by GITHUB_STEP_SUMMARY; print annotations to stderr where GITHUB_ACTIONS=true.

    Elsewhere nothing happens. A summary that cannot be written costs a line on stderr, never the run.
    """
    if env.get("GITHUB_ACTIONS") == "true":
        for line in annotations(run):
            click.echo(line, err=True)
    if path := env.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(render_step_summary(run, build_sections(run)) + "\n")
        except OSError as error:
            click.echo(f"the step summary could not be written to {path}: {error.strerror}", err=True)
