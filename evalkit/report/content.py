"""The report of a run as blocks: its sections in the order of the page."""

from evalkit.report.blocks import Section
from evalkit.report.sections.cost import CostSection
from evalkit.report.sections.evaluations import EvaluationsSection
from evalkit.report.sections.leaderboard import LeaderboardSection
from evalkit.report.sections.outcomes import OutcomesSection
from evalkit.report.sections.provenance import ProvenanceSection
from evalkit.report.sections.timing import TimingSection
from evalkit.report.sections.verdict import VerdictSection
from evalkit.results import RunResult

__all__ = ["build_sections"]

_SECTIONS = (
    VerdictSection(),
    LeaderboardSection(),
    EvaluationsSection(),
    CostSection(),
    OutcomesSection(),
    TimingSection(),
    ProvenanceSection(),
)


def build_sections(run: RunResult) -> tuple[Section, ...]:
    """Return the sections that apply to a run."""
    built = (block for section in _SECTIONS for block in section.build(run))
    return tuple(block for block in built if isinstance(block, Section))
