"""How much the items of a planned comparison may differ: from two stored runs, one, or a stated assumption; pure."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from evalkit.compare import MIN_OVERLAP, pair_samples
from evalkit.stats.pairing import Pairing
from evalkit.stats.power import Spread
from evalkit.stats.verdicts import judge_difference
from evalkit.stored_items import MetricItems

__all__ = [
    "FoundItems",
    "ItemSpread",
    "StoredItems",
    "assume_spread",
    "spread_of_stored",
]

_NEEDED = 5


@dataclass(frozen=True, eq=False)
class FoundItems:
    """One metric of one model, and the run it is of."""

    name: str
    items: MetricItems = field(repr=False)


@dataclass(frozen=True, eq=False)
class StoredItems:
    """The metrics of a stored run, or of a baseline; `name` says which, as a reader knows it."""

    name: str
    items: Sequence[MetricItems] = field(repr=False)

    def find(self, metric: str, model: str) -> FoundItems | None:
        """Return a metric of a model, or of the only model there is."""
        models = {each.model for each in self.items}
        wanted = model if model in models or len(models) != 1 else next(iter(models))
        found = (each for each in self.items if each.name == metric and each.model == wanted)
        items = next(found, None)
        return None if items is None else FoundItems(self.name, items)


@dataclass(frozen=True, slots=True)
class ItemSpread:
    """The spread of an item's difference (or score), and in words what it rests on.

    `within` is None where nothing tells how much trials of one item differ: then more of them promise nothing.
    """

    between: float
    within: float | None
    basis: str
    is_assumed: bool = False

    def deviation(self, trials: int) -> float:
        """Return the standard deviation of an item's difference with `trials` trials."""
        return Spread(self.between, self.within or 0.0).deviation(trials)


def spread_of_stored(found: Sequence[FoundItems]) -> ItemSpread | None:
    """Return the spread of differences: of the first two runs that pair, else what one run lets suppose.

    Two runs: the gate's own standard error, so never none. One: p(1 - p), as if the two sides agreed half as much as a
    model with itself; half of it between items, and within them what its trials show.
    """
    for second in found[1:]:
        if (paired := _paired(found[0], second)) is not None:
            return paired
    return _supposed(found[0]) if found else None


def assume_spread(score: float) -> ItemSpread:
    """Return the spread where no run tells: p(1 - p), half between items and half within."""
    variance = score * (1.0 - score)
    basis = (
        f"no run tells: items' differences assumed to vary by p(1-p) = {variance:.3g}, p = {score:g}, half in trials"
    )
    return ItemSpread(variance / 2, variance / 2, basis, is_assumed=True)


def _paired(first: FoundItems, second: FoundItems) -> ItemSpread | None:
    old, new = first.items, second.items
    if old.measure.get("digest") != new.measure.get("digest"):
        return None
    pairs = pair_samples(new, old)
    if not pairs.counts.paired or pairs.counts.share < MIN_OVERLAP:
        return None
    differences = array("d", [new.values[a] - old.values[b] for a, b in zip(pairs.first, pairs.second, strict=True)])
    kept = [place for place, value in enumerate(differences) if not math.isnan(value)]
    groups = None if new.clusters is None else [new.clusters[pairs.first[place]] for place in kept]
    trials = min(old.trials, new.trials)
    pairing = Pairing([differences[place] for place in kept], new.kind == "binary", trials, groups)
    claim = judge_difference(pairing, margin=0.0, alpha=0.05)
    if claim.standard_error is None or claim.n < _NEEDED:
        return None
    variance = claim.standard_error**2 * claim.n
    basis = f"differences of {second.name} from {first.name} ({claim.n:,} samples)"
    if old.within is None or new.within is None:
        return ItemSpread(variance, None, basis)
    within = old.within + new.within
    seen = old.within / old.trials + new.within / new.trials
    return ItemSpread(max(0.0, variance - seen), within, basis)


def _supposed(found: FoundItems) -> ItemSpread | None:
    items = found.items
    values = _valid(items)
    if len(values) < _NEEDED:
        return None
    mean = (math.fsum(values) + 1) / (len(values) + 2)
    variance = mean * (1.0 - mean) if items.kind == "binary" else _variance(values)
    within = variance / 2 if items.within is None else 2 * items.within
    share = "half of it in trials" if items.within is None else "its own trials' noise beside half of it"
    basis = f"one run alone ({found.name}): differences assumed to vary by p(1-p) = {variance:.3g}, {share}"
    return ItemSpread(variance / 2, within, basis, is_assumed=True)


def _valid(items: MetricItems) -> list[float]:
    return [value for value in items.values if value >= 0.0]


def _variance(values: Sequence[float]) -> float:
    if len(values) < _NEEDED:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
