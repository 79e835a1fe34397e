"""The report of a run as blocks: its sections in the order of the page, then those of installed plugins."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Protocol

from evalkit.report.blocks import Block, Section
from evalkit.report.sections.cost import CostSection
from evalkit.report.sections.evaluations import EvaluationsSection
from evalkit.report.sections.judges import JudgesSection
from evalkit.report.sections.leaderboard import LeaderboardSection
from evalkit.report.sections.outcomes import OutcomesSection
from evalkit.report.sections.provenance import ProvenanceSection
from evalkit.report.sections.timing import TimingSection
from evalkit.report.sections.verdict import VerdictSection
from evalkit.results import RunResult

__all__ = ["build_sections"]

_GROUP = "evalkit.report.sections"


class _Builder(Protocol):
    def build(self, run: RunResult) -> tuple[Block, ...]: ...


_SECTIONS = (
    VerdictSection(),
    LeaderboardSection(),
    EvaluationsSection(),
    CostSection(),
    OutcomesSection(),
    JudgesSection(),
    TimingSection(),
    ProvenanceSection(),
)


def build_sections(run: RunResult) -> tuple[Section, ...]:
    """Return the sections that apply to a run; a plugin's class stands in the group evalkit.report.sections."""
    built = (block for section in (*_SECTIONS, *_installed()) for block in section.build(run))
    return tuple(block for block in built if isinstance(block, Section))


def _installed() -> Iterator[_Builder]:
    for entry in sorted(entry_points(group=_GROUP), key=lambda each: each.name):
        yield entry.load()()
