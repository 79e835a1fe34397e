"""An alert as the body of a GitHub issue, in a file that a workflow's `gh` posts."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evalkit.alert import Alert
from evalkit.alert_texts import AlertTemplate, TextForm, clean_line
from evalkit.digest import digest_json
from evalkit.errors import AlertError
from evalkit.store import write_atomically

__all__ = ["GithubIssue"]

_UNSAFE = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG = 60
_MOST_CHARACTERS = 60_000
"""GitHub takes 65,536 in an issue's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubIssue:
    """Write a file for `gh issue create --body-file`; one alert keeps one file, hence one issue.

    Its first line is the issue's title, the rest its body, which begins with two comments that do not show: by the
    first the issue is found again, the second says open or closed. The workflow that `evalkit schedule show
    --for github` prints posts such files.

    Attributes:
        folder: where the files go, beside the config.
        template: a Jinja2 file, beside the config, for the Markdown below the title.
        base_dir: where relative paths start; the config's folder.
    """

    folder: str = "alerts"
    template: str | None = None
    base_dir: Path = Path()

    takes_each: ClassVar[bool] = True
    """An issue is opened and closed for each."""

    def __post_init__(self) -> None:
        self._template()

    @property
    def variables(self) -> tuple[str, ...]:
        """None: nothing is sent."""
        return ()

    async def send(self, alert: Alert) -> str:
        """Write the file, in place of an older one about the same.

        Raises:
            AlertError: it cannot be written.
        """
        identity = digest_json([alert.name, alert.key]).removeprefix("sha256:")[:12]
        slug = _UNSAFE.sub("-", f"{alert.name} {alert.key}".lower())[:_LONGEST_SLUG].strip("-")
        path = self.base_dir / self.folder / f"{slug}-{identity}.md"
        state = "closed" if alert.is_closed else "open"
        title = clean_line(f"{alert.name}: {alert.title}")
        body = self._template().render_within(alert, _MOST_CHARACTERS)
        lines = (title, f"<!-- evalkit-alert: {identity} -->", f"<!-- evalkit-state: {state} -->", "", body, "")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, "\n".join(lines))
        except OSError as error:
            raise AlertError(f"{path} cannot be written ({error.strerror})") from None
        return f"wrote {clean_line(str(path))}"

    def _template(self) -> AlertTemplate:
        return AlertTemplate.chosen(self.template, "github_issue.md.j2", TextForm.MARKDOWN, self.base_dir)
