"""The nights of one series paired with its reference night, sample by sample: what compares, what does not and why."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from evalkit.history_scores import SampleSet
from evalkit.past_runs import PastMetric
from evalkit.stats.distributions import t_quantile
from evalkit.stats.night_table import NightTable, night_table

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
    Places = np.ndarray[tuple[int], np.dtype[np.int64]]

__all__ = ["LEAST_PAIRED", "NightScores", "PairedNight", "PairedNights", "pair_nights"]

LEAST_PAIRED = 0.9
"""The share of the reference's samples that a night must pair to be compared with it."""


class NightScores(Protocol):
    """One night's scores by sample, NaN where a sample has none; nights of equal samples share `samples`."""

    @property
    def samples(self) -> SampleSet:
        """The samples, in the order of `values`."""
        ...

    @property
    def values(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """Their scores."""
        ...


@dataclass(frozen=True, slots=True)
class PairedNight:
    """One night beside its reference; the difference is None where it is a gap, and `gap` says why.

    `variance` is its own estimate of the variance that re-running gives to its mean, from the night before; `noise` the
    standard deviation that all of them so far come to. The reference has neither bounds nor noise.
    """

    paired: int = 0
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None
    variance: float = 0.0
    noise: float | None = None
    gap: str = ""


@dataclass(frozen=True, slots=True)
class PairedNights:
    """Nights that measure the same thing, each beside the one at the place `reference`: the first that is whole.

    `floor` is what one flipped sample adds to the sum of the nights' variances.
    """

    reference: int | None
    nights: tuple[PairedNight, ...]
    floor: float


def pair_nights(points: Sequence[PastMetric], scores: Sequence[NightScores], without: Set[str]) -> PairedNights:
    """Pair every night with the first whole one, by id and digest, on the samples that both have scored."""
    columns = None
    early: list[PairedNight] = []
    for each in scores:
        columns = _Columns.of(each, without)
        if columns.scored and columns.scored >= LEAST_PAIRED * len(columns.places):
            break
        early.append(PairedNight(gap=f"{columns.scored} of {len(columns.places)} samples have a score"))
    if columns is None or len(early) == len(scores):
        return PairedNights(None, tuple(early), 0.0)
    start = len(early)
    weight = 1.0 / min(each.trials for each in points) if all(each.kind == "binary" for each in points) else None
    floor = 0.0 if weight is None else weight / columns.scored**2
    table = night_table(
        [columns.row(each) for each in scores[start:]],
        weight=weight,
        groups=columns.groups,
        least=LEAST_PAIRED * columns.scored,
    )
    reasons = {
        row: columns.why_not(scores[start + row], paired, points[start].run.night)
        for row, paired in enumerate(table.paired.tolist())
        if paired < LEAST_PAIRED * columns.scored
    }
    return PairedNights(start, (*early, *_nights(table, reasons, floor, points[start].confidence)), floor)


def _nights(table: NightTable, reasons: Mapping[int, str], floor: float, confidence: float) -> list[PairedNight]:
    found: list[PairedNight] = []
    total, count = floor, 0
    lower, upper = _bounds(table, confidence)
    columns = zip(table.paired.tolist(), table.means.tolist(), table.variances.tolist(), strict=True)
    for row, (paired, mean, variance) in enumerate(columns):
        if row in reasons:
            found.append(PairedNight(paired, gap=reasons[row]))
        elif row == 0:
            found.append(PairedNight(paired, mean))
        else:
            total, count = total + variance, count + 1
            found.append(PairedNight(paired, mean, lower[row], upper[row], variance, (total / count) ** 0.5))
    return found


def _bounds(table: NightTable, confidence: float) -> tuple[list[float | None], list[float | None]]:
    """Return the paired intervals; they hold their difference, and are None where the pairs are too few."""
    import numpy as np

    tail = (1 - confidence) / 2
    wide = {freedom: t_quantile(1 - tail, freedom) for freedom in set(table.freedom.tolist()) if freedom > 0}
    half = np.array([wide.get(freedom, np.nan) for freedom in table.freedom.tolist()]) * table.errors
    lower = np.minimum(table.centres - half, table.means)
    upper = np.maximum(table.centres + half, table.means)
    return _or_none(lower), _or_none(upper)


def _or_none(values: "Numbers") -> list[float | None]:
    return [value if value == value else None for value in values.tolist()]  # noqa: PLR0124  NaN


@dataclass(frozen=True, eq=False)
class _Columns:
    """The reference's samples that count, and where other nights have them; `scored` of them have a score in it."""

    samples: SampleSet
    places: "Places"
    scored: int
    groups: "Places | None"
    known: "dict[str, Places]" = field(default_factory=dict[str, "Places"], repr=False)

    @classmethod
    def of(cls, night: NightScores, without: Set[str]) -> "_Columns":
        """Take a night as the reference."""
        import numpy as np

        samples = night.samples
        kept = [place for place, name in enumerate(samples.ids) if name not in without]
        places = np.array(kept, dtype=np.int64)
        groups = None
        if samples.clusters is not None:
            numbers = {name: number for number, name in enumerate(dict.fromkeys(samples.clusters))}
            groups = np.array([numbers[samples.clusters[place]] for place in kept], dtype=np.int64)
        return cls(samples, places, int((~np.isnan(night.values[places])).sum()), groups)

    def row(self, night: NightScores) -> "Numbers":
        """Return a night's scores of these samples, NaN where it has none."""
        import numpy as np

        if night.samples.digest != self.samples.digest:
            return np.append(night.values, np.nan)[self._places_in(night.samples)]
        return night.values if len(self.places) == len(night.values) else night.values[self.places]

    def why_not(self, night: NightScores, paired: int, reference: str) -> str:
        """Say why a night is a gap."""
        gone = 0
        if night.samples.digest != self.samples.digest:
            gone = int((self._places_in(night.samples) < 0).sum())
        rest = f"{gone} of the {len(self.places)} samples are gone or changed" if gone else "the others have no score"
        return f"{paired} of {self.scored} scored samples pair with {reference}: {rest}"

    def _places_in(self, samples: SampleSet) -> "Places":
        """Return where another night's samples have these, -1 where they do not."""
        import numpy as np

        if samples.digest not in self.known:
            at = {key: place for place, key in enumerate(zip(samples.ids, samples.digests, strict=True))}
            keys = ((self.samples.ids[place], self.samples.digests[place]) for place in self.places.tolist())
            self.known[samples.digest] = np.array([at.get(key, -1) for key in keys], dtype=np.int64)
        return self.known[samples.digest]
