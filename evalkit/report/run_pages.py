"""Where the reports of other runs are, seen from a page that speaks of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from evalkit.report.inline import Inline, PageLink

__all__ = ["RunPages"]


@dataclass(frozen=True, slots=True)
class RunPages:
    """The addresses of runs' reports, seen from the folder `beside`; `missing` says why one cannot be opened."""

    beside: Path | None = None
    missing: Mapping[str, str] = field(default_factory=dict[str, str])

    def href(self, run_id: str, folder: str, *, sample: str | None = None) -> str | None:
        """Return the address of a run's report, or of a sample in it; None where there is none to lead to."""
        if self.beside is None or run_id in self.missing:
            return None
        page = quote(os.path.relpath(Path(folder) / "report.html", self.beside), safe="/")
        if sample is None:
            return page
        return f"{page}#samples?{urlencode({'id': sample.encode('utf-8', 'replace').decode()})}"

    def link(self, run_id: str, folder: str, *, sample: str | None = None) -> Inline:
        """Return a run's id, which leads to its report where that is there."""
        href = self.href(run_id, folder, sample=sample)
        return run_id if href is None else PageLink(run_id, href)
