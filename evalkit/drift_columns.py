"""Two nights beside each other, sample by sample: what a drift split is computed from."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from evalkit.drift_outcomes import Endings, split_item
from evalkit.stats.composition import Members
from evalkit.stats.pairing import Pairing
from evalkit.stored_items import MetricItems

__all__ = ["Columns", "align_nights"]

_NOWHERE = -1


@dataclass(frozen=True, eq=False, kw_only=True)
class Columns:
    """The samples that are equal on both nights, in one order, and beside them those that one night alone has.

    `again` are the scores of the night before judged again, the same as `before` where nothing was; `alike` is the part
    of after - again on trials that ended alike, `differs` whether any ended otherwise. NaN is a sample without score.
    """

    before: Sequence[float] = field(repr=False)
    again: Sequence[float] = field(repr=False)
    after: Sequence[float] = field(repr=False)
    alike: Sequence[float] = field(repr=False)
    differs: Sequence[bool] = field(repr=False)
    clusters: Sequence[Hashable] | None = field(repr=False)
    sides: tuple[Members, Members] = field(repr=False)
    is_binary: bool
    trials: int
    is_rejudged: bool

    @cached_property
    def common(self) -> list[int]:
        """The places that everything compared has scored."""
        columns = zip(self.before, self.again, self.after, strict=True)
        return [place for place, values in enumerate(columns) if not any(map(math.isnan, values))]

    @cached_property
    def missing(self) -> int:
        """How many equal samples only some of what is compared has scored."""
        either = sum(
            1 for pair in zip(self.before, self.after, strict=True) if not all(math.isnan(value) for value in pair)
        )
        return either - len(self.common)

    def judged(self) -> Pairing:
        """Return what judging again changed."""
        return self._pairing([self.again[place] - self.before[place] for place in self.common])

    def rest(self) -> Pairing:
        """Return what changed on trials that ended alike."""
        return self._pairing([self.alike[place] for place in self.common])

    def errors(self) -> Pairing:
        """Return what changed on trials that ended otherwise, and by leaving samples out.

        With samples left out, the values are pseudo-values: their mean is the part, and their spread that of its
        linearisation, in which a sample's influence is its share in each of the means.
        """
        common = set(self.common)
        moved = {place: self.after[place] - self.again[place] - self.alike[place] for place in self.common}
        if not self.missing:
            return self._pairing(list(moved.values()))
        influence = dict.fromkeys(range(len(self.before)), 0.0)
        total = 0.0
        whole = {place: self.after[place] - self.before[place] for place in common}
        for sign, values in (
            (1.0, _known(self.after)),
            (-1.0, _known(self.before)),
            (-1.0, whole),
            (1.0, moved),
        ):
            mean = math.fsum(values.values()) / len(values) if values else 0.0
            total += sign * mean
            for place, value in values.items():
                influence[place] += sign * (value - mean) / len(values)
        kept = sorted({*_known(self.after), *_known(self.before)})
        return self._pairing([total + len(kept) * influence[place] for place in kept], kept)

    def _pairing(self, differences: list[float], places: Sequence[int] | None = None) -> Pairing:
        chosen = self.common if places is None else places
        clusters = None if self.clusters is None else [self.clusters[place] for place in chosen]
        return Pairing(differences, self.is_binary, self.trials, clusters)


def align_nights(
    before: MetricItems, after: MetricItems, places: Sequence[tuple[int, int]], rejudged: MetricItems | None
) -> Columns:
    """Return two nights beside each other; `places` are those of equal samples, before and after.

    A re-judging that scored none of them is as good as none.
    """
    origin, found, is_rejudged = before, [first for first, _ in places], False
    if rejudged is not None:
        again = _find(before, rejudged, found)
        if any(place >= 0 and not math.isnan(rejudged.values[place]) for place in again):
            origin, found, is_rejudged = rejudged, again, True
    parts = [
        (0.0, False) if here == _NOWHERE else split_item(Endings.of(origin, here), Endings.of(after, second))
        for here, (_, second) in zip(found, places, strict=True)
    ]
    clusters = _clusters(after, [second for _, second in places])
    return Columns(
        before=[before.values[first] for first, _ in places],
        again=[math.nan if place == _NOWHERE else origin.values[place] for place in found],
        after=[after.values[second] for _, second in places],
        alike=[value for value, _ in parts],
        differs=[differs for _, differs in parts],
        clusters=clusters,
        sides=(
            _members(before, [first for first, _ in places], clusters, "before"),
            _members(after, [second for _, second in places], clusters, "after"),
        ),
        is_binary=after.kind == "binary" and before.kind == "binary",
        trials=min(before.trials, after.trials),
        is_rejudged=is_rejudged,
    )


def _find(before: MetricItems, rejudged: MetricItems, places: Sequence[int]) -> list[int]:
    if rejudged.ids == before.ids and rejudged.digests == before.digests:
        return list(places)
    known = {key: place for place, key in enumerate(zip(rejudged.ids, rejudged.digests, strict=True))}
    return [known.get((before.ids[place], before.digests[place]), _NOWHERE) for place in places]


def _members(items: MetricItems, shared: Sequence[int], groups: Sequence[Hashable] | None, side: str) -> Members:
    """Return a side's values for what its composition does; a newcomer without a group is its own."""
    chosen = set(shared)
    others = [place for place in range(len(items.ids)) if place not in chosen]
    names = None if items.clusters is None else [_named(items.clusters[place], (side, place)) for place in others]
    return Members(
        [items.values[place] for place in shared],
        [items.values[place] for place in others],
        groups if groups is not None or items.clusters is None else _clusters(items, shared),
        names,
    )


def _clusters(items: MetricItems, places: Sequence[int]) -> list[Hashable] | None:
    if items.clusters is None:
        return None
    return [_named(items.clusters[place], ("item", number)) for number, place in enumerate(places)]


def _named(cluster: Hashable, otherwise: Hashable) -> Hashable:
    """Return a group's name; the number that stands for no group is only good within one night."""
    return cluster if isinstance(cluster, str) else otherwise


def _known(values: Sequence[float]) -> dict[int, float]:
    return {place: value for place, value in enumerate(values) if not math.isnan(value)}
