"""One metric of a night against other runs: the night before, the median of the last seven, the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.compare import MEASURED_DIFFERENTLY, MIN_OVERLAP, pair_samples, paired_scores
from evalkit.comparison import SampleCounts
from evalkit.measures import differing_parts
from evalkit.past_runs import PastRun
from evalkit.quarantine_items import leave_out
from evalkit.stats.paired import PairedDifference, paired_difference
from evalkit.stats.pairing import pair_items
from evalkit.stored_items import MetricItems

__all__ = ["BASELINE", "Against", "Reference", "compare_with", "median_night"]


BASELINE = "the baseline"
"""What a reference that is no earlier night is to a night."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A run that a night is compared with: what it is to the night, when it ran, and its scores by cell and scorer."""

    what: str
    run_id: str
    night: str
    items: Sequence[MetricItems]
    folder: str | None = None

    def find(self, tonight: MetricItems) -> MetricItems | None:
        """Return the same metric of the same model, None where the run has none."""
        wanted = (tonight.evaluation, tonight.model, tonight.scorer)
        return next((each for each in self.items if (each.evaluation, each.model, each.scorer) == wanted), None)


@dataclass(frozen=True, slots=True)
class Against:
    """What changed from a reference to tonight on the samples that pair; without `paired` for the reason `refused`."""

    what: str
    run_id: str
    night: str
    paired: PairedDifference | None
    samples: SampleCounts | None
    refused: str = ""

    @property
    def is_night(self) -> bool:
        """Whether the reference is an earlier night."""
        return self.what != BASELINE

    @property
    def is_shown(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        paired = self.paired
        return paired is not None and paired.lower is not None and (paired.lower > 0 or (paired.upper or 0) < 0)


def compare_with(reference: Reference, tonight: MetricItems, *, without: frozenset[str] = frozenset()) -> Against:
    """Return tonight's metric against a reference's: refused where it was measured differently or too few pair.

    `without` are samples that tonight leaves out, and the reference then as well.
    """
    found = reference.find(tonight)
    if found is None:
        return _refused(reference, "it has no such metric")
    before = leave_out(found, without)
    if parts := differing_parts(before.measure, tonight.measure):
        return _refused(reference, f"{MEASURED_DIFFERENTLY}: {'; '.join(parts)}")
    pairs = pair_samples(before, tonight)
    if not pairs.counts.paired or pairs.counts.share < MIN_OVERLAP:
        said = f"only {pairs.counts.paired} of {pairs.counts.union} samples pair"
        return _refused(reference, said, pairs.counts)
    first, second = paired_scores(before, tonight, pairs)
    paired = paired_difference(pair_items(second, first), confidence=tonight.confidence)
    if not paired.n:
        return _refused(reference, "no sample has a score on both", pairs.counts)
    return Against(reference.what, reference.run_id, reference.night, paired, pairs.counts)


def median_night(nights: Sequence[tuple[PastRun, float]]) -> PastRun | None:
    """Return the night whose mean is the median of `nights`, the later of two in the middle; None without any."""
    ranked = sorted(nights, key=lambda each: (each[1], each[0].night))
    return ranked[len(ranked) // 2][0] if ranked else None


def _refused(reference: Reference, why: str, samples: SampleCounts | None = None) -> Against:
    return Against(reference.what, reference.run_id, reference.night, None, samples, why)
