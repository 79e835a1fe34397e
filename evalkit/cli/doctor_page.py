"""The check-up as a terminal shows it: a line for each finding as it comes, plain where it is no terminal."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import click

from evalkit.doctor_findings import Finding, Status
from evalkit.report.terminal import clean_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.status import Status as Spinner

__all__ = ["DoctorPage"]

_WIDTH_OF_A_PIPE = 100_000
_CHECK_WIDTH = 9
_STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red", Status.SKIP: "dim"}


class DoctorPage:
    """Prints to stdout as a person reads it; with `as_json`, leaves stdout to the data."""

    def __init__(self, *, as_json: bool, secrets: Sequence[str]) -> None:
        self._is_silent = as_json
        self._secrets = secrets
        self._place = ""
        self._console: Console | None = None
        self._spinner: Spinner | None = None

    def __enter__(self) -> Self:
        """Start a spinner where somebody watches."""
        from rich.console import Console

        if not self._is_silent:
            width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
            self._console = Console(file=sys.stdout, highlight=False, markup=False, width=width)
            if self._console.is_terminal:
                self._spinner = self._console.status("looking", spinner_style="dim")
                self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the spinner away."""
        if self._spinner is not None:
            self._spinner.stop()

    def hide(self, text: str) -> str:
        """Return a text without the keys, whoever put them there."""
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        return text

    def announce(self, text: str) -> None:
        """Say beforehand what will be asked."""
        if self._console is not None and self._console.is_terminal:
            self._console.print(text, style="dim")
        else:
            click.echo(text, err=True)

    def add(self, finding: Finding) -> None:
        """Print one finding, under its place's name."""
        if self._console is None:
            return
        if finding.place != self._place:
            self._place = finding.place
            self._console.print(f"\n{clean_text(finding.place)}", style="bold")
        self._console.print(self._line(finding))

    def conclude(self, findings: Sequence[Finding]) -> None:
        """Print how many of each kind there were."""
        if self._console is None:
            return
        count = Counter(finding.status for finding in findings)
        said = [f"{count[Status.OK]} ok"]
        for status, words in ((Status.WARN, "to know of"), (Status.FAIL, "to mend"), (Status.SKIP, "not looked at")):
            said += [f"{count[status]} {words}"] if count[status] else []
        worst = next((status for status in (Status.FAIL, Status.WARN) if count[status]), Status.OK)
        self._console.print(f"\n{', '.join(said)}", style=_STYLES[worst])

    def _line(self, finding: Finding) -> "RenderableType":
        from rich.table import Table
        from rich.text import Text

        message = " ".join(clean_text(self.hide(finding.message)).split())
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=len(Status.WARN), no_wrap=True)
        table.add_column(width=_CHECK_WIDTH, no_wrap=True)
        table.add_column(overflow="fold")
        status = Text(finding.status.value, style=_STYLES[finding.status])
        table.add_row(status, Text(finding.check), Text(message))
        return table
