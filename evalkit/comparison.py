"""The nouns of a comparison: two sides, and what changed from the first to the second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from evalkit.records import Json
from evalkit.results import CellResult, RunResult
from evalkit.stats.paired import PairedDifference
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems

__all__ = [
    "Comparison",
    "EvaluationComparison",
    "Fact",
    "Flip",
    "MetricComparison",
    "SampleCounts",
    "Side",
    "SliceComparison",
    "TreatmentChange",
]


@dataclass(frozen=True, eq=False)
class Side:
    """One model of one stored run; `name` is what it is called beside the other side."""

    name: str
    folder: RunFolder
    run: RunResult
    model: str
    items: Sequence[MetricItems] = field(repr=False)

    @property
    def title(self) -> str:
        """The side in a few words: its letter, its model, its run."""
        return f"{self.name}: {self.model}, run {self.run.run_id}"

    @cached_property
    def cells(self) -> Mapping[str, CellResult]:
        """The model's cells, by evaluation."""
        return {cell.evaluation: cell for cell in self.run.cells if cell.model == self.model}

    @cached_property
    def metrics(self) -> Mapping[str, MetricItems]:
        """The model's metrics, by name."""
        return {items.name: items for items in self.items if items.model == self.model}

    def plan(self, evaluation: str) -> Mapping[str, Json]:
        """Return what the run's plan says of one of the model's cells."""
        key = self.cells[evaluation].key
        return next(cell for cell in self.run.plan["cells"] if cell["key"] == key)


@dataclass(frozen=True, slots=True)
class TreatmentChange:
    """One thing that was done differently: what a comparison tests. No evaluations means all of them."""

    what: str
    first: str
    second: str
    evaluations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """How the samples of two sides meet: `changed` have the id in common, but not the content."""

    paired: int
    changed: int
    added: int
    removed: int

    @property
    def union(self) -> int:
        """All samples of either side."""
        return self.paired + self.changed + self.added + self.removed

    @property
    def share(self) -> float:
        """The part of the union that pairs; 0 where there is none."""
        return self.paired / self.union if self.union else 0.0


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample whose score changed."""

    sample_id: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """One slice of a metric; without p where its samples are too few to test."""

    key: str
    value: str
    paired: PairedDifference
    p_adjusted: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """One metric on the samples that pair, second minus first.

    `first` and `second` are the means over exactly the samples of the difference. `lowest` and `highest` are what the
    difference could be with the samples that only one side scored, their missing score set to 0 and to 1; `unscored`
    counts those of the first side, of the second and of both. `better` and `worse` heed the metric's direction; the
    largest changes stand first. `detectable` is the true difference that these samples show with power 0.8.
    """

    name: str
    evaluation: str
    scorer: str
    kind: str
    higher_is_better: bool
    is_primary: bool
    trials: tuple[int, int]
    first: float | None
    second: float | None
    paired: PairedDifference
    lowest: float | None
    highest: float | None
    unscored: tuple[int, int, int]
    better: tuple[Flip, ...] = field(repr=False)
    worse: tuple[Flip, ...] = field(repr=False)
    slices: tuple[SliceComparison, ...] = ()
    detectable: float | None = None
    p_adjusted: float | None = None
    family: str = ""

    @property
    def verdict(self) -> str:
        """better, worse, or unclear: what interval and adjusted p-value together say of the second side."""
        lower, upper, adjusted = self.paired.lower, self.paired.upper, self.p_adjusted
        if lower is None or upper is None or lower <= 0.0 <= upper:
            return "unclear"
        if adjusted is not None and adjusted >= 1 - self.paired.confidence:
            return "unclear"
        return "better" if (lower > 0.0) == self.higher_is_better else "worse"


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of the two runs as they were: no claim beyond them. None where a run does not tell."""

    name: str
    unit: str
    first: float | None
    second: float | None

    @property
    def change(self) -> float | None:
        """Second minus first."""
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True, slots=True)
class EvaluationComparison:
    """One evaluation: its samples, its metrics, and how its predictions ended.

    `outcomes` counts the predictions of paired samples that ended differently, by (first, second).
    """

    evaluation: str
    samples: SampleCounts
    metrics: tuple[MetricComparison, ...]
    outcomes: Mapping[tuple[str, str], int]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, evaluation by evaluation; `refused` holds a sentence for each metric that cannot be compared."""

    first: Side
    second: Side
    treatment: tuple[TreatmentChange, ...]
    evaluations: tuple[EvaluationComparison, ...]
    refused: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[MetricComparison, ...]:
        """Every metric that could be compared, the primary one first."""
        found = [metric for evaluation in self.evaluations for metric in evaluation.metrics]
        return tuple(sorted(found, key=lambda metric: not metric.is_primary))
